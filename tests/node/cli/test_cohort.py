"""`mome-node cohort`: a list of studies that names no patient, labels joined, and what would go wrong told first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydicom import dcmread

import phantom
from node.cli.main import main

pytestmark = pytest.mark.slow


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]  # JSON
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--json"])
    out = capsys.readouterr().out
    return {"code": end.value.code or 0} | (json.loads(out) if out else {})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Three studies of two patients."""
    for n in range(3):
        paths = phantom.study(tmp_path / "studies" / f"s{n}", seed=90 + n)
        phantom.edited(paths, lambda image, n=n: setattr(image, "PatientID", f"SECRET-{n // 2}"))
    return tmp_path


def test_a_manifest_begins_and_gets_labels(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort, pathology = site / "cohort.csv", site / "pathology.csv"
    begun = answer(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    assert (begun["cases"], begun["patients"]) == (3, 2)
    pathology.write_text("patient_id,malignancy,age\nSECRET-0,1,44\nSECRET-1,0,61\n")
    assert answer(capsys, "cohort", "add", str(cohort), "--labels", str(pathology))["joined"] == 3
    shown = answer(capsys, "cohort", "show", str(cohort))
    assert shown["classes"] == {"malignancy": {"": {"1": 2, "0": 1}}}
    main_quietly("cohort", "show", str(cohort))
    assert "3 cases of 2 patients" in capsys.readouterr().out


def test_everything_that_would_go_wrong_is_told_at_once(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(site / "studies" / "s0", site / "studies" / "copy")
    (site / "studies" / "torn").mkdir()
    lines = [
        "case,patient,malignancy,split",
        "studies/s0,p0,1,training",
        "studies/s1,p0,1,test",
        "studies/s2,p1,0,test",
    ]
    lines += ["studies/copy,p2,1,training", "studies/torn,p3,1,training"]
    cohort = site / "cohort.csv"
    cohort.write_text("\n".join(lines))
    told = answer(capsys, "cohort", "check", str(cohort), "--workers", "2")
    assert told["code"] == 1
    fatal = {each["what"] for each in told["problems"] if each["fatal"]}
    assert fatal == {
        "the patient of case studies/s1 is in the training and the test split",
        "malignancy: all 3 labelled cases of the training split are of class 1",
        "case studies/copy holds the same images as case studies/s0",
    }
    notes = {each["what"] for each in told["problems"] if not each["fatal"]}
    assert "case studies/torn cannot be used: the folder holds no DICOM or NIfTI file" in notes


def test_a_study_of_the_archive_joins_the_cohort(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, cohort = site / "node.toml", site / "cohort.csv"
    config.write_text(f'[storage]\nroot = "{site / "root"}"\n')
    answer(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    paths = phantom.study(site / "new", seed=99)
    main_quietly("ingest", str(site / "new"), "-c", str(config))
    uid = str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
    assert answer(capsys, "cohort", "add", str(cohort), "--study", uid, "-c", str(config))["cases"] == 4
    assert answer(capsys, "cohort", "check", str(cohort))["problems"] == [
        {"what": f"case {name} has no label", "fatal": False}
        for name in [line.split(",")[0] for line in cohort.read_text().splitlines()[1:]]
    ]


def main_quietly(*arguments: str) -> None:
    with pytest.raises(SystemExit):
        main(list(arguments))
