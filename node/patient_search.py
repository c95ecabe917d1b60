"""What a study can be found by, and what lists show of it: made from its headers, read from what a person types.

Names are compared without accents, case and punctuation, word by word, from three letters on also by their beginning;
ae, oe and ue count as a, o and u, which scanners write for umlauts. Patient ID and accession number are compared whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Self

from dicom_io.encoding.patient import folded, plain
from dicom_io.labels import Labels
from node.search_key import SearchKey, TermKind
from node.settings_sections import PatientDisplay

_SHORTEST_BEGINNING, _LONGEST_WORD = 3, 16  # letters
_FEWEST_UID_CHARACTERS = 5
_MOST_WORDS = 8
_WORD = re.compile(r"[^\W_]+")
_PARTING = re.compile(r"[\s^=,;]+")  # between the words of a name, as DICOM and as people write it
_DATES = (
    re.compile(r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"),  # ISO 8601, and as DICOM writes it
    re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"),
)
_IDENTIFIERS = (TermKind.PATIENT_ID, TermKind.ACCESSION_NUMBER)
_OF_PATIENTS = frozenset((TermKind.NAME, *_IDENTIFIERS))

_Term = tuple[TermKind, str]


@dataclass(frozen=True, slots=True)
class RowLabels:
    """What a list shows of a study beside its state; empty where the header is silent or the site shows no patient."""

    study_date: str = ""
    study_description: str = ""
    device: str = ""
    patient_id: str = ""
    patient_name: str = ""

    @classmethod
    def of(cls, labels: Labels, shown: PatientDisplay) -> Self:
        """From the labels of an image, as much of the patient as the site shows."""
        row = cls(
            study_date=labels.study_date,
            study_description=labels.study_description,
            device=" ".join(part for part in (labels.manufacturer, labels.model) if part),
        )
        if shown is PatientDisplay.NONE:
            return row
        name = labels.patient_name if shown is PatientDisplay.NAME else ""
        return replace(row, patient_id=labels.patient_id, patient_name=name)

    @classmethod
    def unsealed(cls, key: SearchKey, sealed: str) -> Self:
        """As `sealed` wrote them; empty ones for a study that has none, or that another key sealed."""
        text = key.unseal(sealed) if sealed else ""
        return cls(**json.loads(text)) if text else cls()

    def sealed(self, key: SearchKey) -> str:
        """For the ledger."""
        return key.seal(json.dumps(asdict(self)))

    def without_patient(self) -> Self:
        """For those who may not see patients."""
        return replace(self, patient_id="", patient_name="")


@dataclass(frozen=True, slots=True)
class SearchWord:
    """One word of a search: a study fits that fits any of these.

    Parameters
    ----------
    digests
        Of what it may be (SearchKey.digest).
    number
        Our own number of a study; None when the word is none.
    uid_part
        Part of a Study Instance UID, digits and dots; empty when the word is none.
    """

    digests: frozenset[int]
    number: int | None = None
    uid_part: str = ""


@dataclass(frozen=True, slots=True)
class StudySearch:
    """What a person typed: studies fit that have all of it as one number or, when there is none, that fit every word.

    Parameters
    ----------
    whole
        Digests of all of it as a patient ID or accession number, which may hold spaces; empty for one word.
    """

    words: tuple[SearchWord, ...] = ()
    whole: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.words)


def terms_of(labels: Iterable[Labels], scanner: str) -> set[_Term]:
    """Everything that a study is found by; `scanner` is the AE title that sent it."""
    terms = {(TermKind.SCANNER, each) for each in _words_of(scanner)}
    for each in labels:
        terms |= {(TermKind.NAME, start) for word in _words_of(each.patient_name) for start in _beginnings(word)}
        device = f"{each.manufacturer} {each.model} {each.station}"
        terms |= {(TermKind.SCANNER, word) for word in _words_of(device)}
        found = (
            (TermKind.PATIENT_ID, _identifier(each.patient_id)),
            (TermKind.ACCESSION_NUMBER, _identifier(each.accession_number)),
            (TermKind.STUDY_DATE, _day(each.study_date)),
        )
        terms |= {term for term in found if term[1]}
    return terms


def digests_of(terms: Iterable[_Term], key: SearchKey) -> list[int]:
    """What the ledger keeps of these terms, each once."""
    return sorted({key.digest(kind, term) for kind, term in terms})


def study_search(text: str, key: SearchKey, *, patients: bool) -> StudySearch:
    """What a person typed; without the right to see patients nothing is sought by patient."""
    kinds = frozenset(TermKind) if patients else frozenset(TermKind) - _OF_PATIENTS
    typed = _PARTING.sub(" ", text).split()[:_MOST_WORDS]
    words = tuple(_search_word(each, key, kinds) for each in typed)
    number = _identifier(text) if typed and typed != [text.strip()] else ""
    whole = [(kind, number) for kind in _IDENTIFIERS if kind in kinds and number]
    return StudySearch(words, frozenset(digests_of(whole, key)))


def _search_word(word: str, key: SearchKey, kinds: frozenset[TermKind]) -> SearchWord:
    is_number = word.isascii() and word.isdigit() and len(word) < 10
    name = "" if is_number else folded(word)[:_LONGEST_WORD]  # a number is no name
    terms = [(kind, _identifier(word)) for kind in _IDENTIFIERS]
    terms += [(TermKind.NAME, name), (TermKind.SCANNER, name), (TermKind.STUDY_DATE, _day(word))]
    digests = frozenset(digests_of(((kind, term) for kind, term in terms if term and kind in kinds), key))
    is_uid = len(word) >= _FEWEST_UID_CHARACTERS and set(word) <= set("0123456789.")
    return SearchWord(digests, int(word) if is_number else None, word if is_uid else "")


def _words_of(text: str) -> set[str]:
    """The words of a text, folded; one with a hyphen as a whole and in its parts."""
    chunks = _PARTING.sub(" ", text).split()
    words = {folded(part) for chunk in chunks for part in (chunk, *_WORD.findall(plain(chunk)))}
    return {word[:_LONGEST_WORD] for word in words if word}


def _beginnings(word: str) -> Iterator[str]:
    """The word, and its beginnings from three letters on."""
    yield word
    for length in range(_SHORTEST_BEGINNING, len(word)):
        yield word[:length]


def _identifier(text: str) -> str:
    """A patient ID or accession number without case, spaces and leading zeros."""
    return "".join(text.casefold().split()).lstrip("0")


def _day(text: str) -> str:
    """A date as DICOM writes it; empty for a text that is none."""
    for pattern in _DATES:
        if found := pattern.fullmatch(text.strip()):
            try:
                return date(int(found["year"]), int(found["month"]), int(found["day"])).strftime("%Y%m%d")
            except ValueError:
                return ""
    return ""
