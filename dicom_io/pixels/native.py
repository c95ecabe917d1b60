"""Pixels once: stored values straight from the files into one array, rescaled per image, decoded in a child process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
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

# JPEG Extended (.4.51) is not here: neither gdcm nor openjpeg decodes its 12 bits (measured, spec/series.md).
DECODABLE = frozenset(
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
MAX_INSTANCE_BYTES = 4 << 30
CHILD_MEMORY_BYTES = 6 << 30  # address space of a decoding child: an Enhanced object, its decoded frames, the codecs
LARGEST_RESCALE = 1e28  # times any stored value it still fits a 32-bit float
SECONDS_PER_ANSWER = 120.0
WORKERS = max(os.cpu_count() or 1, 1)

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One plane and the two-dimensional (rows, columns) part of the result that it fills."""

    plane: Plane
    target: Array


def require_decodable(instances: Sequence[Instance]) -> None:
    """Raise PixelsUnreadable unless every instance holds grey values of a size and coding that can be read."""
    for instance in instances:
        if instance.transfer_syntax_uid not in NATIVE | DECODABLE:
            uid = UID(instance.transfer_syntax_uid)
            raise PixelsUnreadable(
                f"its pixels are coded as {uid.name} ({uid}), which cannot be decoded here; have them sent uncompressed"
            )
        if instance.samples != 1 or instance.bits_allocated not in (8, 16, 32):
            raise PixelsUnreadable(
                f"its pixels are {instance.samples} x {instance.bits_allocated} bit, not single grey values"
            )
        expected = instance.frame_bytes * instance.frames
        if expected > MAX_INSTANCE_BYTES:
            raise PixelsUnreadable(f"one instance would take {expected >> 20} MiB of pixels")
        if instance.offset is not None and instance.length < expected:
            raise PixelsUnreadable(f"it announces {expected} bytes of pixels and holds {instance.length}")


def read_voxels(volumes: Sequence[Sequence[Plane]]) -> Array:
    """Real values of some volumes of one grid, shape (volumes, columns, rows, slices).

    Stored integers where no image is rescaled, float32 otherwise. Slope and intercept are each image's own (Philips
    changes them from phase to phase).
    Raises PixelsUnreadable.
    """
    voxels = room_for(volumes, len(volumes))
    fill(voxels, volumes)
    return voxels.transpose(0, 3, 2, 1)


def read_in_turn(volumes: Sequence[Sequence[Plane]]) -> tuple[np.dtype[Any], Iterator[Array]]:
    """The same one volume after the other, each valid until the next is taken; and their type.

    Memory that is used again costs nothing, new memory a third of the time that it takes to export a study. Compressed
    ones are read at once: decoding children that start anew for every volume would cost more.
    Raises PixelsUnreadable, also while they are taken.
    """
    if any(plane.instance.offset is None for volume in volumes for plane in volume):
        voxels = read_voxels(volumes)
        return voxels.dtype, iter(voxels)
    rooms = room_for(volumes, 2)
    return rooms.dtype, read_ahead(rooms, volumes)


def read_ahead(rooms: Array, volumes: Sequence[Sequence[Plane]]) -> Iterator[Array]:
    """Each volume from one of two rooms, while the next one is read into the other."""
    waiting: Future[Array] | None = None
    with ThreadPoolExecutor(1) as reader:
        for room, volume in zip(cycle(rooms), volumes, strict=False):
            coming = reader.submit(read_into, room, volume)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def read_into(room: Array, volume: Sequence[Plane]) -> Array:
    """One volume in (slices, rows, columns), seen as (columns, rows, slices)."""
    fill(room[np.newaxis], [volume])
    return room.transpose(2, 1, 0)


