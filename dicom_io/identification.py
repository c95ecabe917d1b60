"""Who and what a study is in the words of other systems: patient, order, study. For messages, never for a log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicom_io.encoding.elements import Elements
from dicom_io.errors import NotAnInstance

_KEYWORDS = {
    "study_instance_uid": "StudyInstanceUID",
    "patient_id": "PatientID",
    "patient_id_issuer": "IssuerOfPatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "timezone": "TimezoneOffsetFromUTC",
    "study_description": "StudyDescription",
    "referring_physician": "ReferringPhysicianName",
}
_PLACER, _FILLER = "PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"
_REQUESTS = "RequestAttributesSequence"
_ISSUER = "IssuerOfAccessionNumberSequence"
_CHARACTER_SET = "SpecificCharacterSet"


@dataclass(frozen=True, slots=True)
class StudyIdentification:
    """Identifiers of one study as its objects write them, empty where they do not.

    Parameters
    ----------
    patient_name, referring_physician
        As in the file: components parted by `^`, the alphabetic, ideographic and phonetic groups by `=` (PS3.5 6.2.1).
    birth_date, study_date, study_time, timezone
        As in the file: YYYYMMDD, HHMMSS.FFFFFF, +HHMM.
    accession_issuer
        Local namespace of the accession number's issuer.
    """

    study_instance_uid: str
    patient_id: str = ""
    patient_id_issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    accession_number: str = ""
    accession_issuer: str = ""
    study_date: str = ""
    study_time: str = ""
    timezone: str = ""
    study_description: str = ""
    referring_physician: str = ""
    placer_order: str = ""
    filler_order: str = ""


def read_identification(path: Path) -> StudyIdentification:
    """The identifiers in one object of a study; raises NotAnInstance when it cannot be read."""
    elements = _read(path, *_KEYWORDS.values(), _ISSUER)
    texts = {name: elements.text(keyword) for name, keyword in _KEYWORDS.items()}
    return StudyIdentification(**texts, accession_issuer=elements.item(_ISSUER).text("LocalNamespaceEntityID"))


def with_order(identification: StudyIdentification, image: Path) -> StudyIdentification:
    """The same with the order numbers that a source image of the study carries; raises NotAnInstance."""
    elements = _read(image, _PLACER, _FILLER, _REQUESTS)
    request = elements.item(_REQUESTS)
    return replace(
        identification,
        placer_order=elements.text(_PLACER) or request.text(_PLACER),
        filler_order=elements.text(_FILLER) or request.text(_FILLER),
    )


def _read(path: Path, *keywords: str) -> Elements:
    """These elements of a file's header."""
    try:
        return Elements(dcmread(path, stop_before_pixels=True, specific_tags=[_CHARACTER_SET, *keywords]))
    except (OSError, InvalidDicomError):
        raise NotAnInstance("a stored object cannot be read") from None
