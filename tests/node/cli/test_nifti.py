"""A cohort of NIfTI studies from folders to a model and its page: no DICOM anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nifti_files
import phantom
from mome_core.model.checkpoint import Description, save_checkpoint
from mome_core.training.start import from_scratch
from node.cli.main import main
from training_examples import RECIPE, SMALL

CASES = 8


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]  # JSON
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--json"])
    printed = capsys.readouterr()
    assert end.value.code in (0, None), printed.err
    return json.loads(printed.out)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Phantoms in three layouts, malignant and benign by turns, and the labels of pathology."""
    layouts = (nifti_files.bids, nifti_files.odelia, nifti_files.mama_mia)
    for n in range(CASES):
        case = phantom.examination("benign" if n % 2 else "malignant", seed=50 + n).case()
        layouts[n % 3](case, tmp_path / "studies", ("" if n % 3 == 0 else "X_") + f"{n:03d}")
    return tmp_path


def test_how_many_cases_have_no_patient_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nifti_files.phases(tmp_path / "studies", ["Doe/visit1/Pre", "Doe/visit2/Pre", "B/Pre"])
    with pytest.raises(SystemExit) as end:
        main(["cohort", "init", str(tmp_path / "studies"), "--out", str(tmp_path / "c.csv")])
    words = " ".join(capsys.readouterr().out.split()).replace(str(tmp_path), "")
    assert end.value.code in (0, None) and "3 cases of 1 patient, no label yet" in words
    assert "do not tell the patient of 2 cases: fill in the column patient" in words and "Doe" not in words


@pytest.mark.slow
def test_a_cohort_of_nifti_studies_trains_a_model_that_is_measured(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort, pathology, page = site / "cohort.csv", site / "pathology.csv", site / "page.html"
    begun = answer(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    assert (begun["cases"], begun["patients"]) == (CASES, CASES)
    names = [line.split(",")[0] for line in cohort.read_text().splitlines()[1:]]
    lines = [f"{name},{1 - int(name.partition('/ses-')[0][-3:]) % 2}" for name in names]
    pathology.write_text("\n".join(["case,malignancy", *lines]))
    assert answer(capsys, "cohort", "add", str(cohort), "--labels", str(pathology))["joined"] == CASES
    checked = answer(capsys, "cohort", "check", str(cohort))
    assert [each["what"] for each in checked["problems"] if each["fatal"]] == []
    assert sum("cannot be used" in each["what"] for each in checked["problems"]) == 0
    save_checkpoint(site / "start", from_scratch(SMALL, 1), RECIPE, Description("start", "1", "Knows nothing."))
    cache = ("--cache", str(site / "cache"))
    trained = answer(
        capsys, "train", str(cohort), "--out", str(site / "ours"), "--start", str(site / "start"), *cache,
        "--epochs", "1", "--folds", "2", "--inner-folds", "2", "--threads", "1",
    )  # fmt: skip
    assert trained["excluded"] == [] and trained["held_out_cases"] == CASES // 2
    measured = answer(capsys, "evaluate", str(cohort), "--model", "demo", "--report", str(page), "--repeats", "100")
    (found,) = measured["sets"]
    assert (found["cases"], found["excluded"]) == (CASES, [])
    assert "<svg" in page.read_text()
