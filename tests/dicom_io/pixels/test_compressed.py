"""Compressed pixels: decoded in a child process, which may fail alone."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, MRImageStorage, RLELossless, generate_uid

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.read import planes_of, read_instance
from dicom_io.headers.records import Plane
from dicom_io.pixels.compressed import DecoderProcess
from dicom_io.pixels.native import read_in_turn, read_voxels

FRAMES = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)  # frames, rows, columns


@pytest.fixture
def planes(tmp_path: Path) -> tuple[Plane, ...]:
    """The planes of three run-length coded files."""
    found: list[Plane] = []
    for number, frame in enumerate(FRAMES):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, generate_uid()
        image.StudyInstanceUID = image.SeriesInstanceUID = "1.2"
        image.Modality, image.ImageType = "MR", ["ORIGINAL", "PRIMARY"]
        image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = [1, 1]
        image.Rows, image.Columns = frame.shape
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelData = frame.tobytes()
        image.compress(RLELossless, generate_instance_uid=False)
        path = tmp_path / f"{number}.dcm"
        image.save_as(path, enforce_file_format=True)
        found += planes_of(*read_instance(path))
    return tuple(found)


def test_decoded_values_are_those_that_were_stored(planes: tuple[Plane, ...]) -> None:
    assert planes[0].instance.offset is None
    assert np.array_equal(read_voxels([planes])[0].transpose(2, 1, 0), FRAMES)


def test_compressed_volumes_are_given_in_turn_too(planes: tuple[Plane, ...]) -> None:
    dtype, turns = read_in_turn([[plane] for plane in planes])
    assert dtype == np.uint16
    assert [np.array_equal(volume[:, :, 0].T, frame) for volume, frame in zip(turns, FRAMES, strict=True)] == [True] * 3


def test_damage_is_the_answer_of_the_child_and_the_next_instance_is_decoded(planes: tuple[Plane, ...]) -> None:
    broken = dcmread(planes[0].instance.path)
    broken.PixelData = broken.PixelData[:20] + bytes(len(broken.PixelData) - 20)
    broken.save_as(planes[0].instance.path)
    frame = np.empty((4, 5), np.uint16)
    with DecoderProcess() as decoder:
        with pytest.raises(PixelsUnreadable, match="cannot be decoded"):
            decoder.request(planes[0].instance, [0])
        decoder.request(planes[1].instance, [0])
        decoder.read_frame(frame)
    assert np.array_equal(frame, FRAMES[1])


def test_a_codec_that_panics_is_an_answer_too(planes: tuple[Plane, ...]) -> None:
    """pylibjpeg-rle is Rust: its PanicException is no Exception of Python's."""
    broken, frame = dcmread(planes[0].instance.path), np.empty((4, 5), np.uint16)
    runs = bytes((255 - 127 + 2, 0))  # 127 times the same byte, where 20 are announced
    header = struct.pack("<16I", 2, 64, 66, *[0] * 13)
    broken.PixelData = encapsulate([header + runs + runs])
    broken.save_as(planes[0].instance.path)
    with DecoderProcess() as decoder:
        with pytest.raises(PixelsUnreadable, match="cannot be decoded"):
            decoder.request(planes[0].instance, [0])
        decoder.request(planes[1].instance, [0])
        decoder.read_frame(frame)
    assert np.array_equal(frame, FRAMES[1])


def test_a_frame_of_another_size_than_the_header_meets_no_codec(planes: tuple[Plane, ...]) -> None:
    announced = struct.pack(">BBHBHHB", 0xFF, 0xF7, 11, 12, 65535, 65535, 1) + b"\1\x11\0"
    image = dcmread(planes[0].instance.path)
    image.file_meta.TransferSyntaxUID = JPEGLSLossless
    image.PixelData = encapsulate([b"\xff\xd8" + announced + b"\xff\xda\0\2\xff\xd9"])
    image.save_as(planes[0].instance.path)
    changed, _ = read_instance(planes[0].instance.path)
    with DecoderProcess() as decoder, pytest.raises(PixelsUnreadable, match=r"says \(65535, 65535, 1\), the header"):
        decoder.request(changed, [0])


def test_a_child_that_dies_is_a_reason_and_not_the_end_of_us(planes: tuple[Plane, ...]) -> None:
    with DecoderProcess() as decoder:
        decoder._child.kill()
        decoder._child.wait()
        with pytest.raises(PixelsUnreadable, match=r"process (has ended|died)"):
            decoder.request(planes[0].instance, [0])
