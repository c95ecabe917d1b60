"""An arrow and words on the source slice of the region (PS3.3 A.33.1), for viewers that show no report; off by default.

A viewer lays a Grayscale Softcopy Presentation State over the image itself and can take it away again: the pixels stay
the scanner's. It is written above the operating point only, like every mark.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.multiframe import identity_arguments
from sr_templates.dicom.repairs import keep_identity
from sr_templates.dicom.report_wording import ReportWording
from sr_templates.dicom.text import fitted
from sr_templates.kinds import Kind
from sr_templates.languages.phrase import Phrase

_CLEAR_MM = 8.0  # between the tip and what it points at, which it must not cover
_LENGTH_MM = 28.0
_BARB_MM = 5.0
_LABEL = "AI_RESEARCH_ONLY"


def build(context: BuildContext) -> Instances:
    """One state for the slice on which the saliency is highest."""
    placed, region = context.placed, context.region
    column, row, k = region.peak
    source = placed.images[k]
    instance = context.common.new_instance(Kind.PRESENTATION_STATE, placed.saliency.endpoint, str(k))
    wording = ReportWording.of(context.options.page.language, context.common.evidence.reference)
    words = fitted(wording.character_set, wording.words(Phrase.OVERLAY_LABEL))
    arrow, foot = _arrow_to((column + 0.5, row + 0.5), source)
    layer = GraphicLayer("AI", 1, "Research use only, not for diagnosis")
    header = _readable(source)
    annotation = GraphicAnnotation(
        [header],
        layer,
        referenced_frame_number=source.frame,
        graphic_objects=[GraphicObject("POLYLINE", arrow, "PIXEL")],
        text_objects=[TextObject(words, "PIXEL", anchor_point=foot, anchor_point_visible=False)],
    )
    built = GrayscaleSoftcopyPresentationState(
        [header],
        **identity_arguments(instance),
        content_label=_LABEL,
        content_description="Arrow to the region of highest saliency, research use",
        graphic_annotations=[annotation],
        graphic_layers=[layer],
    )
    keep_identity(instance, built)
    moment = context.common.moment  # highdicom reads the clock: no two runs would give the same bytes
    instance.PresentationCreationDate = f"{moment:%Y%m%d}"
    instance.PresentationCreationTime = f"{moment:%H%M%S}"
    instance.Laterality = ""  # unknown is said with an empty value (PS3.3 C.7.3.1)
    del instance.ContentDate, instance.ContentTime  # not of this IOD
    return (instance,)


def _readable(source: SourceImage) -> Dataset:
    """A copy with a character set that highdicom reads; what it takes over gives way to the object's own attributes."""
    header = deepcopy(source.header)
    header.SpecificCharacterSet = "ISO_IR 192"
    return header


def _arrow_to(at: tuple[float, float], source: SourceImage) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Points (column, row) of an arrow that comes from the middle of the image and ends before a place; its foot.

    Parameters
    ----------
    at
        Column and row in pixels; (0, 0) is the outer corner of the first one (PS3.3 C.10.5.1.2).
    """
    columns, rows = int(source.header.Columns), int(source.header.Rows)
    per_mm = np.array([1 / source.spacing_mm[1], 1 / source.spacing_mm[0]])
    towards = (np.array([columns, rows]) / 2 - at) / per_mm
    length = float(np.linalg.norm(towards))
    along = towards / length if length > 1.0 else np.array([0.0, -1.0])
    across = np.array([-along[1], along[0]])
    tip, foot = along * _CLEAR_MM, along * (_CLEAR_MM + _LENGTH_MM)
    barbs = [tip + _BARB_MM * (along + side * across) for side in (-1, 1)]
    points = np.array([foot, tip, barbs[0], tip, barbs[1]]) * per_mm + at
    points = np.clip(points, 0, [columns, rows])
    return points, (float(points[0, 0]), float(points[0, 1]))
