"""What an archive holds of one patient: studies by C-FIND, the documents of one of them by C-GET.

Never over the web: a patient's ID in an address would stand in the logs of every proxy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    KeyObjectSelectionDocumentStorage,
)

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.patient import PATIENT_KEYWORDS, PatientIdentity
from dicom_io.network.probe import find, series_query
from dicom_io.network.remote import Remote
from dicom_io.network.retrieve import get_series

_DOCUMENTS = (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    KeyObjectSelectionDocumentStorage,
)
_WILD = "*?\\"


@dataclass(frozen=True, slots=True)
class HeldStudy:
    """A study that an archive holds; its moment is date and time to the second."""

    study_instance_uid: str
    moment: tuple[str, str]
    patient: PatientIdentity = field(repr=False)


def studies_of(calling_ae_title: str, remote: Remote, patient_id: str, until: str) -> list[HeldStudy]:
    """Studies under this patient ID up to a date (YYYYMMDD), whoever's they are; raises PeerUnreachable.

    None for an ID that is a wildcard.
    """
    if not patient_id or any(each in _WILD for each in patient_id):
        return []
    query = Dataset()
    query.SpecificCharacterSet = "ISO_IR 192"
    for each in ("StudyInstanceUID", "StudyTime", *PATIENT_KEYWORDS):
        setattr(query, each, "")
    query.PatientID, query.StudyDate = patient_id, f"-{until}"
    return [_held(each) for each in find(calling_ae_title, remote, "STUDY", query)]


def _held(answer: Dataset) -> HeldStudy:
    moment = str(answer.get("StudyDate", "")), str(answer.get("StudyTime", ""))[:6]
    return HeldStudy(str(answer.get("StudyInstanceUID", "")), moment, PatientIdentity.of(Elements(answer)))


def documents_of(calling_ae_title: str, remote: Remote, study_instance_uid: str, described: str) -> Iterator[bytes]:
    """Data sets of the study's reports whose series' description begins so, and of all its key objects.

    Raises PeerUnreachable.
    """
    for series in find(calling_ae_title, remote, "SERIES", series_query(study_instance_uid)):
        modality, description = str(series.get("Modality", "")), str(series.get("SeriesDescription", ""))
        if modality == "KO" or (modality == "SR" and description.startswith(described)):
            where = (study_instance_uid, str(series.SeriesInstanceUID))
            yield from get_series(calling_ae_title, remote, where, _DOCUMENTS)
