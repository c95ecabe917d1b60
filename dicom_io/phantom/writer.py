"""Encode planned series as Part 10 files: pixels, attributes of every MR image, and those that the vendor adds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from pydicom.tag import BaseTag

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_io.phantom.attributes import decimal, decimals, put, series_elements
from dicom_io.phantom.encode import DataElements, Encoder, compressed_pixels, part10
from dicom_io.phantom.enhanced import frames
from dicom_io.phantom.options import TransferSyntax, Trap
from dicom_io.phantom.plan import Attributes, InstanceLayout, SeriesPlan, StackPlan, StudyPlan
from dicom_io.phantom.traps import altered, duplicated, instance_order

_PIXEL_DATA = BaseTag(0x7FE00010)
_Pixels = NDArray[np.uint16]


def write_series(study: StudyPlan, series: SeriesPlan, out_dir: Path) -> list[Path]:
    """Write the instances of a series into a folder of their own; paths in the order of InstanceNumber."""
    folder = out_dir / f"{series.number:04d}-{series.key}{'' if series.objects is InstanceLayout.CLASSIC else '-multi'}"
    folder.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(study.options.transfer_syntax)
    paths = []
    for number, elements in INSTANCES[series.objects](study, series, encoder):
        path = folder / f"{number:05d}.dcm"
        path.write_bytes(_file_of(elements, encoder))
        paths.append(path)
    return duplicated(sorted(paths)) if study.has(Trap.DUPLICATES) else sorted(paths)


def _classic_instances(study: StudyPlan, series: SeriesPlan, encoder: Encoder) -> Iterator[tuple[int, DataElements]]:
    """One MR Image instance for each slice. Stack by stack, so that only one is unpacked at a time."""
    numbered = list(zip(instance_order(study, series), series.images, strict=True))
    shared = series_elements(study, series)
    for stack in series.stacks:
        planes = stored_planes(stack)
        common = dict(shared)
        put(common, placement(stack) | _size_of(planes) | stack.attributes)
        common = altered(study, common)
        encoder.share(common)
        for number, image in numbered:
            if image.stack is stack:
                own: DataElements = {}
                said = _names(study, series, number) | position(stack, image.slice) | image.attributes
                put(own, {key: value for key, value in said.items() if key not in image.hidden})
                elements = common | altered(study, own)
                _set_pixels(elements, planes[image.slice], encoder.transfer_syntax)
                yield number, elements


def _tiled_instances(study: StudyPlan, series: SeriesPlan, encoder: Encoder) -> Iterator[tuple[int, DataElements]]:
    """One MR Image instance for each stack, its slices side by side, left to right and top to bottom."""
    shared = series_elements(study, series)
    for number, stack in enumerate(series.stacks, start=1):
        elements = dict(shared)
        pixels = tiled(stored_planes(stack))
        put(elements, placement(stack) | _size_of(pixels) | _names(study, series, number) | stack.attributes)
        _set_pixels(elements, pixels, encoder.transfer_syntax)
        yield number, altered(study, elements)


def _multi_frame_instances(
    study: StudyPlan, series: SeriesPlan, encoder: Encoder
) -> Iterator[tuple[int, DataElements]]:
    """Enhanced MR Image instances: one for the whole series, or one for each stack."""
    shared = series_elements(study, series)
    groups = [series.stacks] if series.objects is InstanceLayout.WHOLE else [(stack,) for stack in series.stacks]
    for number, stacks in enumerate(groups, start=1):
        images = [image for image in series.images if any(image.stack is stack for stack in stacks)]
        planes = {id(stack): stored_planes(stack) for stack in stacks}
        pixels = np.stack([planes[id(image.stack)][image.slice] for image in images])
        elements = dict(shared)
        put(elements, frames(study, series, images) | _size_of(pixels) | _names(study, series, number))
        _set_pixels(elements, pixels, encoder.transfer_syntax)
        yield number, altered(study, elements)


INSTANCES = {
    InstanceLayout.CLASSIC: _classic_instances,
    InstanceLayout.TILED: _tiled_instances,
    InstanceLayout.PER_STACK: _multi_frame_instances,
    InstanceLayout.WHOLE: _multi_frame_instances,
}


def _names(study: StudyPlan, series: SeriesPlan, number: int) -> Attributes:
    """Identity of the instance of that number."""
    return {"SOPInstanceUID": study.uid(series.key, series.objects, number), "InstanceNumber": str(number)}


def stored_planes(stack: StackPlan) -> _Pixels:
    """(slices, rows, columns) as stored."""
    planes = stack.volume.voxels.transpose(2, 1, 0)
    if stack.slope != 1.0:
        planes = np.rint(planes / stack.slope)
    return np.ascontiguousarray(planes, np.uint16)


def tiled(planes: _Pixels) -> _Pixels:
    """Slices as tiles, as many to a row as makes it nearly square; the last tiles stay black."""
    slices, rows, columns = planes.shape
    across = int(np.ceil(np.sqrt(slices)))
    down = -(-slices // across)
    tiles = np.zeros((across * down, rows, columns), np.uint16)
    tiles[:slices] = planes
    return np.ascontiguousarray(tiles.reshape(down, across, rows, columns).swapaxes(1, 2)).reshape(down * rows, -1)


def placement(stack: StackPlan) -> Attributes:
    """Orientation and spacing of all slices of a stack."""
    affine, spacing = stack.volume.affine, stack.volume.spacing_mm
    return {
        "ImageOrientationPatient": decimals([*(affine[:3, 0] / spacing[0]), *(affine[:3, 1] / spacing[1])]),
        "PixelSpacing": decimals([spacing[1], spacing[0]]),
        "SliceThickness": decimal(spacing[2]),
        "SpacingBetweenSlices": decimal(spacing[2]),
    }


def position(stack: StackPlan, k: int) -> Attributes:
    """Position of slice k."""
    normal = stack.volume.affine[:3, 2]
    corner = stack.volume.affine[:3, 3] + normal * k
    location = float(corner @ normal) / stack.volume.spacing_mm[2]
    return {"ImagePositionPatient": decimals(corner), "SliceLocation": decimal(location)}


def _size_of(pixels: _Pixels) -> Attributes:
    rows, columns = pixels.shape[-2:]
    return {"Rows": rows, "Columns": columns}


def _set_pixels(elements: DataElements, pixels: _Pixels, transfer_syntax: TransferSyntax) -> None:
    """Pixel data of one plane (rows, columns) or many (frames, rows, columns)."""
    ordered = pixels.astype(">u2" if transfer_syntax is TransferSyntax.BIG_ENDIAN else "<u2", copy=False)
    elements[_PIXEL_DATA] = DataElement(_PIXEL_DATA, "OW", ordered.tobytes())
    if transfer_syntax.compressed:
        compressed_pixels(elements, transfer_syntax)


def _file_of(elements: DataElements, encoder: Encoder) -> bytes:
    """One Part 10 file."""
    meta: DataElements = {}
    put(
        meta,
        {
            "FileMetaInformationVersion": b"\0\1",
            "MediaStorageSOPClassUID": elements[BaseTag(0x00080016)].value,
            "MediaStorageSOPInstanceUID": elements[BaseTag(0x00080018)].value,
            "TransferSyntaxUID": str(encoder.transfer_syntax),
            "ImplementationClassUID": IMPLEMENTATION_CLASS_UID,
            "ImplementationVersionName": IMPLEMENTATION_VERSION_NAME,
        },
    )
    return part10(meta.values(), encoder.data_set(elements), encoder.transfer_syntax)
