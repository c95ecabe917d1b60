"""Each language says each sentence, with the same things filled in."""

from __future__ import annotations

from string import Formatter

import pytest

from mome_core.calibration import WithheldCode
from mome_core.results import Endpoint, QualityFlag, Severity, Withheld
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, words_of


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", Language)
def test_every_sentence_is_there_with_the_same_fields(language: Language) -> None:
    english, own = words_of(Language.ENGLISH).sentences, words_of(language).sentences
    assert list(own) == list(Phrase)
    assert all(own.values())
    assert {phrase: fields(own[phrase]) for phrase in Phrase} == {phrase: fields(english[phrase]) for phrase in Phrase}


@pytest.mark.parametrize("language", Language)
def test_every_endpoint_has_a_name_and_an_outcome(language: Language) -> None:
    words = words_of(language)
    assert len({words.endpoint(each) for each in Endpoint}) == len(Endpoint)
    assert len({words.outcome(each) for each in Endpoint}) == len(Endpoint)


def test_english_endpoints_are_called_as_everywhere_else() -> None:
    words = words_of(Language.ENGLISH)
    assert [words.endpoint(each) for each in Endpoint] == [each.words for each in Endpoint]
    assert [words.outcome(each) for each in Endpoint] == [each.outcome for each in Endpoint]


def test_a_flag_without_a_sentence_of_its_own_is_said_as_it_was_written() -> None:
    words = words_of(Language.ENGLISH)
    assert words.flag(QualityFlag("NEW", Severity.NOTE, "Something new.")) == "Something new."
    assert words.withheld(Withheld(WithheldCode.NOT_TOLD_APART, "why")) == "why"
