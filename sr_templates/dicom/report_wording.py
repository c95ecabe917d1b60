"""In which language a report speaks: the site's, where the study's character set has its letters, else English."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from highdicom.sr import ContentItem
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sr_templates.dicom.document import spoken
from sr_templates.dicom.text import CharacterSet, holds
from sr_templates.languages.words import Language, Wording, words_of


@dataclass(frozen=True, slots=True)
class ReportWording:
    """The sentences of a report, and the character set of the study that they are written in.

    Objects keep the character set of their study, so that the patient's name stays the same bytes: a report in Japanese
    of a study in Latin-1 is not possible, and is in English instead.
    """

    words: Wording
    character_set: CharacterSet

    @classmethod
    def of(cls, language: Language, source: Dataset) -> Self:
        """The language that a site wants, for a study of which this is an image."""
        found = source.get("SpecificCharacterSet") or ""
        character_set = found if isinstance(found, str) else tuple(str(each) for each in found)
        fits = holds(character_set, _letters_of(language))
        return cls(words_of(language if fits else Language.ENGLISH), character_set)

    def item(self, name: Code, words: str) -> ContentItem:
        """Words of this language, which the item states where it is not English."""
        return spoken(name, words, self.words, self.character_set)


@lru_cache(maxsize=8)
def _letters_of(language: Language) -> str:
    """Every letter of a language's tables; other signs have a spelling in ASCII."""
    table = words_of(language)
    return "".join(sorted({sign for each in table.everything for sign in each if sign.isalpha()}))
