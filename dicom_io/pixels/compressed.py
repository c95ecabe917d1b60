"""Compressed pixels, decoded by child processes: a codec that crashes or never ends costs one of them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.records import Instance
from dicom_io.pixels.frames import Array, PlaneTarget, by_frame, fill_planes, frame_buffer, stored_dtype

_CHILD_MEMORY_BYTES = 6 << 30  # address space of a decoding child: an Enhanced object, its decoded frames, the codecs
_SECONDS_PER_ANSWER = 120.0


def read_compressed(instances: Sequence[Sequence[PlaneTarget]]) -> None:
    """Fill the planes of several compressed instances, decoded one after the other by one child process."""
    with DecoderProcess() as decoder:
        for planes in instances:
            instance = planes[0].plane.instance
            frames = list(by_frame(planes))
            decoder.request(instance, [index for index, _ in frames])
            for _, filled in frames:
                frame = frame_buffer(instance, filled)
                decoder.read_frame(frame)
                fill_planes(instance, frame, filled)


class DecoderProcess(AbstractContextManager["DecoderProcess"]):
    """A child process that decodes; it is killed when it exceeds its time, and dies alone when a codec crashes.

    Raises PixelsUnreadable from every method when the child fails.
    """

    def __init__(self) -> None:
        package_root = Path(__file__).resolve().parents[2]
        environment = os.environ | {"PYTHONPATH": str(package_root), "OMP_NUM_THREADS": "1"}
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "dicom_io.pixels.decoder", str(_CHILD_MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        self._requests = cast(BinaryIO, self._child.stdin)
        self._answers = cast(BinaryIO, self._child.stdout)

    def request(self, instance: Instance, indices: Sequence[int]) -> None:
        """Start decoding the frames `indices` (from 0) of one instance; take them with `read_frame`."""
        request = {
            "path": str(instance.path.resolve()),
            "indices": list(indices),
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

    def read_frame(self, frame: Array) -> None:
        """The next frame, little-endian as the child sends it."""
        view = frame.data.cast("B")
        deadline = time.monotonic() + _SECONDS_PER_ANSWER
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
        deadline = time.monotonic() + _SECONDS_PER_ANSWER
        line, byte = bytearray(), bytearray(1)
        while not line.endswith(b"\n"):
            self._read_some(memoryview(byte), deadline)
            line += byte
        return bytes(line)

    def _read_some(self, view: memoryview, deadline: float) -> int:
        ready, _, _ = select.select([self._answers], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            raise PixelsUnreadable(f"its compressed pixels were not decoded within {_SECONDS_PER_ANSWER:.0f} s")
        count = os.readv(self._answers.fileno(), [view])
        if count == 0:
            raise PixelsUnreadable(
                "the decoding process died: its compressed pixels are damaged or need too much memory"
            )
        return count
