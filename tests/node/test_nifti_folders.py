"""A folder is DICOM where one DICOM file lies in it, NIfTI where only such files do."""

from __future__ import annotations

from pathlib import Path

import pytest

from nifti_files import phases
from node.errors import NodeError
from node.nifti_folders import is_nifti_study, require_own


def test_where_both_lie_the_dicom_is_the_study(tmp_path: Path) -> None:
    assert not is_nifti_study(tmp_path) and not is_nifti_study(tmp_path / "nowhere")
    phases(tmp_path, ["Pre"])
    assert is_nifti_study(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert not is_nifti_study(tmp_path)


def test_results_lie_beside_no_nifti_file_but_their_own(tmp_path: Path) -> None:
    require_own(tmp_path / "nowhere", ())
    (tmp_path / "report.dcm").touch()
    require_own(tmp_path, ())
    phases(tmp_path, ["breasts"])
    require_own(tmp_path, {"breasts.nii.gz"})
    with pytest.raises(NodeError, match="name another folder"):
        require_own(tmp_path, {"region.nii.gz"})
