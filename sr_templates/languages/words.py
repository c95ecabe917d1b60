"""What a page or a PDF says, in the language of its reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from mome_core.measurements import NotMeasured
from mome_core.results import Endpoint, QualityFlag, Withheld
from sr_templates.languages.phrase import Phrase


class Language(StrEnum):
    """Languages of page, PDF and report: tags of RFC 5646."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    CHINESE = "zh"
    JAPANESE = "ja"


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """The sentences of one language; calling it says one of them.

    Parameters
    ----------
    by_code
        What stands for flags and reasons, by their code; what has none is said in English, as it was written.
    why_not_measured
        The same for numbers that were not measured.
    terms
        What stands for other words of this program, by their English: statements of its models, methods of maps.
    """

    language: Language
    sentences: Mapping[Phrase, str]
    by_code: Mapping[str, str]
    why_not_measured: Mapping[str, str]
    terms: Mapping[str, str]

    def __call__(self, phrase: Phrase, **filled: object) -> str:
        return self.sentences[phrase].format(**filled)

    @property
    def everything(self) -> Iterator[str]:
        """All that can be said."""
        for table in (self.sentences, self.by_code, self.why_not_measured, self.terms):
            yield from table.values()

    def endpoint(self, endpoint: Endpoint) -> str:
        """The question in the middle of a sentence."""
        return self(Phrase(f"endpoint_{endpoint}"))

    def outcome(self, endpoint: Endpoint) -> str:
        """What a positive patient had."""
        return self(Phrase(f"outcome_{endpoint}"))

    def withheld(self, withheld: Withheld) -> str:
        """Why there is no call or no score."""
        return self.by_code.get(withheld.code, withheld.words)

    def flag(self, flag: QualityFlag) -> str:
        """One doubt about the input."""
        return self.by_code.get(flag.code, flag.message)

    def term(self, english: str) -> str:
        """A method, or what a model says of itself; what a site wrote is said as it was written."""
        return self.terms.get(english, english)

    def not_measured(self, number: NotMeasured) -> str:
        """Why a number is not given, in the middle of a sentence."""
        return self.why_not_measured.get(number.code, number.words)


@cache
def words_of(language: Language) -> Wording:
    """The table of a language; raises KeyError for one that lacks a sentence."""
    table = json.loads(files("sr_templates.languages").joinpath(f"{language}.json").read_text("utf-8"))
    sentences = {phrase: table["sentences"][phrase] for phrase in Phrase}
    return Wording(language, sentences, table["by_code"], table["not_measured"], table["terms"])
