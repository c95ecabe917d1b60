"""Files to headers: what is no image is left out with a reason, copies once, series in a fixed order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)

from dicom_io.errors import NotAnImage
from dicom_io.headers.read import read_instance, read_series_headers


def write(path: Path, uid: str, series: str = "1.2", syntax: str = ExplicitVRLittleEndian, **values: object) -> Path:
    """A file of 4 x 4 pixels."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = MRImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.1", series
    image.Modality, image.Manufacturer, image.InstanceNumber = "MR", "SIEMENS", 1
    image.Rows = image.Columns = 4
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.SamplesPerPixel, image.PixelRepresentation = 15, 1, 0
    image.PhotometricInterpretation = "MONOCHROME2"
    for keyword, value in values.items():
        setattr(image, keyword, value)
    image.PixelData = np.zeros((4, 4), np.uint16).tobytes()
    image["PixelData"].VR = "OW"
    image.save_as(path, enforce_file_format=True)
    return path


def test_series_and_their_images_stand_in_an_order_that_arrival_does_not_change(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a", "1.9", "1.2.2", InstanceNumber=1),
        write(tmp_path / "b", "1.8", "1.2.1", InstanceNumber=2),
        write(tmp_path / "c", "1.7", "1.2.1", InstanceNumber=1),
    ]
    for order in (paths, paths[::-1]):
        headers = read_series_headers(order)
        assert [series.series_uid for series in headers] == ["1.2.1", "1.2.2"]
        assert [each.sop_instance_uid for each in headers[0].instances] == ["1.7", "1.8"]


def test_a_copy_is_left_out_and_says_so(tmp_path: Path) -> None:
    headers = read_series_headers([write(tmp_path / "a", "1.9"), write(tmp_path / "b", "1.9")])
    assert len(headers[0].instances) == 1
    assert [(each.name, each.why) for each in headers.excluded] == [
        ("b", "duplicates an instance that was already read")
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is not a DICOM file"), (b"hello world" * 20, "is not a DICOM file"), (None, "cannot be opened")],
)
def test_what_is_no_image_is_left_out_with_the_reason(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    (left_out,) = read_series_headers([path]).excluded
    assert why in left_out.why


def test_an_instance_without_rows_holds_no_image(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match=r"holds no image \(MR\)"):
        read_instance(write(tmp_path / "a", "1.9", Rows=None))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_native_pixels_are_found_where_they_lie(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "a", "1.9", syntax=syntax)
    instance, _ = read_instance(path)
    assert instance.offset == path.stat().st_size - 32
    assert instance.length == 32


def test_a_deflated_file_is_read_and_its_pixels_are_left_to_a_decoder(tmp_path: Path) -> None:
    instance, elements = read_instance(write(tmp_path / "a", "1.9", syntax=DeflatedExplicitVRLittleEndian))
    assert (instance.offset, instance.length) == (None, 0)
    assert elements.text("Modality") == "MR"


def test_an_enhanced_copy_under_the_series_uid_of_its_classic_images_stands_apart(tmp_path: Path) -> None:
    classic = write(tmp_path / "a", "1.9")
    copy = write(tmp_path / "b", "1.8", PerFrameFunctionalGroupsSequence=[Dataset()])
    headers = read_series_headers([classic, copy])
    assert [(series.series_uid, series.is_enhanced) for series in headers] == [("1.2", False), ("1.2", True)]


def test_what_the_pixels_are_is_told_even_where_the_header_is_silent(tmp_path: Path) -> None:
    instance, _ = read_instance(write(tmp_path / "a", "1.9", BitsStored=12, HighBit=11))
    assert (instance.bits_allocated, instance.bits_stored, instance.high_bit, instance.signed) == (16, 12, 11, False)
    silent, _ = read_instance(write(tmp_path / "b", "1.9", BitsStored=None, HighBit=None))
    assert (silent.bits_stored, silent.high_bit, silent.frames) == (16, 15, 1)
