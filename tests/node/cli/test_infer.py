"""`mome-node infer` on a folder of NIfTI files: what is written and said, and where it may not lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nifti_files
import phantom
from node.cli.main import main
from node.nifti_analysis import NO_DICOM


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments])
    printed = capsys.readouterr()
    assert (ended.value.code or 0) == code, printed.err
    return " ".join((printed.out + printed.err).split())


def test_results_do_not_lie_among_the_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nifti_files.phases(tmp_path / "study", ["Pre", "Post_1"])
    assert "name another folder" in told(capsys, str(folder), "--out", str(folder / "results"), code=1)
    assert not (folder / "results").exists()


def test_files_of_the_user_that_are_called_as_maps_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nifti_files.phases(tmp_path / "study", ["Pre", "Post_2"])
    own = nifti_files.phases(tmp_path, ["breasts", "saliency-of-mine"])
    assert "did not write" in told(capsys, str(folder), "--out", str(own), "--model", "demo", code=1)
    assert {each.name for each in tmp_path.iterdir()} == {"study", "breasts.nii.gz", "saliency-of-mine.nii.gz"}


def test_maps_of_an_earlier_call_are_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nifti_files.phases(tmp_path / "study", ["Pre", "Post_2"])
    out = nifti_files.phases(tmp_path / "out", ["breasts"])
    (out / "result.json").write_text('{"nifti": {"files": ["breasts.nii.gz"]}}')
    told(capsys, str(folder), "--out", str(out), "--model", "demo")
    assert not (out / "breasts.nii.gz").exists() and (out / "result.json").exists()


def test_a_folder_of_neither_kind_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "study").mkdir()
    words = told(capsys, str(tmp_path / "study"), "--out", str(tmp_path / "out"), "--model", "demo", code=1)
    assert "holds no DICOM or NIfTI file" in words


def test_what_nifti_cannot_have_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nifti_files.phases(tmp_path / "Doe_Jane", ["Pre", "Post_2"])
    out = tmp_path / "out"
    words = told(capsys, str(folder), "--out", str(out), "--model", "demo")
    assert "Post_2.nii.gz: phase 1 is missing" in words and words.endswith(f"no DICOM object: {NO_DICOM}")
    assert "Doe" not in words.replace(str(tmp_path), "")
    assert json.loads((out / "result.json").read_text())["code"] == "PHASE_MISSING"


def test_results_of_one_user_are_of_one_device_whatever_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phantom.study(tmp_path / "study")
    for out in ("a", "b"):
        told(capsys, str(tmp_path / "study"), "--out", str(tmp_path / out), "--model", "demo")
    assert (tmp_path / "a" / "report.dcm").read_bytes() == (tmp_path / "b" / "report.dcm").read_bytes()
    assert sorted(each.name for each in (tmp_path / "a").iterdir() if each.name.startswith(".")) == []
