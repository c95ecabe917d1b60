"""Where each sequence samples the patient."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.grid import SamplingGrid, SequenceGeometry, directions_of, grids_of
from dicom_io.phantom.spec import PhantomSpec, Size, SliceOrientation


@pytest.mark.parametrize("orientation", list(SliceOrientation))
def test_directions_are_perpendicular_unit_vectors(orientation: SliceOrientation) -> None:
    directions = directions_of(orientation)
    assert np.allclose(directions.T @ directions, np.eye(3))


@pytest.mark.parametrize("orientation", list(SliceOrientation))
def test_the_field_of_view_is_covered_around_its_centre_in_every_orientation(orientation: SliceOrientation) -> None:
    grid = SequenceGeometry(4.0, 8.0, (160.0, 120.0, 80.0), (1.0, 2.0, 3.0)).grid(orientation)
    middle = grid.affine @ (*((np.array(grid.shape) - 1) / 2), 1)
    assert np.allclose(middle[:3], (1.0, 2.0, 3.0))
    assert grid.spacing_mm == pytest.approx((4.0, 4.0, 8.0))
    assert np.prod(grid.shape) * np.prod(grid.spacing_mm) == pytest.approx(160 * 120 * 80, rel=0.1)


def test_another_spacing_leaves_the_field_of_view() -> None:
    usual, coarse = (grids_of(PhantomSpec(spacing_scale=scale)).dce for scale in ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0)))
    assert coarse.shape[0] == usual.shape[0] // 2
    assert coarse.shape[1:] == usual.shape[1:]


def test_slabs_cover_all_slices_once_and_stay_small() -> None:
    grid = grids_of(PhantomSpec(size=Size.PAPER)).dce
    slices = [k for slab in grid.slabs() for k in range(slab.start, slab.stop)]
    assert slices == list(range(grid.shape[2]))
    assert max(np.prod(grid.slab_shape(slab)) for slab in grid.slabs()) <= 1_000_000


def test_points_are_the_voxels_centres_in_mm() -> None:
    affine = np.array([[2.0, 0, 0, 10], [0, 3.0, 0, 20], [0, 0, 4.0, 30], [0, 0, 0, 1]])
    x, y, z = SamplingGrid((2, 2, 3), affine).points(slice(1, 3))
    assert x.tolist() == [10, 10, 10, 10, 12, 12, 12, 12]
    assert y.tolist() == [20, 20, 23, 23, 20, 20, 23, 23]
    assert z.tolist() == [34, 38] * 4


def test_a_moved_grid_sees_a_patient_who_moved_the_other_way() -> None:
    grid = grids_of(PhantomSpec()).dce
    moved = grid.moved(np.array([1.0, -2.0, 3.0]))
    assert np.allclose(moved.affine[:3, 3] - grid.affine[:3, 3], (1.0, -2.0, 3.0))
    assert moved.shape == grid.shape


def test_localizers_have_three_slices_in_three_orientations() -> None:
    localizers = grids_of(PhantomSpec()).localizers
    assert [grid.shape[2] for grid in localizers] == [3, 3, 3]
    normals = np.array([grid.affine[:3, 2] / np.linalg.norm(grid.affine[:3, 2]) for grid in localizers])
    assert np.allclose(np.abs(normals @ normals.T), np.eye(3), atol=1e-9)
