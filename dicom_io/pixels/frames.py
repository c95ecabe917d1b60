"""Stored frames and the planes of a result that they fill: the type of their values, cleaned bits, rescaling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_io.headers.records import Instance, Plane

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneTarget:
    """One plane and the two-dimensional (rows, columns) part of the result that it fills."""

    plane: Plane
    target: Array


def stored_dtype(instance: Instance) -> np.dtype[Any]:
    """Type of the stored values, native byte order."""
    return np.dtype(f"{'i' if instance.signed else 'u'}{instance.bits_allocated // 8}")


def by_frame(planes: Sequence[PlaneTarget]) -> Iterator[tuple[int, list[PlaneTarget]]]:
    """The planes of one instance by index of their stored frame, ascending."""
    frames: dict[int, list[PlaneTarget]] = defaultdict(list)
    for each in planes:
        frames[(each.plane.frame or 1) - 1].append(each)
    yield from sorted(frames.items())


def frame_buffer(instance: Instance, planes: Sequence[PlaneTarget]) -> Array:
    """Where to read a stored frame: the result itself when it takes the frame as it is, else a scratch array."""
    target = planes[0].target
    as_it_is = len(planes) == 1 and planes[0].plane.tile is None and target.dtype == stored_dtype(instance)
    return target if as_it_is else np.empty((instance.rows, instance.columns), stored_dtype(instance))


def fill_planes(instance: Instance, frame: Array, planes: Sequence[PlaneTarget]) -> None:
    """Put a stored frame, cleaned and rescaled, where its planes belong."""
    clear_unused_bits(frame, instance)
    for each in planes:
        if each.target is frame:
            continue
        plane, top, left = each.plane, 0, 0
        if plane.tile is not None:
            top, left = plane.tile.top, plane.tile.left
        window = frame[top : top + plane.rows, left : left + plane.columns]
        target = each.target
        if target.dtype.kind != "f":
            target[...] = window
            continue
        np.multiply(window, np.float32(plane.slope), out=target, casting="unsafe", dtype=np.float32)
        if plane.intercept:
            target += np.float32(plane.intercept)


def clear_unused_bits(frame: Array, instance: Instance) -> None:
    """Clear what lies above (and below) the stored bits, in place: some scanners leave rubbish or overlays there."""
    above = instance.bits_allocated - 1 - instance.high_bit
    unused = instance.bits_allocated - instance.bits_stored
    if unused <= 0 or above < 0:
        return
    if above == unused and not instance.signed:
        frame &= frame.dtype.type((1 << instance.bits_stored) - 1)
        return
    frame <<= above
    frame >>= unused
