"""The gate before delivery: every object is checked apart from the code that built it; one defect refuses them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import (
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from sr_templates.checks.documents import check_document
from sr_templates.checks.identity import check_coding_schemes, check_identity
from sr_templates.checks.images import check_capture, check_encapsulated_pdf, check_frames, check_presentation_state
from sr_templates.checks.refusal import refusal
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import REPORT_CLASSES

_MULTIFRAME = (ParametricMapStorage, SegmentationStorage)


def check(objects: Iterable[Dataset], evidence: Evidence, *, elsewhere: Sequence[Dataset] = ()) -> None:
    """Raise ObjectRefused at the first defect of these objects of one study.

    Parameters
    ----------
    elsewhere
        Objects sent before, to which these may refer.
    """
    instances = list(objects)
    known = {str(header.SOPInstanceUID): header for header in (*evidence.instances, *elsewhere)}
    for instance in instances:
        if str(instance.get("SOPInstanceUID", "")) in known:
            raise refusal(instance, "its SOP Instance UID is used by a source image or another result")
        known[str(instance.get("SOPInstanceUID", ""))] = instance
    for instance in instances:
        check_identity(instance, evidence)
        check_coding_schemes(instance)
        if instance.SOPClassUID in (*REPORT_CLASSES, KeyObjectSelectionDocumentStorage):
            check_document(instance, known)
        elif instance.SOPClassUID in _MULTIFRAME:
            check_frames(instance, evidence)
        elif instance.SOPClassUID == SecondaryCaptureImageStorage:
            check_capture(instance, evidence)
        elif instance.SOPClassUID == EncapsulatedPDFStorage:
            check_encapsulated_pdf(instance)
        elif instance.SOPClassUID == GrayscaleSoftcopyPresentationStateStorage:
            check_presentation_state(instance, evidence)
