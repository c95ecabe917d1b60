"""Files read into roles and a Case, and the Case held against the truth of its phantom."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import Assembly, read_case
from dicom_io.study.classify import assign_roles
from dicom_io.study.roles import RoleAssignment
from mome_core.volume import Dynamic, Volume


def assigned(paths: list[Path]) -> RoleAssignment:
    return assign_roles(read_series_headers(paths))


def assembled(paths: list[Path]) -> Assembly:
    return read_case(assigned(paths))


def require_same(read: Volume | Dynamic | None, truth: Volume | Dynamic | None) -> None:
    """The same values at the same places; the reader's slices ascend along row x column, the phantom's may not."""
    assert read is not None
    assert truth is not None
    voxels, affine = truth.voxels, truth.affine.copy()
    if np.linalg.det(affine[:3, :3]) < 0:
        voxels = voxels[..., ::-1]
        affine[:3, 3] += (voxels.shape[-1] - 1) * affine[:3, 2]
        affine[:3, 2] *= -1
    np.testing.assert_allclose(read.affine, affine, atol=1e-3)
    np.testing.assert_allclose(read.voxels, voxels, atol=0.8)  # half a stored unit at Philips' largest slope
