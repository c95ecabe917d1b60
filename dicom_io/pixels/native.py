"""Pixels of volumes: native ones straight from the files into one array, rescaled per image; others decoded."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from typing import Any, cast

import numpy as np
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.read import NATIVE
from dicom_io.headers.records import Instance, Plane
from dicom_io.pixels.compressed import read_compressed
from dicom_io.pixels.frames import Array, PlaneTarget, by_frame, fill_planes, frame_buffer, stored_dtype

# JPEG Extended (.4.51) is not here: neither gdcm nor openjpeg decodes its 12 bits (measured, spec/series.md).
_DECODABLE = frozenset(
    {
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGBaseline8Bit,
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEGLSNearLossless,
        JPEG2000Lossless,
        JPEG2000,
        HTJ2KLossless,
        HTJ2KLosslessRPCL,
        HTJ2K,
    }
)
_MAX_INSTANCE_BYTES = 4 << 30
_LARGEST_RESCALE = 1e28  # times any stored value it still fits a 32-bit float
_WORKERS = max(os.cpu_count() or 1, 1)


def require_decodable(instances: Sequence[Instance]) -> None:
    """Raise PixelsUnreadable unless every instance holds grey values of a size and coding that can be read."""
    for instance in instances:
        if instance.transfer_syntax_uid not in NATIVE | _DECODABLE:
            uid = UID(instance.transfer_syntax_uid)
            raise PixelsUnreadable(
                f"its pixels are coded as {uid.name} ({uid}), which cannot be decoded here; have them sent uncompressed"
            )
        if instance.samples != 1 or instance.bits_allocated not in (8, 16, 32):
            raise PixelsUnreadable(
                f"its pixels are {instance.samples} x {instance.bits_allocated} bit, not single grey values"
            )
        expected = instance.frame_bytes * instance.frames
        if expected > _MAX_INSTANCE_BYTES:
            raise PixelsUnreadable(f"one instance would take {expected >> 20} MiB of pixels")
        if instance.offset is not None and instance.length < expected:
            raise PixelsUnreadable(f"it announces {expected} bytes of pixels and holds {instance.length}")


def read_voxels(volumes: Sequence[Sequence[Plane]]) -> Array:
    """Real values of some volumes of one grid, shape (volumes, columns, rows, slices).

    Stored integers where no image is rescaled, float32 otherwise. Slope and intercept are each image's own (Philips
    changes them from phase to phase).
    Raises PixelsUnreadable.
    """
    voxels = _allocate(volumes, len(volumes))
    _read_all(voxels, volumes)
    return voxels.transpose(0, 3, 2, 1)


def read_in_turn(volumes: Sequence[Sequence[Plane]]) -> tuple[np.dtype[Any], Iterator[Array]]:
    """Type of the real values, and one volume (columns, rows, slices) after the other, valid until the next is taken.

    Memory that is used again costs nothing, new memory a third of the time that it takes to export a study. Compressed
    ones are read at once: decoding children that start anew for every volume would cost more.
    Raises PixelsUnreadable, also while they are taken.
    """
    if any(plane.instance.offset is None for volume in volumes for plane in volume):
        voxels = read_voxels(volumes)
        return voxels.dtype, iter(voxels)
    buffers = _allocate(volumes, 2)
    return buffers.dtype, _read_double_buffered(buffers, volumes)


def _read_double_buffered(buffers: Array, volumes: Sequence[Sequence[Plane]]) -> Iterator[Array]:
    """Each volume from one of two buffers, while the next one is read into the other."""
    reading: Future[Array] | None = None
    with ThreadPoolExecutor(1) as reader:
        for buffer, volume in zip(cycle(buffers), volumes, strict=False):
            following = reader.submit(_read_volume, buffer, volume)
            if reading is not None:
                yield reading.result()
            reading = following
        if reading is not None:
            yield reading.result()


def _read_volume(buffer: Array, volume: Sequence[Plane]) -> Array:
    """One volume read into (slices, rows, columns), seen as (columns, rows, slices)."""
    _read_all(buffer[np.newaxis], [volume])
    return buffer.transpose(2, 1, 0)


def _allocate(volumes: Sequence[Sequence[Plane]], count: int) -> Array:
    """An array (count, slices, rows, columns) for these volumes; PixelsUnreadable when one of them cannot be read."""
    planes = [plane for volume in volumes for plane in volume]
    require_decodable(list({id(plane.instance): plane.instance for plane in planes}.values()))
    if not all(map(_is_rescalable, planes)):
        raise PixelsUnreadable("an image's rescale slope or intercept is zero, too large or not a number")
    shape = (count, len(volumes[0]), planes[0].rows, planes[0].columns)
    try:
        return np.empty(shape, _result_dtype(planes))
    except MemoryError as error:
        raise PixelsUnreadable(f"its volumes of {shape} voxels do not fit into memory") from error


def _is_rescalable(plane: Plane) -> bool:
    """Whether slope and intercept give real values that a 32-bit float can hold."""
    return 0 < abs(plane.slope) < _LARGEST_RESCALE and abs(plane.intercept) < _LARGEST_RESCALE


def _result_dtype(planes: Sequence[Plane]) -> np.dtype[Any]:
    """The stored type where all images share it and none is rescaled, float32 otherwise."""
    stored = {stored_dtype(plane.instance) for plane in planes}
    rescaled = any(plane.slope != 1.0 or plane.intercept != 0.0 for plane in planes)
    return np.dtype(np.float32) if rescaled or len(stored) > 1 else stored.pop()


def _read_all(voxels: Array, volumes: Sequence[Sequence[Plane]]) -> None:
    """Read every instance once, several at a time, into the parts of (volumes, slices, rows, columns) that it fills."""
    by_instance: dict[int, list[PlaneTarget]] = defaultdict(list)
    for target, volume in zip(voxels, volumes, strict=True):
        for index, plane in enumerate(volume):
            by_instance[id(plane.instance)].append(PlaneTarget(plane, target[index]))
    instances = list(by_instance.values())
    native = [planes for planes in instances if planes[0].plane.instance.offset is not None]
    compressed = [planes for planes in instances if planes[0].plane.instance.offset is None]
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(_read_native, _shared_out(native)))
        list(pool.map(read_compressed, _shared_out(compressed)))


def _shared_out(instances: list[list[PlaneTarget]]) -> list[list[list[PlaneTarget]]]:
    """The instances in as many shares as there are workers."""
    return [instances[start::_WORKERS] for start in range(min(_WORKERS, len(instances)))]


def _read_native(instances: Sequence[Sequence[PlaneTarget]]) -> None:
    """Fill the planes of several instances whose pixels lie in their files as they are."""
    for planes in instances:
        _read_native_instance(planes)


def _read_native_instance(planes: Sequence[PlaneTarget]) -> None:
    """Fill the planes of one instance, frame by frame."""
    instance = planes[0].plane.instance
    filled = dict(by_frame(planes))
    buffers = ((index, frame_buffer(instance, targets)) for index, targets in filled.items())
    for index, frame in read_native_frames(instance, buffers):
        fill_planes(instance, frame, filled[index])


def read_native_frames(instance: Instance, buffers: Iterable[tuple[int, Array]]) -> Iterator[tuple[int, Array]]:
    """Fill each buffer with the stored frame of that index (from 0), as it lies in the file; then hand it on.

    Raises PixelsUnreadable.
    """
    swapped = (instance.transfer_syntax_uid == ExplicitVRBigEndian) == (sys.byteorder == "little")
    try:
        with instance.path.open("rb", buffering=0) as stream:
            for index, frame in buffers:
                stream.seek(cast(int, instance.offset) + index * instance.frame_bytes)
                if stream.readinto(frame.data.cast("B")) != instance.frame_bytes:
                    raise PixelsUnreadable("the file ends inside its pixel data")
                if swapped and frame.itemsize > 1:
                    frame.byteswap(inplace=True)
                yield index, frame
    except OSError as error:
        raise PixelsUnreadable(f"a file cannot be read: {error.strerror}") from error
