"""Each language says each sentence, with the same things filled in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter

import pytest

from mome_core.calibration import WithheldCode
from mome_core.case import Modality
from mome_core.errors import Ineligibility
from mome_core.measurements import NotMeasuredCode
from mome_core.results import Endpoint, QualityFlag, Severity, Withheld
from node.models import find_bundle
from sr_templates.drawing.fonts import can_draw, drawable
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, words_of

ROOT = Path(__file__).parents[3]


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


FOREIGN = [each for each in Language if each is not Language.ENGLISH]
AS_WRITTEN = {"IMAGES_CHOSEN"}  # the sentence itself is what is known
_CODE = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"|f"([A-Z_]+_)\{(?:modality|side)\}"')
_SOURCES = ("mome_core/preprocessing/quality.py", "node/study_doubts.py", "mome_core/inference.py")


def flag_codes() -> set[str]:
    """Every code that the program's own sources give a flag."""
    parts = {"MISSING_": Modality, "UNUSABLE_": Modality, "NO_STRUCTURE_": Modality, "BESIDE_BREASTS_": Modality}
    found = {"UNSTABLE", "BREAST_NOT_FOUND_LEFT", "BREAST_NOT_FOUND_RIGHT"}
    for source in _SOURCES:
        for whole, start in _CODE.findall((ROOT / source).read_text()):
            found |= {whole} if whole else {f"{start}{each}" for each in parts.get(start, ())}
    return found - AS_WRITTEN


@pytest.mark.parametrize("language", FOREIGN)
def test_every_flag_reason_and_refusal_has_a_sentence(language: Language) -> None:
    words, codes = words_of(language), flag_codes()
    assert len(codes) > 30
    assert codes - set(words.by_code) == set()
    assert {str(each) for each in WithheldCode} - set(words.by_code) == set()
    assert {str(each) for each in Ineligibility} - set(words.by_code) == set()
    assert {str(each) for each in NotMeasuredCode} == set(words.why_not_measured)


@pytest.mark.parametrize("language", FOREIGN)
def test_the_shipped_model_and_its_maps_are_told(language: Language) -> None:
    statement = json.loads((find_bundle("demo") / "manifest.json").read_text())["statement"]
    words = words_of(language)
    assert words.term(statement) != statement
    assert words.term("integrated gradients") != "integrated gradients"
    assert words.term("what a site wrote") == "what a site wrote"


@pytest.mark.parametrize("language", FOREIGN)
def test_every_sign_can_be_drawn(language: Language) -> None:
    if not can_draw(language):
        pytest.skip(f"no font of this machine has the signs of {language}")
    for sentence in words_of(language).everything:
        assert drawable(sentence, language) == sentence


def test_a_flag_without_a_sentence_of_its_own_is_said_as_it_was_written() -> None:
    words = words_of(Language.ENGLISH)
    assert words.flag(QualityFlag("NEW", Severity.NOTE, "Something new.")) == "Something new."
    assert words.withheld(Withheld(WithheldCode.NOT_TOLD_APART, "why")) == "why"
