"""`mome-node public` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import public_tables
from node.cli.main import main
from public_sets import write_public_study

pytest.importorskip("idc_index_data")
pytestmark = pytest.mark.slow


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["public", *arguments])
    return int(end.value.code or 0), capsys.readouterr().out


def test_a_dry_run_says_licence_and_size_and_gets_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("get", "duke", "--to", str(tmp_path / "new"), "--patients", "Breast_MRI_001,Breast_MRI_002", "--dry-run")
    code, told = run(capsys, *asked)
    assert code == 0
    assert "CC BY-NC 4.0 (doi:10.7937/tcia.e3sv-re93)" in told
    assert "NOT FOR COMMERCIAL USE" in told
    assert "2 patients, 2 studies" in told
    assert not (tmp_path / "new").exists()
    listed = json.loads(run(capsys, *asked, "--json")[1])
    assert (listed["patients"], listed["missing_series"]) == (2, len(listed["series"]))
    assert all(each["url"].startswith("s3://idc-open-data") for each in listed["series"])


def test_it_asks_before_the_first_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115  # nobody answers
    code, _ = run(capsys, "get", "ambl", "--to", str(tmp_path / "new"), "--patients", "AMBL-001")
    assert code != 0
    assert not (tmp_path / "new").exists()


def test_a_collection_that_is_not_known_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "get", "brats", "--to", str(tmp_path))[0] == 1


def test_a_cohort_is_written_and_what_stays_out_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [{"Patient ID#": f"AMBL-00{n}", "BIRADS": 4, "tumor/benign1": label} for n, label in ((1, 1), (2, -1))]
    public_tables.ambl(tmp_path, answers)
    for n in (1, 2):
        write_public_study(tmp_path, "advanced_mri_breast_lesions", f"AMBL-00{n}", seed=n)
    code, told = run(capsys, "cohort", "ambl", str(tmp_path), "--out", str(tmp_path / "cohort.csv"))
    assert code == 0
    assert "cohort.csv: 1 case of 1 patient" in told
    assert "left out  1: no lesion of theirs has an answer" in told
    assert "AMBL-002" in (tmp_path / "cohort.excluded.csv").read_text()
