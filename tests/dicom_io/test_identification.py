"""Identifiers for other systems: as the object writes them, whatever its character set, and nothing made up."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import NotAnInstance
from dicom_io.identification import StudyIdentification, read_identification, with_order
from live_node import instance


def written(folder: Path, **values: object) -> Path:
    path = folder / "one.dcm"
    instance("1.2.3", **values).save_as(path, enforce_file_format=True)
    return path


def test_every_group_of_a_name_is_read_in_the_character_set_of_the_file(tmp_path: Path) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    path = written(tmp_path, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name, PatientID="P")
    assert read_identification(path).patient_name == name


def test_what_an_object_does_not_say_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path, PatientName="", PatientID="")
    assert read_identification(path) == StudyIdentification("1.2.3")


@pytest.mark.parametrize("inside", [True, False])
def test_order_numbers_come_from_the_image_or_its_request(tmp_path: Path, inside: bool) -> None:
    numbers = {"PlacerOrderNumberImagingServiceRequest": "P-1", "FillerOrderNumberImagingServiceRequest": "F-1"}
    request = Dataset()
    for keyword, value in numbers.items():
        setattr(request, keyword, value)
    path = written(tmp_path, **({"RequestAttributesSequence": [request]} if inside else numbers))
    found = with_order(StudyIdentification("1.2.3"), path)
    assert (found.placer_order, found.filler_order) == ("P-1", "F-1")


def test_the_issuer_of_an_accession_number_is_its_namespace(tmp_path: Path) -> None:
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = "RIS"
    path = written(tmp_path, AccessionNumber="A-1", IssuerOfAccessionNumberSequence=[issuer])
    found = read_identification(path)
    assert (found.accession_number, found.accession_issuer) == ("A-1", "RIS")


def test_a_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nonsense")
    with pytest.raises(NotAnInstance):
        read_identification(tmp_path / "x")
