"""Reads a report of a node, or a rejection note, that an archive holds of an earlier study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from mome_core.visits import Visit
from sr_templates.dicom import codes
from sr_templates.dicom.result_record import visit_of_record
from sr_templates.errors import EvidenceRefused
from sr_templates.reading.assessment import BROKEN, predecessors, referenced
from sr_templates.reading.content_items import concept_of, content_items

_RECORD = (codes.RESULT_RECORD.value, codes.RESULT_RECORD.scheme_designator)
_REJECTIONS = tuple(
    (each.value, each.scheme_designator)
    for each in (codes.REJECTED_FOR_QUALITY, codes.REJECTED_FOR_PATIENT_SAFETY, codes.INCORRECT_WORKLIST_ENTRY)
)


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """What a document of an earlier study says.

    Parameters
    ----------
    patient
        Patient ID, its issuer, name, birth date and sex as it writes them: for comparison only.
    visit
        Of a report of a node, None of any other document.
    replaced
        SOP Instance UIDs of documents that no longer stand because of it: predecessors, or what it rejects.
    """

    study_instance_uid: str
    sop_instance_uid: str
    patient: tuple[str, str, str, str, str] = field(repr=False)
    visit: Visit | None = None
    replaced: frozenset[str] = frozenset()


def read_earlier(data_set: bytes) -> EarlierReport:
    """Read a data set that an archive gave; raises EvidenceRefused for one that cannot be read."""
    try:
        document = dcmread(BytesIO(data_set), force=True)
        study, instance = str(document.StudyInstanceUID), str(document.SOPInstanceUID)
        if document.SOPClassUID == KeyObjectSelectionDocumentStorage:
            rejected = referenced(document) if concept_of(document) in _REJECTIONS else ()
            return EarlierReport(study, instance, _patient(document), replaced=frozenset(rejected))
        records = list(_records(document))
        visit = visit_of_record(study, records[0]) if len(records) == 1 else None
        return EarlierReport(study, instance, _patient(document), visit, frozenset(predecessors(document)))
    except BROKEN as error:
        raise EvidenceRefused(f"a document cannot be read: {type(error).__name__}") from None


def _records(document: Dataset) -> Iterator[str]:
    """Its records: a node writes one, at the end of what is of the whole study."""
    for _, item in content_items(document, concept_of):
        if concept_of(item) == _RECORD:
            yield str(item.TextValue)


def _patient(document: Dataset) -> tuple[str, str, str, str, str]:
    keywords = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
    patient_id, issuer, name, birth_date, sex = (str(document.get(each) or "") for each in keywords)
    return patient_id, issuer, name, birth_date, sex
