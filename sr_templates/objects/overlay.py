"""The saliency painted on the source slices, for viewers that know neither parametric maps nor segmentations."""

from __future__ import annotations

from pydicom.dataset import Dataset

from mome_core.case import Case, Modality
from mome_core.volume import Volume
from sr_templates.dicom.common_attributes import RESEARCH, CommonAttributes
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.multiframe import decimals, source_item
from sr_templates.drawing.capture import put_picture
from sr_templates.drawing.colour import RGB, grey, painted, window_of
from sr_templates.drawing.page import Page
from sr_templates.highlight import Highlight
from sr_templates.kinds import Kind
from sr_templates.region import Region


def anatomy(case: Case, modality: Modality) -> Volume | None:
    """The volume that a reader looks at for this modality: of the DCE the first post-contrast phase."""
    if modality is Modality.DCE:
        return None if case.dce is None else case.dce.phase(min(1, case.dce.phase_count - 1))
    return case.t2 if modality is Modality.T2 else case.dwi


def build_overlay(edition: CommonAttributes, shown: Highlight, region: Region, volume: Volume) -> tuple[Dataset, ...]:
    """One secondary capture for each slice with signal and a margin, with the geometry of its source image.

    volume : the anatomy, on the saliency's grid.
    """
    window = window_of(volume.voxels)
    return tuple(
        _slice(edition, shown, number, shown.images[k], _paint(shown, volume, k, window))
        for number, k in enumerate(shown.slices_around(region), start=1)
    )


def _paint(shown: Highlight, volume: Volume, k: int, window: tuple[float, float]) -> RGB:
    """(rows, columns, 3) of one slice, labelled away from the edges."""
    page = Page.over(painted(grey(volume.voxels[:, :, k].T, window), shown.smoothed_slice(k).T, shown.peak))
    columns, rows = page.image.size
    page.text((columns // 12, rows - rows // 14), f"AI saliency - {RESEARCH}", max(6, columns // 28), anchor="ls")
    return page.pixels()


def _slice(edition: CommonAttributes, shown: Highlight, number: int, source: SourceImage, pixels: RGB) -> Dataset:
    """A Standard Extended Secondary Capture: with position, so that viewers can scroll it along with the source."""
    saliency = shown.saliency
    instance = edition.new_instance(Kind.OVERLAY, saliency.endpoint, saliency.modality, str(number))
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
