"""Doubts about whose study it is: flags where it can be told, no answer where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset

import phantom
from dicom_io.headers.read import read_series_headers
from dicom_io.headers.records import StudyHeaders
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.results import Result, Severity
from node.study_doubts import doubted, require_one_patient


def headers(folder: Path, **values: str) -> StudyHeaders:
    """Two images, the second with these values."""
    paths = phantom.dce(folder)[:2]

    def edit(image: Dataset) -> None:
        for keyword, value in values.items():
            setattr(image, keyword, value)

    phantom.edited(paths[1:], edit)
    return read_series_headers(paths)


def codes(found: StudyHeaders, *senders: str) -> list[str]:
    return [flag.code for flag in doubted(Result((), (), (), withheld="no score"), found, senders).flags]


@pytest.mark.parametrize("other", [{"PatientName": "Bob^Two"}, {"PatientBirthDate": "18000101"}, {"PatientID": ""}])
def test_images_of_two_patients_are_not_answered(tmp_path: Path, other: dict[str, str]) -> None:
    with pytest.raises(StudyIneligible) as refused:
        require_one_patient(headers(tmp_path, **other))
    assert refused.value.code is Ineligibility.SEVERAL_PATIENTS


def test_two_patients_are_found_behind_an_image_that_names_none(tmp_path: Path) -> None:
    paths = phantom.dce(tmp_path)[:3]
    for path, name in zip(paths, ("", "Ann^One", "Bob^Two"), strict=True):
        phantom.edited([path], lambda image, name=name: setattr(image, "PatientName", name))  # type: ignore[misc]
    with pytest.raises(StudyIneligible):
        require_one_patient(read_series_headers(paths))


def test_images_of_one_patient_from_one_sender_raise_no_doubt(tmp_path: Path) -> None:
    found = headers(tmp_path)
    require_one_patient(found)
    assert codes(found, "MR1") == codes(found) == []


def test_what_some_images_leave_out_and_several_senders_are_flags(tmp_path: Path) -> None:
    found = headers(tmp_path, PatientBirthDate="")
    require_one_patient(found)
    assert codes(found, "MR1", "MR2", "MR3") == ["PATIENT_INCOMPLETE", "SEVERAL_SENDERS"]


@pytest.mark.parametrize(
    ("keyword", "other", "words"),
    [
        ("StudyDate", "20200101", "study date"),
        ("StudyID", "another", "study ID"),
        ("AccessionNumber", "A-999", "accession number"),
        ("StudyDescription", "MR knee", "study description"),
    ],
)
def test_what_a_study_has_once_and_its_images_twice_is_a_flag_without_the_values(
    tmp_path: Path, keyword: str, other: str, words: str
) -> None:
    paths = phantom.dce(tmp_path)[:2]
    for path, value in zip(paths, ("20250314" if keyword == "StudyDate" else "one", other), strict=True):
        phantom.edited([path], lambda image, value=value: setattr(image, keyword, value))  # type: ignore[misc]
    (flag,) = doubted(Result((), (), (), withheld="no score"), read_series_headers(paths), ()).flags
    assert (flag.code, flag.severity) == ("STUDY_DIFFERS", Severity.WARNING)
    assert flag.message == f"The images of this study differ in {words}: are they one examination?"


def test_which_of_several_images_were_used_is_told_where_the_score_is_read(tmp_path: Path) -> None:
    result = Result((), (), (), withheld="no score")
    (flag,) = doubted(result, headers(tmp_path), (), ("series 5 (T2) is not used: its slices are repeated",)).flags
    assert (flag.code, flag.severity) == ("IMAGES_CHOSEN", Severity.NOTE)
    assert flag.message == "Series 5 (T2) is not used: its slices are repeated."


def test_an_empty_patient_id_is_a_flag(tmp_path: Path) -> None:
    paths = phantom.dce(tmp_path)[:2]
    phantom.edited(paths, lambda image: setattr(image, "PatientID", ""))
    found = read_series_headers(paths)
    require_one_patient(found)
    assert codes(found) == ["PATIENT_ID_EMPTY"]
