"""The slice images of a classic instance: one, or the tiles of a mosaic."""

from __future__ import annotations

import math
from dataclasses import replace

from dicom_io.encoding.elements import Elements
from dicom_io.headers.records import Acquisition, Instance, Plane
from dicom_io.vendors.base import Tile, Tiling, VendorProfile


def classic_planes(instance: Instance, elements: Elements, vendor: VendorProfile) -> tuple[Plane, ...]:
    """Every slice image of one classic instance."""
    image_type = elements.texts("ImageType")
    whole = _plane(instance, elements, vendor, image_type)
    tiling = vendor.tiling(elements, image_type)
    return (whole,) if tiling is None else tuple(_tile(whole, tiling, tile) for tile in tiling.tiles)


def _plane(instance: Instance, elements: Elements, vendor: VendorProfile, image_type: tuple[str, ...]) -> Plane:
    return Plane(
        instance=instance,
        frame=None,
        tile=None,
        rows=instance.rows,
        columns=instance.columns,
        position_mm=elements.numbers("ImagePositionPatient"),
        orientation=elements.numbers("ImageOrientationPatient"),
        spacing_mm=elements.numbers("PixelSpacing"),
        thickness_mm=elements.number("SpacingBetweenSlices") or elements.number("SliceThickness"),
        slope=rescale_of(elements, "RescaleSlope", 1.0),
        intercept=rescale_of(elements, "RescaleIntercept", 0.0),
        image_type=image_type,
        words=vendor.derivation_words(elements, image_type),
        stack_id=elements.text("StackID"),
        contrast=elements.text("ContrastBolusAgent"),
        diffusion=vendor.diffusion(elements),
        clocks=vendor.clocks(elements),
        acquisition=_acquisition(elements, vendor),
    )


def _tile(whole: Plane, tiling: Tiling, tile: Tile) -> Plane:
    clocks = whole.clocks if tile.acquisition_s is None else replace(whole.clocks, acquisition_s=tile.acquisition_s)
    return replace(
        whole, tile=tile, position_mm=tile.position_mm, rows=tiling.rows, columns=tiling.columns, clocks=clocks
    )


def rescale_of(elements: Elements, keyword: str, absent: float) -> float:
    """Slope or intercept; NaN when there is one that is no number, so that the pixels are refused."""
    value = elements.number(keyword)
    if value is None:
        return math.nan if keyword in elements else absent
    return value


def _acquisition(elements: Elements, vendor: VendorProfile) -> Acquisition:
    """How a classic image was made (MR Image module and the vendor's own attributes)."""
    scanning = elements.text("ScanningSequence").upper().split("\\")
    return Acquisition(
        dimensions=elements.text("MRAcquisitionType"),
        repetition_ms=elements.number("RepetitionTime"),
        echo_ms=elements.number("EchoTime"),
        inversion_ms=elements.number("InversionTime") or None,
        flip_degrees=elements.number("FlipAngle"),
        fat_suppressed=vendor.fat_suppressed(elements),
        gradient_echo="GR" in scanning,
        spin_echo="SE" in scanning,
        echo_planar="EP" in scanning,
    )