def room_for(volumes: Sequence[Sequence[Plane]], count: int) -> Array:
    """An array (count, slices, rows, columns) for some of these volumes; PixelsUnreadable when one cannot be read."""
    planes = [plane for volume in volumes for plane in volume]
    require_decodable(list({id(plane.instance): plane.instance for plane in planes}.values()))
    if not all(map(is_rescalable, planes)):
        raise PixelsUnreadable("an image's rescale slope or intercept is zero, too large or no number")
    shape = (count, len(volumes[0]), planes[0].rows, planes[0].columns)
    try:
        return np.empty(shape, result_dtype(planes))
    except MemoryError as error:
        raise PixelsUnreadable(f"its volumes of {shape} voxels do not fit into memory") from error


def is_rescalable(plane: Plane) -> bool:
    """Whether slope and intercept give real values that a 32-bit float can hold."""
    return 0 < abs(plane.slope) < LARGEST_RESCALE and abs(plane.intercept) < LARGEST_RESCALE


def result_dtype(planes: Sequence[Plane]) -> np.dtype[Any]:
    """The stored type where all images share it and none is rescaled, float32 otherwise."""
    stored = {stored_dtype(plane.instance) for plane in planes}
    rescaled = any(plane.slope != 1.0 or plane.intercept != 0.0 for plane in planes)
    return np.dtype(np.float32) if rescaled or len(stored) > 1 else stored.pop()


def stored_dtype(instance: Instance) -> np.dtype[Any]:
    """Type of the stored values, native byte order."""
    return np.dtype(f"{'i' if instance.signed else 'u'}{instance.bits_allocated // 8}")


def fill(voxels: Array, volumes: Sequence[Sequence[Plane]]) -> None:
    """Read every instance once, several at a time, into the parts of (volumes, slices, rows, columns) that it fills."""
    by_instance: dict[int, list[Placed]] = defaultdict(list)
    for target, volume in zip(voxels, volumes, strict=True):
        for index, plane in enumerate(volume):
            by_instance[id(plane.instance)].append(Placed(plane, target[index]))
    jobs = list(by_instance.values())
    native = [job for job in jobs if job[0].plane.instance.offset is not None]
    coded = [job for job in jobs if job[0].plane.instance.offset is None]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(fill_from_files, [native[start::WORKERS] for start in range(min(WORKERS, len(native)))]))
        list(pool.map(fill_from_child, [coded[start::WORKERS] for start in range(min(WORKERS, len(coded)))]))


def fill_from_files(jobs: Sequence[Sequence[Placed]]) -> None:
    """Fill the planes of several native instances, one after the other."""
    for job in jobs:
        fill_from_file(job)


def fill_from_file(job: Sequence[Placed]) -> None:
    """Fill the planes of one instance whose pixels lie in the file as they are."""
    instance = job[0].plane.instance
    swapped = (instance.transfer_syntax_uid == ExplicitVRBigEndian) == (sys.byteorder == "little")
    try:
        with instance.path.open("rb", buffering=0) as stream:
            for index, items in by_frame(job):
                stream.seek(cast(int, instance.offset) + index * instance.frame_bytes)
                frame = frame_buffer(instance, items)
                if stream.readinto(frame.data.cast("B")) != instance.frame_bytes:
                    raise PixelsUnreadable("the file ends inside its pixel data")
                if swapped and frame.itemsize > 1:
                    frame.byteswap(inplace=True)
                place(instance, frame, items)
    except OSError as error:
        raise PixelsUnreadable(f"a file cannot be read: {error.strerror}") from error


def by_frame(job: Sequence[Placed]) -> Iterator[tuple[int, list[Placed]]]:
    """The planes of one instance by index of their stored frame, ascending."""
    frames: dict[int, list[Placed]] = defaultdict(list)
    for item in job:
        frames[(item.plane.frame or 1) - 1].append(item)
    yield from sorted(frames.items())


def frame_buffer(instance: Instance, items: Sequence[Placed]) -> Array:
    """Where to read a stored frame: the result itself when it takes the frame as it is, else a scratch array."""
    target = items[0].target
    as_it_is = len(items) == 1 and items[0].plane.tile is None and target.dtype == stored_dtype(instance)
    return target if as_it_is else np.empty((instance.rows, instance.columns), stored_dtype(instance))


