"""Key object selections: what to look at first, and the note that withdraws results (PS3.16 TID 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.document import container, evidence_items, observer, selection, set_content, text
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind


class RejectionReason(Enum):
    """Why results are withdrawn: the titles that IHE Imaging Object Change Management knows (PS3.16 CID 7011)."""

    QUALITY = codes.REJECTED_FOR_QUALITY
    PATIENT_SAFETY = codes.REJECTED_FOR_PATIENT_SAFETY
    WRONG_PATIENT = codes.INCORRECT_WORKLIST_ENTRY
    RETENTION_EXPIRED = codes.RETENTION_EXPIRED


def build_key_images(edition: CommonAttributes, selected: Sequence[Dataset]) -> Dataset:
    """The images of this study, source or result, that a reader should see first."""
    instance = edition.new_instance(Kind.KEY_IMAGES, *(str(each.SOPInstanceUID) for each in selected))
    what = "Key images of the AI result, research use only, not for diagnosis"
    return _selection(instance, edition, codes.OF_INTEREST, what, selected)


def build_rejection(edition: CommonAttributes, reason: RejectionReason, rejected: Sequence[Dataset]) -> Dataset:
    """The note by which an archive that honours IOCM hides or deletes the rejected objects of this study.

    Raises EvidenceRefused when an object is not of this study: a note must never reach another patient's images.
    """
    for each in rejected:
        if (each.StudyInstanceUID, each.get("PatientID")) != (edition.study_uid, edition.evidence.reference.PatientID):
            raise EvidenceRefused("an object to be withdrawn belongs to another study or patient")
    instance = edition.new_instance(Kind.REJECTION, reason.name, *sorted(str(each.SOPInstanceUID) for each in rejected))
    return _selection(instance, edition, reason.value, "AI results withdrawn by the site", rejected)


def _selection(
    instance: Dataset, edition: CommonAttributes, title: Code, description: str, selected: Sequence[Dataset]
) -> Dataset:
    root = container(
        title,
        [
            *observer(edition.device),
            text(codes.KEY_OBJECT_DESCRIPTION, description),
            *(selection(each) for each in selected),
        ],
        relation=None,
        template="2010",
    )
    instance.ReferencedPerformedProcedureStepSequence = []
    instance.CurrentRequestedProcedureEvidenceSequence = evidence_items(edition.study_uid, selected)
    set_content(instance, root)
    return instance
