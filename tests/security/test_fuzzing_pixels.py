"""Compressed frames that are spoiled: the decoding child answers with a refusal, a whole frame, or dies alone.

RLE, JPEG Lossless, JPEG-LS and JPEG 2000. After each the next instance is decoded to the values that were stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.read import read_instance
from dicom_io.headers.records import Instance
from dicom_io.pixels.compressed import DecoderProcess
from dicom_io.pixels.native import require_decodable
from fuzzing import for_long, quickly, spoiled
from live_node import instance

LONGEST_SECONDS = 60.0
SYNTAXES = {"rle": RLELossless, "jpeg": JPEGLosslessSV1, "jpeg-ls": JPEGLSLossless, "jpeg-2000": JPEG2000Lossless}
VALUES = (np.add.outer(np.arange(32), np.arange(32)) ** 2 % 997).astype(np.uint16)
Check = Callable[[bytes], None]


def image() -> Dataset:
    made = instance("1.2.3", size=0, SOPInstanceUID="1.2.3.4")
    made.Rows, made.Columns = VALUES.shape
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.PixelData = VALUES.tobytes()
    return made


def coded(path: Path, syntax: str) -> Dataset:
    """The image in a file, compressed by codecs of others."""
    made = image()
    if syntax != JPEGLosslessSV1:
        made.compress(syntax, generate_instance_uid=False)
        made.save_as(path, enforce_file_format=True)
        return dcmread(path)
    made.save_as(path, enforce_file_format=True)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return dcmread(path)


@dataclass
class Decoding:
    """An honest file, one whose frame is spoiled again and again, and the child that decodes both."""

    honest: Instance
    data_set: Dataset
    path: Path
    child: DecoderProcess
    deaths: int = 0

    def check(self, frame: bytes) -> None:
        self.data_set.PixelData = encapsulate([frame.ljust(2, b"\0")])
        self.data_set.save_as(self.path)
        spoiled_instance, _ = read_instance(self.path)
        require_decodable([spoiled_instance])
        began = time.monotonic()
        with suppress(PixelsUnreadable):
            self.decoded(spoiled_instance)
        try:
            values = self.decoded(self.honest)
        except PixelsUnreadable:  # the child has died, of this frame or of what it has broken
            self.renew()
            values = self.decoded(self.honest)
        assert np.array_equal(values, VALUES)
        assert time.monotonic() - began < LONGEST_SECONDS

    def decoded(self, which: Instance) -> np.ndarray:
        frame = np.empty(VALUES.shape, np.uint16)
        self.child.request(which, [0])
        self.child.read_frame(frame)
        return frame

    def renew(self) -> None:
        self.child.__exit__(None, None, None)
        self.child = DecoderProcess()
        self.deaths += 1


@contextmanager
def decoding(folder: Path, kind: str) -> Iterator[tuple[Check, bytes]]:
    data_set = coded(folder / "honest.dcm", SYNTAXES[kind])
    frame = next(generate_frames(data_set.PixelData, number_of_frames=1))
    honest, _ = read_instance(folder / "honest.dcm")
    found = Decoding(honest, data_set, folder / "spoiled.dcm", DecoderProcess())
    try:
        yield found.check, frame
        print(f"{found.deaths} children died")
    finally:
        found.child.__exit__(None, None, None)


@pytest.mark.parametrize("kind", SYNTAXES)
def test_a_spoiled_frame_costs_a_child_at_most(kind: str, tmp_path: Path) -> None:
    with decoding(tmp_path, kind) as (check, frame):
        check(frame)
        quickly(20, spoiled([frame]), check)


@pytest.mark.exhaustive
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", SYNTAXES)
def test_spoiled_frames_for_long(kind: str, tmp_path: Path) -> None:
    with decoding(tmp_path, kind) as (check, frame):
        for_long(spoiled([frame]), check)
