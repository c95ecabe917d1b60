"""Who or what a page is of, in one line: nothing, the study, or the patient."""

from __future__ import annotations

from enum import StrEnum

from pydicom.dataset import Dataset

from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Wording


class Identification(StrEnum):
    """What a page says of its patient; the values are the words of the settings file."""

    NONE = "none"
    STUDY = "study"
    PATIENT = "patient"


def identified(source: Dataset, identify: Identification, words: Wording) -> list[str]:
    """Patient and study as a page names them: parts of a line, none of them empty."""
    if identify is Identification.NONE:
        return []
    found = patient_parts(source, words) if identify is Identification.PATIENT else []
    return [*found, *study_parts(source, words)]


def patient_parts(source: Dataset, words: Wording) -> list[str]:
    """Name as a reader writes it, ID, birth date; what the source does not say is left out."""
    return [
        part
        for part in (
            _name_of(source),
            words(Phrase.PATIENT_ID, number=source.PatientID) if source.get("PatientID") else "",
            words(Phrase.BORN, date=_date_words(source.PatientBirthDate)) if source.get("PatientBirthDate") else "",
        )
        if part
    ]


def study_parts(source: Dataset, words: Wording) -> list[str]:
    """Date and accession number; what the source does not say is left out."""
    return [
        part
        for part in (
            words(Phrase.STUDY_OF, date=_date_words(source.StudyDate)) if source.get("StudyDate") else "",
            words(Phrase.ACCESSION, number=source.AccessionNumber) if source.get("AccessionNumber") else "",
        )
        if part
    ]


def _name_of(source: Dataset) -> str:
    """Patient's Name: the alphabetic group, and the ideographic one where there is one (PS3.5 6.2.1.1)."""
    name = source.get("PatientName")
    if not name:
        return ""
    groups = [str(group).replace("^", " ").strip() for group in (name.ideographic, name.alphabetic)]
    return " ".join(" ".join(group.split()) for group in groups if group)


def _date_words(date: object) -> str:
    """A DICOM date (DA) as ISO 8601; as it is where it is none."""
    said = str(date)
    return f"{said[:4]}-{said[4:6]}-{said[6:]}" if len(said) == 8 and said.isdigit() else said
