"""The saliency painted on the source slices, for viewers that know neither parametric maps nor segmentations."""

from __future__ import annotations

from pydicom.dataset import Dataset

from mome_core.volume import Volume
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.common_attributes import RESEARCH, CommonAttributes
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.multiframe import decimals
from sr_templates.dicom.references import source_item
from sr_templates.drawing.capture import put_picture
from sr_templates.drawing.colour import RGB, grey, painted, window_of
from sr_templates.drawing.page import Page
from sr_templates.kinds import Kind
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import Region


def build(context: BuildContext) -> Instances:
    """The slices that hold the region, with one more at both ends."""
    return _build_overlay(context.common, context.placed, context.region, context.anatomy)


def _build_overlay(common: CommonAttributes, placed: PlacedSaliency, region: Region, volume: Volume) -> Instances:
    """One secondary capture for each slice with signal and a margin, with the geometry of its source image.

    Parameters
    ----------
    volume
        The anatomy, on the saliency's grid.
    """
    window = window_of(volume.voxels)
    return tuple(
        _slice(common, placed, number, placed.images[k], _paint(placed, volume, k, window))
        for number, k in enumerate(placed.slices_around(region), start=1)
    )


def _paint(placed: PlacedSaliency, volume: Volume, k: int, window: tuple[float, float]) -> RGB:
    """(rows, columns, 3) of one slice, labelled away from the edges."""
    page = Page.over(painted(grey(volume.voxels[:, :, k].T, window), placed.smoothed_slice(k).T, placed.peak))
    columns, rows = page.image.size
    page.text((columns // 12, rows - rows // 14), f"AI saliency - {RESEARCH}", max(6, columns // 28), anchor="ls")
    return page.pixels()


def _slice(common: CommonAttributes, placed: PlacedSaliency, number: int, source: SourceImage, pixels: RGB) -> Dataset:
    """A Standard Extended Secondary Capture: with position, so that viewers can scroll it along with the source."""
    saliency = placed.saliency
    instance = common.new_instance(Kind.OVERLAY, saliency.endpoint, saliency.modality, str(number))
    instance.InstanceNumber = number
    asked = saliency.endpoint.replace("_", " ")
    put_picture(
        instance, pixels, f"Saliency of {saliency.modality} for {asked} painted on the source slice; not a lesion"
    )
    instance.FrameOfReferenceUID = source.header.FrameOfReferenceUID
    instance.PositionReferenceIndicator = ""
    instance.ImagePositionPatient = decimals(source.position_mm)
    instance.ImageOrientationPatient = decimals(source.orientation)
    instance.PixelSpacing = decimals(source.spacing_mm)
    instance.SourceImageSequence = [source_item(source)]
    return instance
