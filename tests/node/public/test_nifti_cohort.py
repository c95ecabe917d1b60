"""Cohorts of public sets by their NIfTI files: joined by the names of folders, with the published split and licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nifti_files
import public_tables as tables
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Laterality
from mome_core.training.cohort import read_manifest, unit_of
from mome_core.training.table import read_table
from node.cases import read_study
from node.cli.main import main
from node.errors import NodeError
from node.public.nifti_cohort import holds_cases, write_nifti_cohort


@pytest.fixture
def mama_mia(tmp_path: Path) -> Path:
    """Two cases on disk, one of the table's without images, one on disk that the table does not know."""
    ids = ("DUKE_001", "ISPY2_100899", "NACT_01")
    cases = [{"patient_id": p, "dataset": p[:4], "pcr": n % 2, "age": 50} for n, p in enumerate(ids)]
    tables.sheet(tmp_path / "clinical_and_imaging_info.xlsx", {"dataset_info": tables.lines_of(tables.MAMA_MIA, cases)})
    tables.delimited(tmp_path / "train_test_splits.csv", [["train_split", "test_split"], ["DUKE_001", "ISPY2_100899"]])
    for name in (*ids[:2], "DUKE_999"):
        nifti_files.phases(tmp_path / "images" / name, [f"{name.lower()}_{n:04d}" for n in range(3)])
        nifti_files.write(tmp_path / "segmentations" / "expert" / f"{name.lower()}.nii.gz", nifti_files.noise(4, 5, 6))
    return tmp_path


def test_mama_mia_is_a_cohort_of_its_nifti_files(mama_mia: Path) -> None:
    manifest = mama_mia / "cohort.csv"
    written = write_nifti_cohort("mama-mia", mama_mia, manifest)
    rows = read_manifest(manifest)
    assert [(row.name, row.patient) for row in rows] == [
        ("images/DUKE_001", "duke-001"),
        ("images/ISPY2_100899", "ispy2-100899"),
    ]
    assert [row.facts["published_split"] for row in rows] == ["training", "test"] and rows[0].split is None
    assert {row.facts["licence"] for row in rows} == {"CC BY-NC 4.0"}
    found = read_study(rows[0].folder)
    assert found.dce is not None and found.dce.phase_count == 3
    assert {each.reason for each in written.left_out} == {
        "the folder's name is not in the table of labels",
        "no images are on disk",
    }
    assert len(read_table(mama_mia / "cohort.excluded.csv")[1]) == 2


def test_a_published_split_and_the_patients_of_others_stay_out(mama_mia: Path) -> None:
    write_nifti_cohort("mama-mia", mama_mia, mama_mia / "test.csv", part="test")
    assert [row.patient for row in read_manifest(mama_mia / "test.csv")] == ["ispy2-100899"]
    with pytest.raises(NodeError, match="must not share anybody"):
        write_nifti_cohort("mama-mia", mama_mia, mama_mia / "c.csv", part="test", without={"ispy2-100899"})


def test_of_odelia_each_breast_is_a_case_and_both_are_one_patient(tmp_path: Path) -> None:
    for centre in ("A", "B"):
        breasts = [
            {"UID": f"{centre}1_{s}", "Institution": centre, "Lesion": n} for s, n in (("left", 2), ("right", 0))
        ]
        place = tmp_path / centre
        tables.delimited(place / "metadata_unilateral" / "annotation.csv", tables.lines_of(tables.ODELIA, breasts))
        for each in breasts:
            nifti_files.phases(place / "data_unilateral" / str(each["UID"]), ["Pre", "Post_1", "Sub_1", "T2"])
    nifti_files.phases(tmp_path / "copy" / "B1_left", ["Pre", "Post_1"])
    written = write_nifti_cohort("odelia", tmp_path, tmp_path / "odelia.csv")
    assert (written.cases, written.patients, written.classes["malignancy"]) == (3, 2, {"0": 2, "1": 1})
    assert sum(each.reason == "several folders bear this name" for each in written.left_out) == 2
    rows = read_manifest(tmp_path / "odelia.csv")
    assert unit_of(rows) is UnitOfAnalysis.BREAST
    assert {row.side for row in rows} == {Laterality.RIGHT}, "the images lie there, whatever the folders are called"


def test_the_command_takes_cases_where_there_are_some(mama_mia: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert holds_cases("mama-mia", mama_mia) and not holds_cases("fastmri-breast", mama_mia)
    out = mama_mia / "c.csv"
    with pytest.raises(SystemExit) as ended:
        main(["public", "cohort", "mama-mia", str(mama_mia), "--out", str(out), "--part", "training", "--json"])
    assert ended.value.code == 0 and json.loads(capsys.readouterr().out)["cases"] == 1
    with pytest.raises(SystemExit) as ended:
        main(["public", "cohort", "odelia", str(mama_mia), "--out", str(out), "--part", "test"])
    assert ended.value.code == 2 and "mama-mia only" in " ".join(capsys.readouterr().err.split())
