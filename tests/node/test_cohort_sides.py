"""A manifest of studies becomes one of breasts: labels of the breast's own, the patient the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint, Laterality
from mome_core.training.cohort import read_manifest, unit_of
from mome_core.training.table import read_table
from node.cohort_sides import BreastCohort, write_breasts
from node.cohorts import add_to_cohort
from node.errors import NodeError


def written(folder: Path, *lines: str) -> Path:
    path = folder / "cohort.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_each_breast_with_a_label_is_a_row_under_its_patient(tmp_path: Path) -> None:
    manifest = written(
        tmp_path,
        "case,patient,malignancy,malignancy_left,malignancy_right,bi_rads_left,age,split",
        "studies/1,p1,1,1,0,5,44,training",
        "studies/2,p2,1,,1,,61,test",
        "studies/3,p3,0,,,,50,test",
        "studies/4,p4,1,,,,39,test",
    )
    (tmp_path / "deep").mkdir()
    out = tmp_path / "deep" / "breasts.csv"
    assert write_breasts(manifest, out) == BreastCohort(str(out), breasts=5, patients=3, without_label=3)
    rows = read_manifest(out)
    assert [(row.patient, row.side, row.labels[Endpoint.MALIGNANCY]) for row in rows] == [
        ("p1", Laterality.LEFT, 1),
        ("p1", Laterality.RIGHT, 0),
        ("p2", Laterality.RIGHT, 1),
        ("p3", Laterality.LEFT, 0),
        ("p3", Laterality.RIGHT, 0),
    ]
    assert unit_of(rows) is UnitOfAnalysis.BREAST
    assert rows[0].folder.resolve() == tmp_path / "studies/1" and str(rows[0].split) == "training"
    assert [row.facts.get("bi_rads") for row in rows[:2]] == ["5", ""] and rows[1].facts["age"] == "44"
    assert not {"malignancy_left", "malignancy_right"} & set(read_table(out)[0])


@pytest.mark.parametrize("line", ["a,p,0,1,", "a,p,1,0,0"])
def test_sides_that_contradict_the_patient_are_refused_with_their_line(tmp_path: Path, line: str) -> None:
    manifest = written(tmp_path, "case,patient,malignancy,malignancy_left,malignancy_right", line)
    with pytest.raises(NodeError, match=r"line 2: malignancy is .* left is"):
        write_breasts(manifest, tmp_path / "out.csv")


def test_a_manifest_without_labels_of_breasts_or_of_breasts_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="fill in malignancy_left"):
        write_breasts(written(tmp_path, "case,patient,malignancy", "a,p,1"), tmp_path / "out.csv")
    with pytest.raises(NodeError, match="breasts already"):
        write_breasts(written(tmp_path, "case,patient,side,malignancy", "a,p,L,1"), tmp_path / "out.csv")
    with pytest.raises(NodeError, match="no column 'patient'"):
        write_breasts(written(tmp_path, "case,malignancy", "a,1"), tmp_path / "out.csv")


def test_answers_of_a_comparator_are_joined_breast_by_breast(tmp_path: Path) -> None:
    manifest = written(tmp_path, "case,patient,malignancy_left,malignancy_right", "a,p,1,0", "b,q,0,")
    (tmp_path / "cohort.key").write_bytes(b"k" * 32)
    out, answers = tmp_path / "breasts.csv", tmp_path / "mst.csv"
    write_breasts(manifest, out)
    assert (tmp_path / "breasts.key").stat().st_mode & 0o077 == 0
    answers.write_text("case,side,reader_mst\na,L,0.9\na,R,0.2\n")
    assert add_to_cohort(out, answers, {}).joined == 2
    assert [row.facts.get("reader_mst") for row in read_manifest(out)] == ["0.9", "0.2", ""]
    answers.write_text("case,side,reader_mst\nb,R,0.5\n")
    with pytest.raises(NodeError, match="line 2: its case and side is not in the manifest"):
        add_to_cohort(out, answers, {})
