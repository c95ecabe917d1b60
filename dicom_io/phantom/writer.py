"""Series on paper become Part 10 files: pixels, the attributes every MR image has, and what the vendor adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from dicom_io.phantom.enhanced import frames_dataset
from dicom_io.phantom.headers import decimal, decimals, put, series_dataset
from dicom_io.phantom.options import Encoding, Trap
from dicom_io.phantom.plan import Attributes, Objects, Series, Stack, Study
from dicom_io.phantom.traps import altered, duplicated, instance_order

IMPLEMENTATION = UID("2.25.187306245730215640961532170226911838205")
Pixels = NDArray[np.uint16]


def write_series(study: Study, series: Series, out_dir: Path) -> list[Path]:
    """Write the instances of a series into a folder of their own; paths in the order of InstanceNumber."""
    folder = out_dir / f"{series.number:04d}-{series.key}{'' if series.objects is Objects.CLASSIC else '-multi'}"
    folder.mkdir(parents=True, exist_ok=True)
    template = series_dataset(study, series)
    instances = {
        Objects.CLASSIC: classic_instances,
        Objects.TILED: tiled_instances,
        Objects.PER_STACK: multi_frame_instances,
        Objects.WHOLE: multi_frame_instances,
    }[series.objects](study, series, template)
    paths = []
    for number, dataset in instances:
        path = folder / f"{number:05d}.dcm"
        write_instance(altered(study, dataset), path, study.options.encoding)
        paths.append(path)
    return duplicated(sorted(paths)) if study.has(Trap.DUPLICATES) else sorted(paths)


def classic_instances(study: Study, series: Series, template: Dataset) -> Iterator[tuple[int, Dataset]]:
    """One MR Image instance for each slice. Stack by stack, so that only one is unpacked at a time."""
    numbered = list(zip(instance_order(study, series), series.images, strict=True))
    for stack in series.stacks:
        planes, placement = stored_planes(stack), Placement.of(stack)
        for number, image in numbered:
            if image.stack is stack:
                dataset = instance(study, series, template, number)
                placement.place(dataset, image.slice)
                put(dataset, stack.attributes)
                put(dataset, image.attributes)
                for keyword in image.hidden:
                    dataset.pop(keyword, None)
                set_pixels(dataset, planes[image.slice], study.options.encoding)
                yield number, dataset


def tiled_instances(study: Study, series: Series, template: Dataset) -> Iterator[tuple[int, Dataset]]:
    """One MR Image instance for each stack, its slices side by side, left to right and top to bottom."""
    for number, stack in enumerate(series.stacks, start=1):
        planes = stored_planes(stack)
        dataset = instance(study, series, template, number)
        Placement.of(stack).place(dataset, 0)
        put(dataset, stack.attributes)
        for keyword in ("ImagePositionPatient", "SliceLocation"):
            delattr(dataset, keyword)
        set_pixels(dataset, tiled(planes), study.options.encoding)
        yield number, dataset


def multi_frame_instances(study: Study, series: Series, template: Dataset) -> Iterator[tuple[int, Dataset]]:
    """Enhanced MR Image instances."""
    groups = [series.stacks] if series.objects is Objects.WHOLE else [(stack,) for stack in series.stacks]
    for number, stacks in enumerate(groups, start=1):
        dataset = instance(study, series, template, number)
        images = [image for image in series.images if any(image.stack is stack for stack in stacks)]
        frames_dataset(study, series, dataset, images)
        planes = {id(stack): stored_planes(stack) for stack in stacks}
        pixels = np.stack([planes[id(image.stack)][image.slice] for image in images])
        set_pixels(dataset, pixels, study.options.encoding)
        yield number, dataset


def instance(study: Study, series: Series, template: Dataset, number: int) -> Dataset:
    """A new instance that shares the elements of its series."""
    dataset = Dataset()
    dataset.update(template)
    name = study.uid(series.key, series.objects, number)
    put(dataset, {"SOPInstanceUID": name, "InstanceNumber": str(number)})
    return dataset


def stored_planes(stack: Stack) -> Pixels:
    """(slices, rows, columns) as stored."""
    planes = stack.volume.voxels.transpose(2, 1, 0)
    if stack.slope != 1.0:
        planes = np.rint(planes / stack.slope)
    return np.ascontiguousarray(planes, np.uint16)


def tiled(planes: Pixels) -> Pixels:
    """Slices as tiles, as many to a row as makes it nearly square; the last tiles stay black."""
    slices, rows, columns = planes.shape
    across = int(np.ceil(np.sqrt(slices)))
    down = -(-slices // across)
    tiles = np.zeros((across * down, rows, columns), np.uint16)
    tiles[:slices] = planes
    return np.ascontiguousarray(tiles.reshape(down, across, rows, columns).swapaxes(1, 2)).reshape(down * rows, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the slices of a stack lie, as strings of DICOM."""

    fixed: Attributes
    positions: list[list[str]]
    locations: list[str]

    @classmethod
    def of(cls, stack: Stack) -> Placement:
        affine = stack.volume.affine
        columns, rows, normal = (affine[:3, n] for n in range(3))
        spacing = stack.volume.spacing_mm
        corners = [affine[:3, 3] + normal * k for k in range(stack.volume.voxels.shape[2])]
        fixed = {
            "ImageOrientationPatient": decimals([*(columns / spacing[0]), *(rows / spacing[1])]),
            "PixelSpacing": decimals([spacing[1], spacing[0]]),
            "SliceThickness": decimal(spacing[2]),
            "SpacingBetweenSlices": decimal(spacing[2]),
        }
        return cls(fixed, [decimals(c) for c in corners], [decimal(float(c @ normal) / spacing[2]) for c in corners])

    def place(self, dataset: Dataset, k: int) -> None:
        """Write the position of slice k."""
        put(dataset, self.fixed)
        put(dataset, {"ImagePositionPatient": self.positions[k], "SliceLocation": self.locations[k]})


def set_pixels(dataset: Dataset, pixels: Pixels, encoding: Encoding) -> None:
    """Pixel data of one plane (rows, columns) or many (frames, rows, columns)."""
    rows, columns = pixels.shape[-2:]
    dataset.Rows, dataset.Columns = rows, columns
    swapped = pixels.astype(">u2") if encoding is Encoding.BIG_ENDIAN else pixels.astype("<u2", copy=False)
    dataset.add_new(0x7FE00010, "OW", swapped.tobytes())


def write_instance(dataset: Dataset, path: Path, encoding: Encoding) -> None:
    """Write one Part 10 file in its transfer syntax."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(Encoding.EXPLICIT if encoding.compressed else encoding)
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "MOME_PHANTOM"
    dataset.file_meta = meta
    if encoding.compressed:
        dataset.compress(UID(encoding), generate_instance_uid=False)
    dcmwrite(path, dataset, enforce_file_format=True)
