"""The quick reading of headers finds what pydicom finds, and leaves to it what is unusual."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import phantom
from dicom_io.encoding.raw import NeedsFullParser, raw_elements, syntax_and_start
from dicom_io.headers.read import read_instance, usual_header
from dicom_io.phantom.options import StudyOptions, TransferSyntax
from dicom_io.phantom.vendors import LAYOUTS
from dicom_io.vendors.base import Vendor
from places import REAL


def quick(path: Path) -> tuple[Dataset, int]:
    """The data set by the quick way and where its pixels begin."""
    stream = BytesIO(path.read_bytes())
    elements, _ = usual_header(stream, stream.getvalue())
    return elements.dataset, stream.tell()


def require_the_same(path: Path) -> None:
    found, pixels_at = quick(path)
    expected = dcmread(path, stop_before_pixels=True)
    assert found.to_json(suppress_invalid_tags=True) == expected.to_json(suppress_invalid_tags=True)
    assert path.read_bytes()[pixels_at : pixels_at + 4] == b"\xe0\x7f\x10\x00"


@pytest.mark.parametrize("vendor", list(LAYOUTS))
@pytest.mark.parametrize("transfer_syntax", [TransferSyntax.EXPLICIT, TransferSyntax.IMPLICIT, TransferSyntax.RLE])
def test_every_vendors_headers_are_those_of_pydicom(
    tmp_path: Path, vendor: Vendor, transfer_syntax: TransferSyntax
) -> None:
    paths = phantom.study(tmp_path, vendor, only=("t2", "dwi"), options=StudyOptions(transfer_syntax=transfer_syntax))
    for path in paths[::7]:
        require_the_same(path)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real MR files of ../shared/data are not here")
def test_real_headers_are_those_of_pydicom() -> None:
    read, left_to_pydicom = 0, []
    for path in sorted(
        path for path in REAL.rglob("*") if path.is_file() and path.suffix not in (".gz", ".md", ".csv")
    ):
        if path.read_bytes()[128:132] != b"DICM":
            continue
        try:
            require_the_same(path)
        except NeedsFullParser:
            left_to_pydicom.append(path.name)
        else:
            read += 1
    assert read > 300
    assert len(left_to_pydicom) < 5


@pytest.mark.parametrize("implicit", [False, True])
def test_sequences_of_undefined_length_are_read_to_their_end(tmp_path: Path, implicit: bool) -> None:
    (path, *_) = phantom.t2(tmp_path)
    image, item, inner = dcmread(path), Dataset(), Dataset()
    inner.CodeValue = "113062"
    item.DerivationCodeSequence = Sequence([inner])
    image.SourceImageSequence = Sequence([item, Dataset()])
    for dataset, keyword in ((image, "SourceImageSequence"), (item, "DerivationCodeSequence")):
        dataset[keyword].is_undefined_length = True
        for each in dataset[keyword].value:
            each.is_undefined_length_sequence_item = True
    image.file_meta.TransferSyntaxUID = TransferSyntax.IMPLICIT if implicit else TransferSyntax.EXPLICIT
    image.save_as(path, implicit_vr=implicit, little_endian=True)
    assert b"\xff\xff\xff\xff" in path.read_bytes()
    require_the_same(path)
    found, _ = quick(path)
    assert found.SourceImageSequence[0].DerivationCodeSequence[0].CodeValue == "113062"


def test_what_ends_early_is_left_to_pydicom(tmp_path: Path) -> None:
    (path, *_) = phantom.t2(tmp_path)
    content = path.read_bytes()
    for length in range(0, 1500, 7):
        with pytest.raises(NeedsFullParser):
            raw_elements(content[:length], syntax_and_start(content)[1], explicit=True)
    with pytest.raises(NeedsFullParser):
        syntax_and_start(content[:140])


def test_a_header_longer_than_usual_is_read_all_the_same(tmp_path: Path) -> None:
    (path, *_) = phantom.t2(tmp_path)
    image = dcmread(path)
    image.add_new(0x00291020, "OB", bytes(200_000))
    image.save_as(path)
    instance, _ = read_instance(path)
    assert instance.offset is not None
    assert instance.rows == image.Rows
    assert path.read_bytes()[instance.offset :][:64] == image.PixelData[:64]
