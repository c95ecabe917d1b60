"""`roles` reads lists of names or of whole studies, one of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nifti_files
from node.cli.main import main

STUDY = {
    "index": "one",
    "series": [
        {"number": 2, "description": "Ax T2 FSE", "instances": 40},
        {"number": 5, "description": "AX Vibrant MASK", "instances": 96},
        {"number": 6, "description": "AX Vibrant MultiPhase", "instances": 480},
    ],
}


def test_a_study_of_a_list_is_told_by_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text(json.dumps(STUDY) + "\n\n" + json.dumps({"series": []}) + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["roles", "--studies", str(path), "--json"])
    one, empty = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert (one["index"], one["dce"], one["dce_phases"], one["t2"], one["dwi"]) == ("one", [5, 6], 6, 2, None)
    assert one["roles"] == ["T2", "SEG", "DCE_MULTI"], "of each name alone"
    assert (empty["dce"], empty["t2"]) == ([], None)


def test_names_or_studies_one_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["roles"])
    assert ended.value.code == 2 and "one of them" in capsys.readouterr().err


def test_a_nifti_study_says_what_each_file_was_taken_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nifti_files.phases(tmp_path / "Doe_Jane", ["Pre", "Post_1", "Sub_1", "T2", "Doe_Jane"])
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(folder), "--out", str(tmp_path / "out")])
    told = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0 and "a subtraction; the" in told and "a file with a name" in told
    assert "the first phase is pre-contrast: the name Pre.nii.gz" in told and "order is known" in told
    assert "Doe" not in told.replace(str(tmp_path), "") and "Doe" not in (tmp_path / "out" / "case.json").read_text()
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(folder), "--out", str(tmp_path / "json"), "--json"])
    told_json = json.loads(capsys.readouterr().out)
    assert told_json["used"]["DCE"] == ["Pre.nii.gz", "Post_1.nii.gz"] and told_json["source"] == "NIfTI"


def test_series_are_of_dicom_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nifti_files.phases(tmp_path / "study", ["Pre", "Post_1"])
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(folder), "--out", str(tmp_path / "out"), "--all-series"])
    assert ended.value.code == 2 and "this folder holds NIfTI" in " ".join(capsys.readouterr().err.split())


def test_a_nifti_study_that_cannot_be_read_names_the_file_and_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = nifti_files.phases(tmp_path / "study", ["Pre", "Post_2"])
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(folder), "--out", str(tmp_path / "out")])
    told = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 1 and "Post_2.nii.gz: phase 1 is missing" in told and "mome.json" in told
