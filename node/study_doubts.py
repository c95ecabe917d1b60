"""Doubts about whose study it is and what it shows, from its headers and who sent it: flags beside the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from dicom_io.encoding.patient import PatientIdentity, are_two
from dicom_io.headers.records import StudyHeaders
from dicom_io.study.body_part import contradicting_body_part
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.results import QualityFlag, Result, Severity

_OF_A_STUDY = {
    "StudyDate": "study date",
    "StudyID": "study ID",
    "AccessionNumber": "accession number",
    "StudyDescription": "study description",
}


def require_one_patient(headers: StudyHeaders) -> None:
    """Raise StudyIneligible where the images are of two patients, or nothing shows that they are of one."""
    if any(are_two(one.parts, other.parts) for one, other in combinations(_patients(headers), 2)):
        words = "the images name two patients, or nothing shows that they are of one"
        raise StudyIneligible(words, Ineligibility.SEVERAL_PATIENTS)


def doubted(result: Result, headers: StudyHeaders, senders: Sequence[str], choices: Sequence[str] = ()) -> Result:
    """The result with a flag for each doubt, and a note for each choice among its images.

    Parameters
    ----------
    senders
        Calling AE titles of its images; empty where they came from a folder.
    choices
        Which images were used and which not, where a reader could expect others (a second dynamic, a T2 of one slice).
    """
    flags = (
        QualityFlag(code, Severity.WARNING, words)
        for code, words in (*_of_patient(headers), *_of_study(headers), *_of_senders(senders), *_of_body(headers))
    )
    notes = (QualityFlag("IMAGES_CHOSEN", Severity.NOTE, f"{each[:1].upper()}{each[1:]}.") for each in choices)
    return replace(result, flags=(*result.flags, *flags, *notes))


def _patients(headers: StudyHeaders) -> list[PatientIdentity]:
    """Who the images name, each once."""
    found = (PatientIdentity.of(each.public) for series in headers for each in series.instances)
    return list(dict.fromkeys(found))


def _of_patient(headers: StudyHeaders) -> Iterator[tuple[str, str]]:
    patients = _patients(headers)
    if any(not each.patient_id for each in patients):
        yield "PATIENT_ID_EMPTY", "The images bear no patient ID: whose they are rests on what else they say."
    if len(patients) > 1:
        yield "PATIENT_INCOMPLETE", "Some images leave out the name, birth date or sex that others of this study state."


def _of_study(headers: StudyHeaders) -> Iterator[tuple[str, str]]:
    """What all images of one study have in common (PS3.3 C.7.2.1); the results take it from one of them."""
    found = {
        words: {each.public.text(keyword).strip() for series in headers for each in series.instances} - {""}
        for keyword, words in _OF_A_STUDY.items()
    }
    if differing := [words for words, values in found.items() if len(values) > 1]:
        yield "STUDY_DIFFERS", f"The images of this study differ in {', '.join(differing)}: are they one examination?"


def _of_senders(senders: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(senders) > 1:
        titles = ", ".join(senders)
        yield "SEVERAL_SENDERS", f"The images came from {len(senders)} AE titles ({titles}): are they one examination?"


def _of_body(headers: StudyHeaders) -> Iterator[tuple[str, str]]:
    if part := contradicting_body_part(headers):
        words = f"Body part or protocol of the study name the {part}, not the breast: is this the right examination?"
        yield "OTHER_BODY_PART", words
