"""Planned series become files: stored values, geometry, file meta information."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import dcmread

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_io.phantom.writer import placement, position, stored_planes, tiled, write_series
from small_phantom import planned


def test_the_stored_value_is_the_volumes_divided_by_the_slope() -> None:
    study, _ = planned("siemens")
    stack = study.phases()[0]
    planes = stored_planes(stack)
    assert planes.shape == (4, 5, 6)
    assert np.array_equal(planes, stack.volume.voxels.transpose(2, 1, 0))
    halved = stored_planes(replace(stack, slope=2.0))
    assert np.abs(halved.astype(float) * 2 - planes).max() <= 1


def test_tiles_lie_left_to_right_and_the_last_ones_stay_black() -> None:
    planes = np.arange(1, 6, dtype=np.uint16).reshape(5, 1, 1) * np.ones((1, 2, 3), np.uint16)
    image = tiled(planes)
    assert image[::2, ::3].tolist() == [[1, 2, 3], [4, 5, 0]]


def test_spacing_and_position_are_those_of_the_affine() -> None:
    study, _ = planned("siemens")
    stack = study.phases()[0]
    attributes = placement(stack) | position(stack, 2)
    assert [float(v) for v in attributes["PixelSpacing"]] == [5.25, 5.25]
    expected = stack.volume.affine @ (0, 0, 2, 1)
    assert np.allclose([float(v) for v in attributes["ImagePositionPatient"]], expected[:3], atol=1e-4)


def test_files_bear_the_implementation_class_uid_of_the_product(tmp_path: Path) -> None:
    study, series = planned("siemens")
    t2 = next(each for each in series if each.key == "t2")
    paths = write_series(study, t2, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"{t2.number:04d}-t2/{n:05d}.dcm" for n in range(1, 5)
    ]
    for path in paths:
        meta = dcmread(path).file_meta
        assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
        assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
