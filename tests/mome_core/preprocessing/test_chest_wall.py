"""The chest wall of geometric bodies, for which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mome_core.preprocessing.chest_wall import (
    ANGLES,
    RADII_MM,
    PolarSampling,
    cheapest_lines,
    chest_wall,
    expected_wall,
)
from mome_core.preprocessing.recipe import BreastRules

RULES = BreastRules(working_mm=5.0)
SHAPE = (80, 70, 4)
MIDDLE, DEPTH = 40.0, 50.0  # indices of the pole
POLAR = PolarSampling(MIDDLE, np.full(4, DEPTH), 5.0)


def distance_mm() -> NDArray[np.float32]:
    """Of each voxel from the pole, in its slice."""
    x, y = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(x - MIDDLE, y - DEPTH) * 5.0
    return np.repeat(distance[:, :, None], SHAPE[2], axis=2).astype(np.float32)


def test_a_cylinder_about_the_pole_is_unrolled_into_a_line() -> None:
    unrolled = POLAR.unroll(distance_mm())
    assert unrolled.shape == (4, len(ANGLES), len(RADII_MM))
    anterior = np.abs(ANGLES) < np.radians(60.0)
    np.testing.assert_allclose(unrolled[:, anterior], np.broadcast_to(RADII_MM, unrolled.shape)[:, anterior], atol=0.5)


def test_voxels_in_front_of_a_wall_lie_beyond_it_on_rays_of_the_footprint() -> None:
    wall_mm = np.full((4, len(ANGLES)), 120.0, np.float32)
    left = np.broadcast_to(np.radians(20.0) < ANGLES, wall_mm.shape)
    inside = POLAR.in_front(wall_mm, left, SHAPE[:2])
    assert inside.any() and (distance_mm()[inside] > 120.0).all()
    assert (np.argwhere(inside)[:, 0] > MIDDLE).all()  # positive angles are the patient's left
    assert not POLAR.in_front(wall_mm, np.zeros_like(left), SHAPE[:2]).any()


def test_the_cheapest_line_follows_the_evidence_and_jumps_over_a_gap_in_it() -> None:
    edge = np.full((2, len(ANGLES), len(RADII_MM)), -0.2, np.float32)
    expected_mm = np.full(len(ANGLES), 100.0)
    row = int(np.argmin(np.abs(RADII_MM - 95.0)))
    edge[:, :, row] = 0.5
    edge[1, 40:45] = -0.2  # fat suppression failed here
    assert (cheapest_lines(edge, expected_mm) == row).all()


def test_evidence_far_from_the_expected_wall_is_not_followed() -> None:
    edge = np.full((1, len(ANGLES), len(RADII_MM)), -0.2, np.float32)
    edge[:, :, -5] = 0.5  # the skin, 190 mm from the pole
    lines = cheapest_lines(edge, np.full(len(ANGLES), 100.0))
    assert np.abs(RADII_MM[lines] - 100.0).max() < 20.0


def test_dark_fat_around_brighter_muscle_shows_the_wall_between_them() -> None:
    distance = distance_mm()
    body = distance < 165.0
    muscle = distance < 100.0
    volume = np.where(muscle, 120.0, np.where(body, 30.0, 1.0)).astype(np.float32)
    found = chest_wall(volume, body, POLAR, RULES)
    anterior = np.abs(ANGLES) < np.radians(50.0)
    assert found.shape == (4, len(ANGLES))
    np.testing.assert_allclose(found[:, anterior], 100.0, atol=5.0)


def test_the_expected_wall_is_symmetric_and_lies_under_the_skin_of_the_sternum() -> None:
    expected = expected_wall(distance_mm() < 165.0, POLAR)
    np.testing.assert_allclose(expected, expected[::-1], atol=1.0)
    assert expected[len(ANGLES) // 2] == pytest.approx(85.0, abs=1.0)
