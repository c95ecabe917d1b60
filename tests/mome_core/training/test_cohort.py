"""Cohorts: what a manifest may say, who is prepared, and who is held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.case import Modality
from mome_core.results import Endpoint
from mome_core.training.cohort import Split, held_out, read_manifest
from mome_core.training.dataset import (
    Example,
)
from mome_core.training.errors import TrainingRefused


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
        ("case,patient,malignancy\n1,p,1\n1,p,1\n", "lists the case 1 twice"),
        ("case,patient,malignancy,split\n1,p,1,train\n", "split is 'train'"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(TrainingRefused, match=complaint):
        read_manifest(written(tmp_path, text))


def example(folder: Path, name: str, patient: str, label: int) -> Example:
    return Example(name, patient, {Endpoint.MALIGNANCY: label}, folder / name, (Modality.T2,))


def test_the_splits_of_a_manifest_are_obeyed_and_test_cases_are_left_alone(tmp_path: Path) -> None:
    cases = [example(tmp_path, str(n), f"p{n}", n % 2) for n in range(3)]
    splits = [Split.TRAINING, Split.TEST, Split.VALIDATION]
    assert held_out(cases, splits, Endpoint.MALIGNANCY, folds=5, fold=0, seed=1) == ((cases[0],), (cases[2],))
    with pytest.raises(TrainingRefused, match=r"1 case\(s\) have no split"):
        held_out(cases, [None, Split.TEST, Split.TRAINING], Endpoint.MALIGNANCY, folds=5, fold=0, seed=1)
