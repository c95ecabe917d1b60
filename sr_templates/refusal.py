"""Why a study has no score."""

from __future__ import annotations

from dataclasses import dataclass

from mome_core.results import QualityFlag, Result
from sr_templates.languages.words import Language, Wording


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no score was given, for the radiologist; no name, ID, birth date or accession number.

    Parameters
    ----------
    reason
        In English.
    code
        What stands for it in other languages, where no flag withholds the score.
    flags
        Doubts about the input.
    """

    reason: str
    code: str = ""
    flags: tuple[QualityFlag, ...] = ()

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("a study that was not analysed needs a reason")

    @classmethod
    def of(cls, result: Result) -> Refusal:
        """Of a result whose score is withheld."""
        return cls(result.withheld, result.withheld_code, result.flags)

    def said(self, words: Wording) -> str:
        """The reason in a language: what the flags that withhold the score say, else what stands for the code."""
        if words.language is Language.ENGLISH:
            return self.reason
        withholding = [words.flag(each) for each in self.flags if each.withholds]
        return " ".join(withholding) or words.by_code.get(self.code, self.reason)
