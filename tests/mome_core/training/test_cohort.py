"""Cohorts: what a manifest may say, who is prepared, and who is held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint, Laterality
from mome_core.training.cohort import Split, problems_of, read_manifest, unit_of
from mome_core.training.errors import TrainingRefused
from mome_core.training.table import write_table


def written(folder: Path, text: str) -> Path:
    path = folder / "cohort.csv"
    path.write_text(text)
    return path


def test_a_manifest_names_folders_beside_it(tmp_path: Path) -> None:
    rows = read_manifest(written(tmp_path, "case,patient,malignancy,site\na/1,p1,1,x\na/2,p2,,y\n"))
    assert [row.folder for row in rows] == [tmp_path / "a/1", tmp_path / "a/2"]
    assert rows[0].labels == {Endpoint.MALIGNANCY: 1}
    assert rows[1].labels == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("case,malignancy\n1,1\n", "no column 'patient'"),
        ("case,patient,cancer\n1,p,1\n", "no column with labels"),
        ("case,patient,malignancy\n", "has no case"),
        ("case,patient,malignancy\n1,,1\n", "line 2: case and patient must not be empty"),
        ("case,patient,malignancy\n1,p,yes\n", "line 2: malignancy is 'yes'"),
        ("case,patient,malignancy\n1,p,2\n", "line 2: malignancy is '2'; it must be one of 0, 1, or empty"),
        ("case,patient,molecular_subtype\n1,p,4\n", "line 2: molecular_subtype is '4'"),
        (
            "case,patient,molecular_subtype,triple_negative\n1,p,2,1\n",
            "is 2, but triple_negative is 1",
        ),
        ("case,patient,malignancy\n1,p,1\n1,p,1\n", "lists the case 1 twice"),
        ("case,patient,malignancy,split\n1,p,1,train\n", "split is 'train'"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(TrainingRefused, match=complaint):
        read_manifest(written(tmp_path, text))


def test_the_molecular_subtype_also_says_whether_it_is_triple_negative(tmp_path: Path) -> None:
    rows = read_manifest(written(tmp_path, "case,patient,molecular_subtype\n1,p1,3\n2,p2,2\n3,p3,\n"))
    assert [row.subtype for row in rows] == [3, 2, None]
    assert [row.labels.get(Endpoint.TRIPLE_NEGATIVE) for row in rows] == [1, 0, None]
    assert rows[0].record(tmp_path, Split.TEST)["molecular_subtype"] == "3"


def test_a_row_becomes_a_line_of_a_manifest_elsewhere(tmp_path: Path) -> None:
    (row,) = read_manifest(written(tmp_path, "case,patient,malignancy,site\na/1,p1,1,x\n"))
    (tmp_path / "models").mkdir()
    write_table(tmp_path / "models" / "split.csv", [row.record(tmp_path / "models", Split.TEST)])
    (again,) = read_manifest(tmp_path / "models" / "split.csv")
    assert again.folder.resolve() == row.folder.resolve()
    assert (again.patient, again.labels, again.split) == ("p1", row.labels, Split.TEST)
    assert again.facts["site"] == "x"


def test_a_row_may_be_one_breast_and_both_breasts_of_a_study_are_two_cases(tmp_path: Path) -> None:
    rows = read_manifest(written(tmp_path, "case,patient,side,malignancy\na,p1,L,1\na,p1,R,0\nb,p2,R,0\n"))
    assert [(row.name, row.side) for row in rows] == [
        ("a L", Laterality.LEFT),
        ("a R", Laterality.RIGHT),
        ("b R", Laterality.RIGHT),
    ]
    assert rows[0].folder == rows[1].folder and unit_of(rows) is UnitOfAnalysis.BREAST
    assert rows[1].record(tmp_path, Split.TEST)["side"] == "R"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("case,patient,side,malignancy\na,p,left,1\n", "side is 'left'; it must be L or R"),
        ("case,patient,side,malignancy\na,p,L,1\na,p,L,1\n", "lists the case a L twice"),
        ("case,patient,side,malignancy\na,p,L,1\na,p,,1\n", "whole, and a breast of it"),
        ("case,patient,side,malignancy\na,p,,1\na,p,R,1\n", "whole, and a breast of it"),
    ],
)
def test_a_side_that_is_none_and_a_breast_beside_its_study_are_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(TrainingRefused, match=complaint):
        read_manifest(written(tmp_path, text))


def test_breasts_and_whole_studies_are_not_mixed(tmp_path: Path) -> None:
    rows = read_manifest(written(tmp_path, "case,patient,side,malignancy\na,p1,L,1\nb,p2,,0\n"))
    with pytest.raises(TrainingRefused, match="1 of 2 cases have no side"):
        unit_of(rows)
    assert any(each.fatal and "have no side" in each.what for each in problems_of(rows))
    assert unit_of(rows[1:]) is UnitOfAnalysis.PATIENT
