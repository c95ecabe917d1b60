"""An image without its patient: what must go is gone everywhere, and what the reader needs is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

import phantom
from dicom_io.deidentify import Mask, NotExportable, deidentify, write_deidentified
from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.options import Layout
from dicom_io.phantom.vendors import LAYOUTS
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from dicom_io.vendors.base import Vendor
from mome_core.case import Case, same_images

MASK = Mask("p1", bytes(32))
EVERY_LAYOUT = [(vendor, layout) for vendor, layouts in LAYOUTS.items() for layout in layouts]


def case_of(paths: list[Path]) -> Case:
    return read_case(assign_roles(read_series_headers(paths))).case


def without_patient(paths: list[Path], folder: Path) -> list[Path]:
    folder.mkdir()
    copies = [folder / f"{number:05}.dcm" for number in range(len(paths))]
    for path, copy in zip(paths, copies, strict=True):
        write_deidentified(path, copy, MASK)
    return copies


@pytest.mark.exhaustive
@pytest.mark.parametrize("layout", EVERY_LAYOUT, ids="-".join)
def test_every_layout_gives_the_same_case_without_its_patient(tmp_path: Path, layout: tuple[Vendor, Layout]) -> None:
    paths = phantom.study(tmp_path / "in", *layout)
    assert same_images(case_of(paths), case_of(without_patient(paths, tmp_path / "out")))


def one_image(folder: Path) -> Dataset:
    return dcmread(phantom.dce(folder, "siemens", "one-series")[0])


def test_dates_of_a_patient_move_together_and_the_birth_date_goes(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    image.StudyDate, image.AcquisitionDate, image.PatientBirthDate = "20240229", "20240301", "19610203"
    image.AcquisitionDateTime, image.LastMenstrualDate = "20240301093000.25", "20240210"
    time = image.AcquisitionTime
    deidentify(image, MASK)
    moved = [str(image[word].value)[:8] for word in ("StudyDate", "AcquisitionDate", "AcquisitionDateTime")]
    assert MASK.date("20240229") == moved[0] < "20230301" and moved[1] == moved[2] == MASK.date("20240301")
    assert image.AcquisitionDateTime.endswith("093000.25") and image.AcquisitionTime == time
    assert image.PatientBirthDate == "" and "LastMenstrualDate" not in image
    assert Mask("p2", bytes(32)).date("20240229") != moved[0]


def test_a_uid_is_replaced_wherever_it_stands_and_always_by_the_same(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    study, instance = str(image.StudyInstanceUID), str(image.SOPInstanceUID)
    inside = Dataset()
    inside.ReferencedSOPClassUID, inside.ReferencedSOPInstanceUID = image.SOPClassUID, instance
    deeper = Dataset()
    deeper.ReferencedImageSequence, deeper.PatientName = [inside], "Doe^Jane"
    image.DerivationImageSequence = [deeper]
    deidentify(image, MASK)
    reference = image.DerivationImageSequence[0].ReferencedImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID == MASK.uid(instance)
    assert image.StudyInstanceUID == MASK.uid(study) and reference.ReferencedSOPClassUID == image.SOPClassUID
    assert "Doe" not in str(image)


def test_private_elements_go_unless_they_are_numbers_that_the_reader_needs(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    ours = image.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    ours.add_new(0x0C, "IS", "800")
    ours.add_new(0x0D, "LT", "DOE^JANE " * 20)
    image.private_block(0x0031, "HOSPITAL", create=True).add_new(0x01, "LO", "Doe^Jane")
    deidentify(image, MASK)
    kept = image.private_block(0x0019, "SIEMENS MR HEADER")
    assert kept[0x0C].value == 800 and 0x0D not in kept
    assert "DOE" not in str(image).upper() and "HOSPITAL" not in str(image)


def test_what_nobody_knows_goes(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    image.add_new(0x00180FFE, "UN", b"Doe^Jane")  # no element of the standard
    image.EvaluatorName = image.NameOfPhysiciansReadingStudy = "Doe^Jane"
    deidentify(image, MASK)
    assert 0x00180FFE not in image and "DOE" not in str(image).upper()


def test_text_in_pixels_keeps_an_object_here(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    image.BurnedInAnnotation = "YES"
    with pytest.raises(NotExportable, match="burned"):
        deidentify(image, MASK)
    capture = one_image(tmp_path)
    capture.SOPClassUID = SecondaryCaptureImageStorage
    with pytest.raises(NotExportable, match="only MR images"):
        deidentify(capture, MASK)
