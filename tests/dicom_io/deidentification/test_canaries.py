"""A patient's name in every element, private block, item, bit and comment of an image: none of it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

import phantom
from canaries import betray, found_in
from deidentified import MASK, case_of, roles_of, without_patient
from dicom_io.deidentification.image import Deidentifier, NotExportable
from dicom_io.phantom.options import Layout
from dicom_io.phantom.vendors import LAYOUTS
from dicom_io.vendors.base import Vendor
from mome_core.case import same_images
from places import REAL

ALWAYS = (Vendor.SIEMENS, Layout.ENHANCED)  # the others take minutes of CPU: `make test-all`
EVERY_LAYOUT = [
    pytest.param(
        vendor,
        layout,
        marks=[] if (vendor, layout) == ALWAYS else pytest.mark.exhaustive,
        id=f"{vendor}-{layout}",
    )
    for vendor, layouts in LAYOUTS.items()
    for layout in layouts
]


def first_of_each_series(paths: list[Path]) -> list[Path]:
    return list({path.parent: path for path in reversed(paths)}.values())


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "layout"), EVERY_LAYOUT)
def test_nothing_of_the_patient_leaves_and_the_case_is_the_same(tmp_path: Path, vendor: Vendor, layout: Layout) -> None:
    paths = phantom.study(tmp_path / "in", vendor, layout)
    case, roles = case_of(paths), roles_of(paths)
    for path in first_of_each_series(paths):
        betray(path, replacing=False)
        assert found_in(path)
    copies = without_patient(paths, tmp_path / "out")
    assert {copy.name: found for copy in copies if (found := found_in(copy))} == {}
    assert same_images(case, case_of(copies)) and roles == roles_of(copies)


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "layout"), EVERY_LAYOUT)
def test_nor_does_it_in_the_elements_that_are_kept(tmp_path: Path, vendor: Vendor, layout: Layout) -> None:
    for number, path in enumerate(first_of_each_series(phantom.study(tmp_path / "in", vendor, layout))):
        betray(path, replacing=True)
        with Deidentifier(MASK) as deidentifier:
            deidentifier.write(path, tmp_path / f"{number}.dcm")
        assert found_in(tmp_path / f"{number}.dcm") == []
        assert len(deidentifier.dropped) > 4000


REAL_FILES = sorted(path for path in REAL.rglob("*") if path.is_file()) if REAL.is_dir() else []


@pytest.mark.exhaustive
@pytest.mark.skipif(not REAL_FILES, reason="the real MR files of ../shared/data are not here")
def test_nothing_leaves_of_real_files(tmp_path: Path) -> None:
    written, refused = 0, 0
    for source in {path.parent: path for path in REAL_FILES if path.suffix in ("", ".dcm", ".IMA")}.values():
        path = tmp_path / "betrayed.dcm"
        path.write_bytes(source.read_bytes())
        betray(path, replacing=False)
        try:
            with Deidentifier(MASK) as deidentifier:
                deidentifier.write(path, tmp_path / "copy.dcm")
            written += 1
            assert found_in(tmp_path / "copy.dcm") == []
        except NotExportable:
            refused += 1
    assert written >= 10 and refused <= 3


def with_comments(frame: bytes) -> bytes:
    """A compressed frame with a comment and an application segment of its codec that name the patient."""
    text = b"BROWN^CHARLIE 19611111"
    if frame[:2] == b"\xff\xd8":  # JPEG and JPEG-LS: COM and APP4 behind SOI (ITU-T T.81 B.2.4.5, B.2.4.6)
        segments = b"".join(marker + (len(text) + 2).to_bytes(2) + text for marker in (b"\xff\xfe", b"\xff\xe4"))
        return frame[:2] + segments + frame[2:]
    if frame[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000: COM in the main header, before the first tile (T.800 A.9.2)
        tile = frame.index(b"\xff\x90")
        return frame[:tile] + b"\xff\x64" + (len(text) + 4).to_bytes(2) + b"\0\1" + text + frame[tile:]
    return frame + text  # RLE: behind the last segment


@pytest.mark.skipif(not REAL_FILES, reason="the real MR files of ../shared/data are not here")
def test_comments_inside_compressed_frames_go_and_the_pixels_stay(tmp_path: Path) -> None:
    syntaxes = set()
    for number, source in enumerate(path for path in REAL_FILES if path.parent.name == "transfer_syntaxes"):
        image = dcmread(source)
        if not image.file_meta.TransferSyntaxUID.is_encapsulated:
            continue
        pixels = image.pixel_array
        image.PixelData = encapsulate([with_comments(frame) for frame in generate_frames(image.PixelData)])
        path, copy = tmp_path / "betrayed.dcm", tmp_path / f"{number}.dcm"
        image.save_as(path)
        assert found_in(path)
        with Deidentifier(MASK) as deidentifier:
            deidentifier.write(path, copy)
        assert found_in(copy) == []
        np.testing.assert_array_equal(dcmread(copy).pixel_array, pixels)
        syntaxes.add(image.file_meta.TransferSyntaxUID)
    assert len(syntaxes) == 4  # JPEG, JPEG-LS, JPEG 2000, RLE
