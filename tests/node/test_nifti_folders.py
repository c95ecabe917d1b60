"""A folder is DICOM where one DICOM file lies in it, NIfTI where only such files do."""

from __future__ import annotations

from pathlib import Path

from nifti_files import phases
from node.nifti_folders import is_nifti_study


def test_where_both_lie_the_dicom_is_the_study(tmp_path: Path) -> None:
    assert not is_nifti_study(tmp_path) and not is_nifti_study(tmp_path / "nowhere")
    phases(tmp_path, ["Pre"])
    assert is_nifti_study(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert not is_nifti_study(tmp_path)