def place(instance: Instance, frame: Array, items: Sequence[Placed]) -> None:
    """Put a stored frame, cleaned and rescaled, where its planes belong."""
    clean(frame, instance)
    for item in items:
        if item.target is frame:
            continue
        plane, top, left = item.plane, 0, 0
        if plane.tile is not None:
            top, left = plane.tile.top, plane.tile.left
        window = frame[top : top + plane.rows, left : left + plane.columns]
        if item.target.dtype.kind != "f":
            item.target[...] = window
            continue
        target = item.target
        np.multiply(window, np.float32(plane.slope), out=target, casting="unsafe", dtype=np.float32)
        if plane.intercept:
            target += np.float32(plane.intercept)


def clean(frame: Array, instance: Instance) -> None:
    """Remove what lies above (and below) the stored bits, in place: some scanners leave rubbish or overlays there."""
    above = instance.bits_allocated - 1 - instance.high_bit
    unused = instance.bits_allocated - instance.bits_stored
    if unused <= 0 or above < 0:
        return
    if above == unused and not instance.signed:
        frame &= frame.dtype.type((1 << instance.bits_stored) - 1)
        return
    frame <<= above
    frame >>= unused


def fill_from_child(jobs: Sequence[Sequence[Placed]]) -> None:
    """Fill the planes of several compressed instances, decoded one after the other by one child process."""
    with Decoder() as decoder:
        for job in jobs:
            instance = job[0].plane.instance
            frames = list(by_frame(job))
            decoder.ask(instance, [index for index, _ in frames])
            for _, items in frames:
                frame = frame_buffer(instance, items)
                decoder.read_into(frame)
                place(instance, frame, items)


class Decoder(AbstractContextManager["Decoder"]):
    """A child process that decodes; it is killed when it exceeds its time, and dies alone when a codec crashes.

    Raises PixelsUnreadable from every method when the child fails.
    """

    def __init__(self) -> None:
        package_root = Path(__file__).resolve().parents[2]
        environment = os.environ | {"PYTHONPATH": str(package_root), "OMP_NUM_THREADS": "1"}
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "dicom_io.pixels.decoder", str(CHILD_MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        self._requests = cast(BinaryIO, self._child.stdin)
        self._answers = cast(BinaryIO, self._child.stdout)

    def ask(self, instance: Instance, indices: Sequence[int]) -> None:
        """Start decoding the frames `indices` (from 0) of one instance; read them with `read_into`."""
        request = {
            "path": str(instance.path.resolve()),
            "indices": indices,
            "shape": (instance.rows, instance.columns),
            "dtype": stored_dtype(instance).newbyteorder("<").str,
        }
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise PixelsUnreadable("the decoding process has ended") from error
        failure = json.loads(self._line())["error"]
        if failure:
            raise PixelsUnreadable(f"its compressed pixels cannot be decoded: {failure}")

    def read_into(self, frame: Array) -> None:
        """The next frame, little-endian as the child sends it."""
        view = frame.data.cast("B")
        deadline = time.monotonic() + SECONDS_PER_ANSWER
        while view.nbytes:
            view = view[self._read_some(view, deadline) :]
        if sys.byteorder == "big":
            frame.byteswap(inplace=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._requests.close()
        self._child.kill()
        self._child.wait()
        self._answers.close()

    def _line(self) -> bytes:
        deadline = time.monotonic() + SECONDS_PER_ANSWER
        line, byte = bytearray(), bytearray(1)
        while not line.endswith(b"\n"):
            self._read_some(memoryview(byte), deadline)
            line += byte
        return bytes(line)

    def _read_some(self, view: memoryview, deadline: float) -> int:
        ready, _, _ = select.select([self._answers], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            raise PixelsUnreadable(f"its compressed pixels were not decoded within {SECONDS_PER_ANSWER:.0f} s")
        count = os.readv(self._answers.fileno(), [view])
        if count == 0:
            raise PixelsUnreadable(
                "the decoding process died: its compressed pixels are damaged or need too much memory"
            )
        return count
