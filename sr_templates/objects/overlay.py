"""Source slices with contours, for viewers that know neither parametric maps nor segmentations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from mome_core.results import Laterality
from mome_core.volume import Volume
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.evidence import SourceImage, Vector
from sr_templates.dicom.multiframe import decimals
from sr_templates.dicom.references import source_item
from sr_templates.drawing.box import Box
from sr_templates.drawing.capture import put_picture
from sr_templates.drawing.colour import ACCENT, COOL, INK, RGB, WARN, grey, window_of
from sr_templates.drawing.contours import draw_contours
from sr_templates.drawing.page import SMALL, Page
from sr_templates.drawing.planes import direction_letters
from sr_templates.kinds import Kind
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, words_of
from sr_templates.saliency.placed import PlacedSaliency

LEAST_PIXELS = 512  # of the shorter side: a source of 160 pixels has no room for words


@dataclass(frozen=True, slots=True, eq=False)
class _Rendering:
    """How all slices of one overlay are drawn.

    Parameters
    ----------
    volume
        The anatomy, on the saliency's grid.
    factor
        Pixels along each side that one of the source becomes.
    """

    placed: PlacedSaliency
    volume: Volume
    window: tuple[float, float]
    factor: int
    language: Language
    laterality: Laterality


def build(context: BuildContext) -> Instances:
    """The slices that hold the region, with one more at both ends, each with the geometry of its source image."""
    placed, region, volume = context.placed, context.region, context.anatomy
    laterality = Laterality.BOTH if context.result.breasts is None else context.result.breasts.laterality
    columns, rows, _ = volume.voxels.shape
    factor, window = enlargement(columns, rows), window_of(volume.voxels)
    rendering = _Rendering(placed, volume, window, factor, context.options.page.language, laterality)
    slices = placed.slices_around(region)
    return tuple(_slice(context.common, rendering, number, k) for number, k in enumerate(slices, start=1))


def enlargement(columns: int, rows: int) -> int:
    """How many pixels of the overlay a pixel of the source becomes along each side."""
    return max(1, -(-LEAST_PIXELS // min(columns, rows)))


def _drawn(how: _Rendering, k: int) -> RGB:
    """(rows, columns, 3) of one slice: contours, orientation letters, ruler, and what it is for."""
    source, picture = how.placed.images[k], grey(how.volume.voxels[:, :, k].T, how.window)
    picture = picture.repeat(how.factor, axis=0).repeat(how.factor, axis=1)
    page = Page.over(picture, words_of(how.language))
    columns, rows = page.image.size
    whole = Box(0, 0, columns, rows)
    draw_contours(page.draw, whole, how.placed.shown_slice(k).T, ACCENT, COOL)
    size = max(SMALL, columns // 40)
    margin = columns // 16
    page.edge_letters(whole.inset(margin), direction_letters(source.orientation), size)
    label = page.words(Phrase.OVERLAY_LABEL)
    while size > SMALL and page.width_of(label, size, bold=True) > columns - 2 * margin:
        size -= 1
    page.label(Box(margin, rows - 2 * margin, columns - 2 * margin, margin), label, size, WARN)
    _ruler(page, columns - margin, rows - 3 * margin, how.factor / float(source.spacing_mm[1]))
    return page.pixels()


def _ruler(page: Page, right: int, y: int, pixels_per_mm: float) -> None:
    length = round(50 * pixels_per_mm)
    page.draw.line((right - length, y, right, y), fill=(0, 0, 0), width=7)
    page.draw.line((right - length, y, right, y), fill=INK, width=3)
    page.text((right - length // 2, y - 8), "5 cm", SMALL, INK, anchor="md", outlined=True)


def _slice(common: CommonAttributes, how: _Rendering, number: int, k: int) -> Dataset:
    """A Standard Extended Secondary Capture: with position, so that viewers can scroll it along with the source."""
    saliency, source = how.placed.saliency, how.placed.images[k]
    instance = common.new_instance(Kind.OVERLAY, saliency.endpoint, saliency.modality, str(number))
    instance.InstanceNumber = number
    asked = saliency.endpoint.replace("_", " ")
    what = f"Contours of the saliency of {saliency.modality} for {asked} on the source slice; not a lesion"
    put_picture(instance, _drawn(how, k), what, how.laterality)
    instance.FrameOfReferenceUID = source.header.FrameOfReferenceUID
    instance.PositionReferenceIndicator = ""
    instance.ImagePositionPatient = decimals(_first_pixel_mm(source, how.factor))
    instance.ImageOrientationPatient = decimals(source.orientation)
    instance.PixelSpacing = decimals(source.spacing_mm / how.factor)
    instance.SourceImageSequence = [source_item(source)]
    return instance


def _first_pixel_mm(source: SourceImage, factor: int) -> Vector:
    """Centre of the first pixel, LPS mm, when each pixel of the source becomes `factor` along each side."""
    back = (1 - 1 / factor) / 2
    between_rows, between_columns = source.spacing_mm
    along_row, along_column = source.orientation[:3], source.orientation[3:]
    off = along_row * between_columns + along_column * between_rows
    return np.asarray(source.position_mm - back * off)
