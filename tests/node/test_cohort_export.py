"""A cohort that is handed on: the same cases, no patient, and each study that could not go along is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

import nifti_files
import phantom
from dicom_io.deidentification.image import Hindrance
from mome_core.case import same_images
from mome_core.results import Laterality
from mome_core.training.cohort import read_manifest
from mome_core.training.dataset import ExcludedCase
from node.cases import read_study
from node.cli.cohort import HINDRANCE_WORDS
from node.cohort_export import ExportedCohort, export_cohort
from node.cohorts import begin_cohort
from node.errors import NodeError

SECRETS = ("SECRET", "Phantom^", "GENERAL HOSPITAL", "DOE")


def silent(done: int, planned: int) -> None:
    """No progress."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Three studies of two patients."""
    for n in range(3):
        paths = phantom.study(tmp_path / "studies" / f"s{n}", seed=90 + n)
        phantom.edited(paths, lambda image, n=n: setattr(image, "PatientID", f"SECRET-{n // 2}"))
    return tmp_path


@pytest.mark.slow
def test_an_exported_cohort_holds_the_same_cases_and_no_patient(site: Path) -> None:
    cohort = site / "cohort.csv"
    begin_cohort(site / "studies", cohort)
    for path in (site / "studies").rglob("*.dcm"):
        betray(path)
    lines = cohort.read_text().splitlines()
    columns = "molecular_subtype,surname,site,age,reader_DOE"
    cohort.write_text("\n".join([f"{lines[0]},{columns}", *(f"{line},2,DOE,DOE,=DOE,4a" for line in lines[1:])]) + "\n")
    (site / "studies/s0/notes.txt").write_text("Mrs DOE")
    found = export_cohort(cohort, site / "out", 2, silent, text_search=False)
    assert (found.cases, found.not_exported, found.columns_left_behind) == (3, (), ("surname",))
    assert found.elements_left_behind["(0008,0080)"] == found.images and found.left_behind == {Hindrance.NO_DICOM: 1}
    assert (found.text_finder, found.nobody_looked) == ("", "--no-text-search")
    exported = sorted((site / "out").rglob("*.dcm"))
    assert len(exported) == found.images == len(list((site / "studies").rglob("*.dcm")))
    originals = {uid for path in (site / "studies").rglob("*.dcm") for uid in uids_of(path)}
    for path in exported:
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS)
        assert not uids_of(path) & originals
    assert not any(secret in (site / "out/cohort.csv").read_text() for secret in SECRETS)
    rows = read_manifest(site / "out/cohort.csv")
    for row, copy in zip(read_manifest(cohort), rows, strict=True):
        assert same_images(read_study(row.folder), read_study(copy.folder))
        assert copy.answers() == row.answers() and copy.subtype == 2
    assert len({row.patient for row in rows}) == 2 and all(row.facts["site"] == "1" for row in rows)
    assert all((row.facts["age"], row.facts["reader_1"]) == ("", "4a") for row in rows)
    assert not any(secret in str(path.relative_to(site)) for path in (site / "out").rglob("*") for secret in SECRETS)


@pytest.mark.slow
def test_a_study_that_stands_in_two_rows_is_copied_once_and_both_breasts_name_it(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path / "s", only=("dce", "t2"), seed=90)
    cohort = tmp_path / "breasts.csv"
    cohort.write_text("case,patient,side,malignancy\ns,p1,L,1\ns,p1,R,0\n")
    found = export_cohort(cohort, tmp_path / "out", 1, silent, text_search=False)
    assert (found.cases, found.images) == (2, len(paths))
    rows = read_manifest(tmp_path / "out/cohort.csv")
    assert [row.side for row in rows] == [Laterality.LEFT, Laterality.RIGHT] and rows[0].folder == rows[1].folder


@pytest.mark.slow
def test_a_study_that_cannot_be_read_is_named_and_the_others_are_exported(site: Path) -> None:
    (site / "studies" / "s1" / "loop").symlink_to("loop")
    cohort = site / "cohort.csv"
    cohort.write_text("case,patient,malignancy\nstudies/s0,p0,1\nstudies/s1,p0,1\nstudies/s2,p1,0\n")
    found = export_cohort(cohort, site / "out", 1, silent, text_search=False)
    why = "a file cannot be read: Too many levels of symbolic links"
    assert (found.cases, found.not_exported) == (2, (ExcludedCase("studies/s1", why),))


def test_nothing_is_written_into_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="exists already"):
        export_cohort(tmp_path / "cohort.csv", tmp_path, 1, silent)


def test_scripts_get_lists_and_the_name_of_each_case() -> None:
    found = ExportedCohort(
        cohort="out/cohort.csv",
        cases=1,
        images=7,
        not_exported=(ExcludedCase("s1", "torn"),),
        left_behind={Hindrance.NO_MR_IMAGE: 2},
        elements_left_behind={"(0010,0030)": 7},
        columns_left_behind=("surname",),
        text_finder="",
        nobody_looked="--no-text-search",
    ).to_json()
    assert found["left_behind"] == {"NO_MR_IMAGE": 2}
    assert found["not_exported"] == [{"case": "s1", "reason": "torn"}]
    assert found["columns_left_behind"] == ["surname"]


def test_every_hindrance_has_words() -> None:
    assert set(HINDRANCE_WORDS) == set(Hindrance)


def betray(path: Path) -> None:
    """Put the patient where scanners and people put it."""
    image = dcmread(path)
    image.InstitutionName, image.ImageComments, image.OperatorsName = "GENERAL HOSPITAL", "Mrs DOE", "DOE^J"
    image.PatientBirthDate, image.AccessionNumber = "19610203", "SECRET-ACC"
    request = Dataset()
    request.RequestedProcedureDescription, request.ScheduledProcedureStepID = "DOE left", "SECRET-STEP"
    image.RequestAttributesSequence = [request]
    image.private_block(0x0029, "SITE", create=True).add_new(1, "LO", "SECRET")
    image.save_as(path)


def uids_of(path: Path) -> set[str]:
    """Every UID of a data set that its maker has given out."""
    values = [str(e.value) for e in dcmread(path, stop_before_pixels=True).iterall() if e.VR == "UI"]
    return {value for value in values if value and not value.startswith("1.2.840.10008.")}


def test_a_nifti_study_stays_here_and_says_why(tmp_path: Path) -> None:
    nifti_files.phases(tmp_path / "s0", ["Pre", "Post_1"])
    (tmp_path / "cohort.csv").write_text("case,patient,malignancy\ns0,p0,1\n")
    with pytest.raises(NodeError, match="only DICOM is de-identified"):
        export_cohort(tmp_path / "cohort.csv", tmp_path / "out", 1, lambda done, planned: None, text_search=False)
