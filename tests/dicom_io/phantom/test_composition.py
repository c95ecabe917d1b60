"""Which tissue lies where, as shares of voxels."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.body import draw_body
from dicom_io.phantom.composition import TissueLayers, compose, coverage, ellipsoid, smooth_union
from dicom_io.phantom.grid import SamplingGrid
from dicom_io.phantom.spec import Breasts, Lesion, Position
from dicom_io.phantom.tissue import Tissue


def points(*rows: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, z = np.array(rows, np.float32).T
    return x, y, z


def test_distance_to_an_ellipsoid_is_negative_inside_and_in_mm_near_its_surface() -> None:
    distances = ellipsoid(points((0, 0, 0), (9, 0, 0), (10, 0, 0), (11, 0, 0)), (0, 0, 0), (10, 20, 30))
    assert distances[0] < 0
    assert distances[1:].tolist() == pytest.approx([-1, 0, 1], abs=0.1)


def test_a_cylinder_has_no_end_along_its_axis() -> None:
    near, far = ellipsoid(points((5, 0, 0), (5, 0, 900)), (0, 0, 0), (10, 10, None))
    assert near == far


def test_a_voxel_that_a_surface_halves_is_half_covered() -> None:
    distances = np.array([-5.0, -0.5, 0.0, 0.5, 5.0], np.float32)
    assert coverage(distances, 2.0).tolist() == pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_a_union_is_the_nearer_surface_with_a_fillet() -> None:
    a, b = np.array([3.0, 50.0], np.float32), np.array([3.0, 1.0], np.float32)
    near, apart = smooth_union(a, b, 8.0)
    assert near < 3.0
    assert apart == pytest.approx(1.0)


def test_a_tissue_takes_its_share_of_what_is_free() -> None:
    layers = TissueLayers(np.array([1.0, 1.0, 0.0], np.float32))
    layers.lay(Tissue.SKIN, 0.25)
    layers.lay(Tissue.FAT, 1.0, np.array([0, 2]))
    assert layers.shares[Tissue.SKIN].tolist() == [0.25, 0.25, 0.0]
    assert layers.shares[Tissue.FAT].tolist() == [0.75, 0.0, 0.0]
    assert layers.free.tolist() == [0.0, 0.75, 0.0]


def test_a_patient_is_made_of_shares_that_add_up_and_air_is_outside() -> None:
    body = draw_body(np.random.default_rng(2), Lesion.MALIGNANT, Breasts.BOTH, Position.PRONE)
    affine = np.diag([24.0, 24.0, 24.0, 1.0])
    affine[:3, 3] = (-168.0, -120.0, -72.0)
    grid = SamplingGrid((15, 14, 7), affine)
    shares = compose(body, grid, slice(0, 7)).shares.reshape(len(Tissue), *grid.shape)
    total = shares.sum(axis=0)
    assert shares.min() >= 0
    assert total.max() <= 1 + 1e-5
    assert total[:, 0].max() == 0  # in front of the patient
    assert total[7, 11, 3] == pytest.approx(1, abs=1e-4)  # in the chest
    assert shares[Tissue.FAT].sum() > shares[Tissue.SKIN].sum() > 0


def test_the_lesion_is_where_it_was_drawn() -> None:
    body = draw_body(np.random.default_rng(2), Lesion.MALIGNANT, Breasts.BOTH, Position.PRONE)
    assert body.lesion is not None
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = np.array(body.lesion.centre_mm) - 4.3
    composition = compose(body, SamplingGrid((5, 5, 5), affine), slice(0, 5))
    middle = composition.shares[:, 62]
    assert middle[Tissue.LESION_CORE] + middle[Tissue.LESION_RIM] > 0.99
    assert composition.breasts[:, 62].max() > 0.99
