"""Key object selections: what to look at first, and the note that withdraws results (PS3.16 TID 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from highdicom.ko import KeyObjectSelection
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.document import device_observer_context, set_content
from sr_templates.dicom.references import evidence_items
from sr_templates.dicom.repairs import separate
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind
from sr_templates.saliency.placed import key_sources


class RejectionReason(Enum):
    """Why results are withdrawn: the titles that IHE Imaging Object Change Management knows (PS3.16 CID 7011)."""

    QUALITY = codes.REJECTED_FOR_QUALITY
    PATIENT_SAFETY = codes.REJECTED_FOR_PATIENT_SAFETY
    WRONG_PATIENT = codes.INCORRECT_WORKLIST_ENTRY
    RETENTION_EXPIRED = codes.RETENTION_EXPIRED


def build(context: BuildContext) -> Instances:
    """One selection: the page first, then the middle of the overlay and the key slice of each sequence."""
    evidence, links = context.common.evidence, context.links
    sources = [each.header for each in key_sources(evidence, context.result.modalities_used, context.saliency)]
    rendered = [links[kind] for kind in (Kind.SUMMARY, Kind.OVERLAY) if kind in links]
    return (_build_key_images(context.common, [*rendered, *sources]),)


def _build_key_images(common: CommonAttributes, selected: Sequence[Dataset]) -> Dataset:
    """The images of this study, source or result, that a reader should see first."""
    instance = common.new_instance(Kind.KEY_IMAGES, *(str(each.SOPInstanceUID) for each in selected))
    what = "Key images of the AI result, research use only, not for diagnosis"
    return _selection(instance, common, codes.OF_INTEREST, what, selected)


def build_rejection(common: CommonAttributes, reason: RejectionReason, rejected: Sequence[Dataset]) -> Dataset:
    """The note by which an archive that honours IOCM hides or deletes the rejected objects of this study.

    Raises EvidenceRefused when an object is not of this study: a note must never reach another patient's images.
    """
    for each in rejected:
        if (each.StudyInstanceUID, each.get("PatientID")) != (common.study_uid, common.evidence.reference.PatientID):
            raise EvidenceRefused("an object to be withdrawn belongs to another study or patient")
    instance = common.new_instance(Kind.REJECTION, reason.name, *sorted(str(each.SOPInstanceUID) for each in rejected))
    return _selection(instance, common, reason.value, "AI results withdrawn by the site", rejected)


def _selection(
    instance: Dataset, common: CommonAttributes, title: Code, description: str, selected: Sequence[Dataset]
) -> Dataset:
    (root,) = KeyObjectSelection(
        title, selected, observer_device_context=device_observer_context(common.device), description=description
    )
    instance.ReferencedPerformedProcedureStepSequence = []
    instance.CurrentRequestedProcedureEvidenceSequence = evidence_items(common.study_uid, selected)
    set_content(instance, separate(root))
    return instance
