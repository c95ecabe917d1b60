"""Decodes compressed pixels in a process of its own: `python -m dicom_io.pixels.decoder`, started by pixels.compressed.

Codecs are C and C++ that read bytes from strangers. Here a crash, an endless loop or a bomb costs one process with
limited memory; the node goes on. Requests are JSON lines on stdin; each answer is a JSON line on stdout, followed by
the frames as raw little-endian bytes when it says ok.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

from dicom_io.pixels.codestream import announced_shape, has_end

_NAMING_THEIR_SIZE = frozenset((*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until stdin closes; a failure is an answer, not the end."""
    for line in requests:
        request = json.loads(line)
        try:
            frames = _decode(request)
        except MemoryError:
            _answer(answers, error="its codec asked for more memory than it may have")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a codec raises is the answer; one in Rust panics
            _answer(answers, error=str(error).partition("\n")[0] or type(error).__name__)
        else:
            _answer(answers)
            for frame in frames:
                answers.write(frame.data)
            answers.flush()


def _answer(answers: BinaryIO, error: str = "") -> None:
    """One line: {"error": ""} when frames follow."""
    answers.write(json.dumps({"error": error}).encode() + b"\n")
    answers.flush()


def _decode(request: dict[str, Any]) -> list[NDArray[Any]]:
    """The stored values of the frames `indices` (from 0) of the file `path`, each contiguous, of dtype and shape asked.

    Raises ValueError when what comes out is not what the header announced.
    """
    dataset = dcmread(request["path"])
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    shape, dtype = tuple(request["shape"]), np.dtype(request["dtype"])
    _require_honest(dataset, request["indices"], (*shape, 1))
    frames = []
    for array, _ in decoder.iter_array(dataset, indices=request["indices"], raw=True, validate=False):
        if array.shape != shape or array.dtype.itemsize != dtype.itemsize:
            raise ValueError(f"the decoded frame is {array.shape} of {array.dtype}, announced was {shape} of {dtype}")
        frames.append(np.ascontiguousarray(array, dtype=dtype))
    if len(frames) != len(request["indices"]):
        raise ValueError(f"holds {len(frames)} of {len(request['indices'])} frames")
    return frames


def _require_honest(dataset: Dataset, indices: Sequence[int], shape: tuple[int, ...]) -> None:
    """Raise ValueError for a frame of another size than the header's, or without end, before a codec believes it."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in _NAMING_THEIR_SIZE:
        return
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    number, wanted = int(dataset.get("NumberOfFrames") or 1), set(indices)
    coded = generate_frames(
        dataset.PixelData, number_of_frames=number, extended_offsets=offsets if all(offsets) else None
    )
    for index, frame in enumerate(coded):
        if index not in wanted:
            continue
        announced = announced_shape(frame)
        if announced != shape:
            raise ValueError(f"the compressed frame says {announced}, the header {shape}")
        if syntax in JPEGLSTransferSyntaxes and not has_end(frame):
            raise ValueError("the compressed frame is cut off")


if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    config.settings.reading_validation_mode = config.IGNORE
    _serve(sys.stdin.buffer, sys.stdout.buffer)
