"""Part 10 files and data sets that are spoiled: refused by a typed error, or whole, and nothing refused is left behind.

Entry points: an instance that arrives (C-STORE), a file that is taken by hand (`copy_instance`) or found by recovery
(`examine`), one that comes by STOW-RS in pieces, and the headers of what was kept, read by the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from dicom_io.encoding.file_meta import FileMeta
from dicom_io.encoding.part10 import InstanceFile, copy_instance, examine
from dicom_io.encoding.part10_stream import Part10Stream
from dicom_io.errors import DicomError, NotAnInstance
from dicom_io.headers.read import planes_of, read_instance
from fuzzing import for_long, quickly, spoiled
from live_node import instance
from web_store import part10

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
Check = Callable[[bytes], None]


def image(syntax: str) -> Dataset:
    """A small image with sequences, private elements and a name in two scripts."""
    made = instance("1.2.3", size=32)
    made.file_meta.TransferSyntaxUID = syntax
    made.SpecificCharacterSet, made.PatientName = ["", "ISO 2022 IR 87"], "A^B=\u5c71\u7530"
    made.SOPInstanceUID, made.Rows, made.Columns = "1.2.3.4", 4, 4
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.SamplesPerPixel, made.PixelRepresentation, made.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    made.ImageType, made.Manufacturer = ["ORIGINAL", "PRIMARY"], "SIEMENS"
    made.ImagePositionPatient, made.ImageOrientationPatient = [0, 0, 1.5], [1, 0, 0, 0, 1, 0]
    made.PixelSpacing, made.SliceThickness, made.AcquisitionTime = [1, 1], 2, "101010.5"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "DCM", "x"
    outer = Dataset()
    outer.PurposeOfReferenceCodeSequence = [code]
    made.ReferencedImageSequence = [outer, outer]
    made.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    made.add_new(0x0019100C, "IS", "800")
    if syntax == JPEG2000Lossless:
        made.PixelData = encapsulate([bytes(40), bytes(20)])
        made["PixelData"].VR = "OB"
    else:
        made["PixelData"].VR = "OW"
    return made


def enhanced() -> Dataset:
    """A multi-frame image with functional groups."""
    made = image(EXPLICIT)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    made.NumberOfFrames, made.PixelData = 2, bytes(64)
    frames = []
    for number in range(2):
        place, orientation, spacing, frame = (Dataset() for _ in range(4))
        place.ImagePositionPatient = [0, 0, number]
        orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        spacing.PixelSpacing, spacing.SliceThickness = [1, 1], 1
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = [place], [orientation]
        frame.PixelMeasuresSequence = [spacing]
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence, made.SharedFunctionalGroupsSequence = frames, [Dataset()]
    return made


FILES = [part10(each) for each in (image(EXPLICIT), image(IMPLICIT), image(JPEG2000Lossless), enhanced())]
DATA_SETS = [each[each.index(b"\x08\x00\x05\x00") :] for each in FILES]


def arriving(folder: Path) -> Check:
    """As a C-STORE brings it."""

    def check(content: bytes) -> None:
        empty(folder)
        for syntax in (EXPLICIT, IMPLICIT):
            file = InstanceFile(folder / "arriving", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4", syntax)
            try:
                file.write(memoryview(content))
                kept = file.finish()
            except NotAnInstance:
                file.discard()
                continue
            read_headers(kept.path)
            assert kept == examine(kept.path)
            kept.path.unlink()
        assert list(folder.iterdir()) == []

    return check


def empty(folder: Path) -> None:
    """Without what an example before this one left when it failed."""
    for each in folder.iterdir():
        each.unlink()


def read_headers(path: Path) -> None:
    """What the worker does first with an instance that was kept."""
    with suppress(DicomError):
        planes_of(*read_instance(path))


def by_hand(folder: Path) -> Check:
    """As a file that `mome-node ingest` or recovery reads."""
    source, kept = folder / "source", folder / "kept"

    def check(content: bytes) -> None:
        empty(folder)
        source.write_bytes(content)
        with suppress(NotAnInstance):
            examine(source)
        with suppress(NotAnInstance):
            copy_instance(source, kept)
            kept.unlink()
        read_headers(source)
        assert list(folder.iterdir()) == [source]

    return check


def in_pieces(folder: Path) -> Check:
    """As STOW-RS brings it."""

    def opened(meta: FileMeta) -> Callable[[memoryview], None]:
        InstanceFile(folder / "x", meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid).discard()
        return lambda _: None

    def check(content: bytes) -> None:
        empty(folder)
        with suppress(NotAnInstance):
            stream = Part10Stream(opened)
            for start in range(0, len(content), 100):
                stream.feed(memoryview(content)[start : start + 100])
            stream.close()
        assert not (folder / "x").exists()

    return check


def headers(folder: Path) -> Check:
    """As files of a folder that `mome-node infer` reads."""
    path = folder / "image.dcm"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_headers(path)

    return check


HEADS = [each[:600] for each in FILES]
WAYS = [(arriving, DATA_SETS), (by_hand, FILES), (in_pieces, HEADS), (headers, FILES)]
everywhere = pytest.mark.parametrize(("way", "valid"), WAYS, ids=lambda each: getattr(each, "__name__", ""))


@pytest.mark.parametrize(("way", "valid"), WAYS, ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_not_spoiled_is_taken(way: Callable[[Path], Check], valid: list[bytes], tmp_path: Path) -> None:
    for each in valid:
        way(tmp_path)(each)
    assert dcmread(BytesIO(FILES[0])).Rows == 4


@everywhere
def test_spoiled_files_are_refused_or_whole(way: Callable[[Path], Check], valid: list[bytes], tmp_path: Path) -> None:
    quickly(150, spoiled(valid), way(tmp_path))


@pytest.mark.exhaustive
@pytest.mark.timeout(0)
@everywhere
def test_spoiled_files_for_long(way: Callable[[Path], Check], valid: list[bytes], tmp_path: Path) -> None:
    for_long(spoiled(valid), way(tmp_path))
