"""Pixel data that are computed plane by plane while they are written, so that an object holds no copy of its map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedIOBase, BufferedReader, RawIOBase
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

_CHUNK = 1 << 22  # bytes, a multiple of every pixel's


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Stored values of a map, each plane computed when it is read; the source must not change afterwards.

    Parameters
    ----------
    source
        (frame, row, column), a view of the caller's volume.
    dtype
        Of the stored values.
    stored
        The stored values of one plane of the source; None where they are its own.
    """

    source: NDArray[Any]
    dtype: np.dtype[Any]
    stored: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    def __len__(self) -> int:
        return len(self.source)

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns."""
        _, rows, columns = self.source.shape
        return rows, columns

    def plane(self, frame: int) -> bytes:
        """One plane, little endian."""
        values = self.source[frame] if self.stored is None else self.stored(self.source[frame])
        return values.astype(self.dtype.newbyteorder("<"), copy=False).tobytes()

    def reversed(self) -> Planes:
        """The last plane first."""
        return replace(self, source=self.source[::-1])

    def file(self) -> BufferedReader:
        """All of them as a file."""
        return BufferedReader(_File(self))


class _File(RawIOBase):
    """Planes as a file, of which one is in memory."""

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        rows, columns = planes.plane_shape
        self._plane_bytes = rows * columns * planes.dtype.itemsize
        self._at = 0
        self._frame, self._plane = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        start = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: len(self._planes) * self._plane_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        frame, within = divmod(self._at, self._plane_bytes)
        if frame >= len(self._planes):
            return 0
        if frame != self._frame:
            self._frame, self._plane = frame, self._planes.plane(frame)
        piece = self._plane[within : within + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def pixel_chunks(instance: Dataset, keyword: str) -> Iterator[bytes]:
    """The bytes of an object's pixels in pieces of whole pixels, whether it holds them or streams them."""
    value = instance[keyword].value
    if not isinstance(value, BufferedIOBase):
        view = memoryview(value)
        yield from (bytes(view[at : at + _CHUNK]) for at in range(0, len(view), _CHUNK))
        return
    value.seek(0)
    while chunk := value.read(_CHUNK):
        yield chunk
    value.seek(0)
