"""A study as files: a case with its reasons, and every series by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import phantom
from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from dicom_io.study.roles import RoleAssignment
from node.volumes import write_all_series, write_case_files


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> RoleAssignment:
    return assign_roles(read_series_headers(phantom.study(tmp_path_factory.mktemp("study"), seed=11)))


@pytest.mark.slow
def test_a_case_is_one_file_for_each_modality_and_its_reasons(tmp_path: Path, assignment: RoleAssignment) -> None:
    (tmp_path / "t2.nii").write_bytes(b"of an earlier study")
    written = write_case_files(assignment, tmp_path)
    assert set(written.files) == {"dce.nii", "t2.nii", "dwi.nii"}
    assert {each.name for each in tmp_path.iterdir()} == {*written.files, "case.json"}
    assert (tmp_path / "t2.nii").stat().st_size > 1000
    description = json.loads((tmp_path / "case.json").read_text())
    assert description == json.loads(json.dumps(written.description))
    assert description["pre_contrast_because"] == written.assembly.dce_pre.words


@pytest.mark.slow
def test_every_series_has_a_volume_or_a_reason(tmp_path: Path, assignment: RoleAssignment) -> None:
    written = write_all_series(assignment, tmp_path)
    assert written.series
    for each in written.series:
        assert (each.file is None) == bool(each.refused)
        beside = json.loads((tmp_path / f"{Path(each.file).stem}.json").read_text()) if each.file else {}
        assert beside.get("file") == each.file
    told = written.to_json()
    assert len(told["series"]) == len(list(tmp_path.glob("*.json")))  # type: ignore[arg-type]
