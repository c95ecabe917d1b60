"""A cohort's manifest: it names no patient, labels find their case, and mistakes are seen before any hour is spent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

import nifti_files
from live_node import instance, new_study
from mome_core.results import Endpoint
from mome_core.training.cohort import CohortProblem, read_manifest
from mome_core.training.errors import TrainingRefused
from node.cohorts import (
    CohortAddition,
    CohortFile,
    add_to_cohort,
    archived_study,
    begin_cohort,
    key_of,
    look_at_manifest,
    pseudonym,
)
from node.errors import NodeError
from node.settings import Settings

NONE: Mapping[str, Path] = {}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Three studies of two patients, one image each."""
    for n in range(3):
        image = instance(new_study(), PatientID=f"SECRET-{n // 2}", Manufacturer="SIEMENS", MagneticFieldStrength="3")
        (tmp_path / "studies" / f"s{n}").mkdir(parents=True)
        image.save_as(tmp_path / "studies" / f"s{n}" / "1.dcm", enforce_file_format=True)
    return tmp_path


def test_a_manifest_begins_with_pseudonyms_and_gets_labels_by_the_hospital_s_ids(site: Path) -> None:
    cohort, pathology = site / "cohort.csv", site / "pathology.csv"
    assert begin_cohort(site / "studies", cohort) == CohortFile(str(cohort), cases=3, patients=2)
    assert "SECRET" not in cohort.read_text() and (site / "cohort.key").stat().st_mode & 0o077 == 0
    pathology.write_text("patient_id,malignancy,age\nSECRET-0,1,44\nSECRET-1,0,61\n")
    assert add_to_cohort(cohort, pathology, NONE) == CohortAddition(cases=3, joined=3, added=0)
    assert look_at_manifest(read_manifest(cohort)).classes == {"malignancy": {"": {1: 2, 0: 1}}}
    assert "SECRET" not in cohort.read_text() and ",44" in cohort.read_text()


def test_visits_without_a_patient_s_name_are_listed_without_a_patient_and_nothing_is_trained(tmp_path: Path) -> None:
    nifti_files.phases(
        tmp_path / "studies", [f"P1/{visit}/{phase}" for visit in ("a", "b") for phase in ("Pre", "Post_1")]
    )
    cohort = tmp_path / "cohort.csv"
    assert begin_cohort(tmp_path / "studies", cohort) == CohortFile(str(cohort), cases=2, patients=0, without_patient=2)
    with pytest.raises(TrainingRefused, match="patient must not be empty"):
        read_manifest(cohort)
    labels = tmp_path / "labels.csv"
    labels.write_text("patient,malignancy\n,1\n")
    with pytest.raises(NodeError, match="is not in the manifest"):
        add_to_cohort(cohort, labels, {})


def test_a_manifest_that_exists_is_not_begun_again(site: Path) -> None:
    begin_cohort(site / "studies", site / "cohort.csv")
    with pytest.raises(NodeError, match="cohort add"):
        begin_cohort(site / "studies", site / "cohort.csv")


def test_a_label_of_nobody_is_named_by_its_line(site: Path) -> None:
    cohort, pathology = site / "cohort.csv", site / "pathology.csv"
    begin_cohort(site / "studies", cohort)
    before = cohort.read_text()
    pathology.write_text("patient_id,malignancy\nSECRET-0,1\nSECRET-9,0\n")
    with pytest.raises(NodeError) as refused:
        add_to_cohort(cohort, pathology, NONE)
    assert "line 3" in str(refused.value) and "SECRET" not in str(refused.value)
    assert cohort.read_text() == before


def test_a_study_joins_once(site: Path) -> None:
    cohort, new = site / "cohort.csv", site / "new"
    begin_cohort(site / "studies", cohort)
    new.mkdir()
    instance("1.2.3", PatientID="SECRET-0").save_as(new / "1.dcm", enforce_file_format=True)
    assert add_to_cohort(cohort, None, {"1.2.3": new}).added == 1
    assert len({row.patient for row in read_manifest(cohort)}) == 2
    with pytest.raises(NodeError, match="already"):
        add_to_cohort(cohort, None, {"1.2.3": new})


def test_without_its_key_a_manifest_is_closed(site: Path) -> None:
    begin_cohort(site / "studies", site / "cohort.csv")
    (site / "cohort.key").unlink()
    with pytest.raises(NodeError, match="restore it"):
        add_to_cohort(site / "cohort.csv", None, NONE)


def test_a_pseudonym_needs_patient_and_key(tmp_path: Path) -> None:
    key = key_of(tmp_path / "cohort.csv", create=True)
    assert key == key_of(tmp_path / "cohort.csv", create=False)
    names = {pseudonym("A", key), pseudonym("A", key), pseudonym("B", key), pseudonym("A", b"another")}
    assert len(names) == 3


def test_a_cohort_lives_in_parquet_as_in_csv(site: Path) -> None:
    cohort, pathology = site / "cohort.parquet", site / "pathology.parquet"
    begin_cohort(site / "studies", cohort)
    answers = {"patient_id": ["SECRET-0", "SECRET-1"], "malignancy": [1.0, 0.0], "age": [44.0, None]}
    parquet.write_table(pyarrow.table(answers), pathology)  # pandas writes integers with gaps as 1.0
    assert add_to_cohort(cohort, pathology, NONE).joined == 3
    rows = read_manifest(cohort)
    assert [(row.labels[Endpoint.MALIGNANCY], row.facts["age"]) for row in rows] == [(1, "44"), (1, "44"), (0, "")]
    (site / "torn.parquet").write_bytes(cohort.read_bytes()[:-9])
    with pytest.raises(TrainingRefused, match="cannot read the table"):
        read_manifest(site / "torn.parquet")


def test_the_manifest_alone_shows_patients_on_two_sides(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("case,patient,malignancy,split\ns0,p0,1,training\ns1,p0,1,test\ns2,p1,0,test\ns3,p2,0,training\n")
    found = look_at_manifest(read_manifest(cohort))
    assert (found.cases, found.patients) == (4, 3)
    assert CohortProblem("the patient of case s1 is in the training and the test split", fatal=True) in found.problems


def test_a_study_that_is_not_in_the_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(NodeError, match="not in this node's archive"):
        archived_study(Settings(storage={"root": tmp_path / "root"}), "1.2.3")
