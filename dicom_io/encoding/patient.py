"""Who an object says its patient is, in a form that can be compared; it is held in memory only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:  # who compares patients by their parts needs no pydicom
    from dicom_io.encoding.elements import Elements

_DIGRAPHS = (("ae", "a"), ("oe", "o"), ("ue", "u"))  # which scanners write for umlauts
_WORD = re.compile(r"[^\W_]+")
PATIENT_KEYWORDS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
_COMPONENTS = 3  # family, given and middle name; prefix and suffix come and go (PS3.5 6.2.1)


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """Patient ID with issuer, name, birth date and sex without differences of spelling; empty where it is silent.

    What is shown of it in an error or a log is nothing.
    """

    patient_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)

    @classmethod
    def of(cls, elements: Elements) -> Self:
        """From the header of an object."""
        return cls.of_texts(*(elements.text(each) for each in PATIENT_KEYWORDS))

    @classmethod
    def of_texts(cls, patient_id: str, issuer: str, name: str, birth_date: str, sex: str) -> Self:
        """From what the attributes of `PATIENT_KEYWORDS` say."""
        said, issued = _one_word(patient_id), _one_word(issuer)
        return cls(
            patient_id=f"{said}\0{issued}" if said else "",
            name=_name(name),
            birth_date=re.sub(r"\D", "", birth_date)[:8],
            sex=sex.upper()[:1],
        )

    def is_issued_to(self, other: PatientIdentity) -> bool:
        """Whether both have the same ID of the same issuer, and neither name, birth date nor sex differs."""
        return bool(self.patient_id) and self.patient_id == other.patient_id and not are_two(self.parts, other.parts)

    def without_issuer(self) -> PatientIdentity:
        """For answers that do not say who issued an ID."""
        return replace(self, patient_id=self.patient_id.partition("\0")[0])

    @property
    def parts(self) -> tuple[str, ...]:
        """As `are_two` compares them."""
        return self.patient_id, self.name, self.birth_date, self.sex


def are_two(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether these parts of identities (or digests of them) are of two patients, or nothing shows that they are one.

    They are two where both say something and say it differently, and where only one has a patient ID. Where none has,
    name and birth date must agree.
    """
    if one == other:
        return False
    pairs = list(zip(one, other, strict=True))
    if any(a != b and a and b for a, b in pairs) or bool(one[0]) != bool(other[0]):
        return True
    patient_id, name, birth_date, _ = (bool(a and b) for a, b in pairs)
    return not (patient_id or (name and birth_date))


def folded(word: str) -> str:
    """A word without accents, case, punctuation and the digraphs that stand for umlauts."""
    text = "".join(_WORD.findall(plain(word)))
    for digraph, letter in _DIGRAPHS:
        text = text.replace(digraph, letter)
    return text


def plain(text: str) -> str:
    """Without accents, apostrophes and case."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c) and c not in "'\u2019`.")


def _name(text: str) -> str:
    """The words of the first group of a name that says something."""
    groups = (group for group in text.split("=") if group.strip("^ "))
    components = next(groups, "").split("^")[:_COMPONENTS]
    words = re.split(r"[\s,;]+", " ".join(components))
    return " ".join(filter(None, map(folded, words)))


def _one_word(text: str) -> str:
    return "".join(text.casefold().split())
