"""The kinds of object that one analysis makes, and the line of the series table for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)


class Kind(StrEnum):
    """What a destination may be sent; the values are the words of the settings file."""

    REPORT = "report"
    REGION = "region"
    SALIENCY_MAP = "saliency-map"
    SEGMENTATION = "segmentation"
    OVERLAY = "overlay"
    SUMMARY = "summary"
    KEY_IMAGES = "key-images"
    PDF = "pdf"
    REJECTION = "rejection"


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """How the series of one kind is labelled; `{...}` in a description is filled when the object is made."""

    number: int
    description: str
    modality: str
    sop_class: UID


SERIES = {
    Kind.REPORT: SeriesLine(9000, "AI breast MRI results", "SR", Comprehensive3DSRStorage),
    Kind.REGION: SeriesLine(9001, "AI region of highest saliency", "SR", Comprehensive3DSRStorage),
    Kind.SALIENCY_MAP: SeriesLine(9010, "AI saliency map ({method}, {modality})", "OT", ParametricMapStorage),
    Kind.SEGMENTATION: SeriesLine(9020, "AI region of highest saliency", "SEG", SegmentationStorage),
    Kind.OVERLAY: SeriesLine(9030, "AI saliency overlay (rendered)", "OT", SecondaryCaptureImageStorage),
    Kind.SUMMARY: SeriesLine(9031, "AI result summary", "OT", SecondaryCaptureImageStorage),
    Kind.KEY_IMAGES: SeriesLine(9040, "AI key images", "KO", KeyObjectSelectionDocumentStorage),
    Kind.PDF: SeriesLine(9050, "AI result summary (PDF)", "DOC", EncapsulatedPDFStorage),
    Kind.REJECTION: SeriesLine(9090, "AI results withdrawn", "KO", KeyObjectSelectionDocumentStorage),
}

DEFAULT_KINDS = frozenset({Kind.REPORT, Kind.SALIENCY_MAP, Kind.SEGMENTATION, Kind.OVERLAY, Kind.SUMMARY})
OFFERED_KINDS = frozenset(Kind) - {Kind.REJECTION}
