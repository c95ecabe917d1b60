"""The kinds of object that one analysis makes: one row for each, with the label of its series."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

REPORT_CLASSES = (Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage)  # newest first


@dataclass(frozen=True, slots=True)
class _SeriesLabel:
    """How the series of one kind is labelled; `{...}` in a description is filled when the object is made."""

    number: int
    description: str
    modality: str
    sop_class: UID


_NO_LABEL = _SeriesLabel(0, "", "", UID(""))  # never seen: `Kind(word)` looks a row up, which mypy takes for a call


class Kind(StrEnum):
    """What can be sent to a destination; the values are the words of the settings file.

    A new kind is one row here and one module of `sr_templates/objects` with a function `build(context)`. The rows
    are in the order in which the objects are built: an object may refer to those above it.

    Parameters
    ----------
    label
        Series in which its objects are stored.
    module
        Module of `sr_templates/objects` that builds it; empty for what is not part of a result.
    """

    label: _SeriesLabel
    module: str

    def __new__(cls, word: str, label: _SeriesLabel = _NO_LABEL, module: str = "") -> Kind:
        kind = str.__new__(cls, word)
        kind._value_ = word
        kind.label = label
        kind.module = module
        return kind

    SALIENCY_MAP = (
        "saliency-map",
        _SeriesLabel(9010, "AI saliency map ({method}, {modality})", "OT", ParametricMapStorage),
        "saliency_map",
    )
    SEGMENTATION = (
        "segmentation",
        _SeriesLabel(9020, "AI region of highest saliency", "SEG", SegmentationStorage),
        "segmentation",
    )
    OVERLAY = (
        "overlay",
        _SeriesLabel(9030, "AI saliency overlay (rendered)", "OT", SecondaryCaptureImageStorage),
        "overlay",
    )
    KINETIC_MAPS = (
        "kinetic-maps",
        _SeriesLabel(9060, "Kinetic map, measured: {quantity}", "OT", ParametricMapStorage),
        "kinetic_maps",
    )
    CURVE_TYPES = (
        "curve-types",
        _SeriesLabel(9064, "Curve types, measured", "SEG", SegmentationStorage),
        "curve_types",
    )
    PRESENTATION_STATE = (
        "presentation-state",
        _SeriesLabel(9070, "AI arrow to the region", "PR", GrayscaleSoftcopyPresentationStateStorage),
        "presentation_state",
    )
    SUMMARY = "summary", _SeriesLabel(9031, "AI result summary", "OT", SecondaryCaptureImageStorage), "summary"
    PDF = "pdf", _SeriesLabel(9050, "AI result summary (PDF)", "DOC", EncapsulatedPDFStorage), "pdf"
    REGION = (
        "region",
        _SeriesLabel(9001, "AI region measurements", "SR", Comprehensive3DSRStorage),
        "region_report",
    )
    KEY_IMAGES = (
        "key-images",
        _SeriesLabel(9040, "AI key images", "KO", KeyObjectSelectionDocumentStorage),
        "key_images",
    )
    REPORT = "report", _SeriesLabel(9000, "AI breast MRI results", "SR", Comprehensive3DSRStorage), "report"
    REJECTION = "rejection", _SeriesLabel(9090, "AI results withdrawn", "KO", KeyObjectSelectionDocumentStorage), ""


DEFAULT_KINDS = frozenset({Kind.REPORT, Kind.REGION, Kind.SALIENCY_MAP, Kind.SEGMENTATION, Kind.OVERLAY, Kind.SUMMARY})
MEASURED_KINDS = (Kind.KINETIC_MAPS, Kind.CURVE_TYPES)  # no network has a part in them
OFFERED_KINDS = frozenset(kind for kind in Kind if kind.module)
