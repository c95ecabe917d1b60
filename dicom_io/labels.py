"""Patient, study and series as an image's header names them, as text for pages that require access."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.patient import PatientIdentity
from dicom_io.encoding.validation import PATIENT

_LONGEST = 256  # characters of any one value; a comment may hold a book
_KEYWORDS = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "study_uid": "StudyInstanceUID",
    "time_point": "ClinicalTrialTimePointID",
    "accession_number": "AccessionNumber",
    "study_date": "StudyDate",
    "study_description": "StudyDescription",
    "series_number": "SeriesNumber",
    "series_description": "SeriesDescription",
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "station": "StationName",
    "comments": "ImageComments",
    "field_strength": "MagneticFieldStrength",
}


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts of one image as its sender wrote them: escape them, and keep them out of logs, titles and addresses."""

    patient_name: str = ""
    patient_id: str = ""
    study_uid: str = ""
    time_point: str = ""
    accession_number: str = ""
    study_date: str = ""
    study_description: str = ""
    series_number: str = ""
    series_description: str = ""
    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    station: str = ""
    comments: str = ""
    field_strength: str = ""


def read_labels(path: Path) -> Labels:
    """The labels of one stored image; empty ones for a file that is gone or cannot be read."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SpecificCharacterSet", *_KEYWORDS.values()])
    except (OSError, InvalidDicomError):
        return Labels()
    elements = Elements(header)
    return Labels(**{name: _short(elements.text(keyword)) for name, keyword in _KEYWORDS.items()})


def patient_identity(path: Path) -> str:
    """Patient ID and birth date of one image, to tell whether two studies are of one patient; empty without an ID.

    It is for comparison only: never shown, logged or kept.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["PatientID", "PatientBirthDate"])
    except (OSError, InvalidDicomError):
        return ""
    elements = Elements(header)
    patient_id = elements.text("PatientID").strip()
    return f"{patient_id} {elements.text('PatientBirthDate').strip()}" if patient_id else ""


def read_patient(path: Path) -> PatientIdentity:
    """Who the patient of a stored object is; an empty one for a file that is gone or cannot be read."""
    try:
        return PatientIdentity.of(Elements(dcmread(path, stop_before_pixels=True, specific_tags=list(PATIENT))))
    except (OSError, InvalidDicomError):
        return PatientIdentity()


def without_patient(labels: Labels) -> Labels:
    """The labels for those who may not see patients; free text may name one."""
    return replace(labels, patient_name="", patient_id="", accession_number="", comments="")


def _short(text: str) -> str:
    """The text, shortened to a readable length with a note of its full length."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text)} characters)"
