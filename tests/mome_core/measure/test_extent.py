"""Where enhancing tissue ends, how wide it is, and when it may be more than one lesion."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.measure.enhancement import Enhancement, Index, Mask
from mome_core.measure.extent import extents_mm, leaks_of, seed_near
from mome_core.measurements import Leak
from mome_core.volume import Affine

SHAPE = (60, 40, 30)


def breast(uptake: np.ndarray, affine: Affine | None = None) -> Enhancement:
    """A breast whose signal before contrast is 100 everywhere, so that the difference is the uptake in percent."""
    rise = uptake.astype(np.float32)
    phases = np.stack([np.full(SHAPE, 100.0), 100.0 + rise])
    matrix = np.eye(4) if affine is None else affine
    return Enhancement(phases, np.ones(SHAPE, dtype=bool), rise, rise, (0, 0, 0), SHAPE, matrix, "1.2")


def ball(centre: Index, radius: float) -> Mask:
    grid = np.indices(SHAPE)
    return np.asarray(sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= radius**2)


def test_the_seed_is_the_brightest_within_reach_of_the_point() -> None:
    uptake = np.zeros(SHAPE)
    uptake[33, 20, 15], uptake[31, 20, 15], uptake[40, 20, 15] = 120.0, 80.0, 400.0
    assert seed_near(breast(uptake), (30.0, 20.0, 15.0)) == (33, 20, 15)
    assert seed_near(breast(uptake), (10.0, 10.0, 10.0)) is None


def test_extents_are_the_patients_whatever_the_axes_of_the_grid() -> None:
    tissue = np.zeros(SHAPE, dtype=bool)
    tissue[10:20, 10:15, 10:13] = True
    assert extents_mm(breast(np.zeros(SHAPE)), tissue) == (10.0, 5.0, 3.0)
    turned = np.array([[0, 0, -4.0, 0], [2.0, 0, 0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1.0]])
    assert extents_mm(breast(np.zeros(SHAPE), turned), tissue) == pytest.approx((12.0, 20.0, 5.0))


@pytest.mark.parametrize(
    ("skin_mm", "wall_mm", "told"),
    [(20.0, 20.0, ()), (1.0, 20.0, (Leak.SKIN,)), (20.0, 2.0, (Leak.CHEST_WALL,))],
)
def test_a_round_mass_leaks_only_where_it_touches(skin_mm: float, wall_mm: float, told: tuple[Leak, ...]) -> None:
    mass = ball((30, 20, 15), 8)
    assert leaks_of(breast(np.zeros(SHAPE)), mass, (17.0, 17.0, 17.0), skin_mm, wall_mm) == told


def test_a_tube_looks_like_a_vessel_and_a_scatter_like_background() -> None:
    tube = np.zeros(SHAPE, dtype=bool)
    tube[5:45, 19:22, 14:17] = True
    assert leaks_of(breast(np.zeros(SHAPE)), tube, (40.0, 3.0, 3.0), 20.0, 20.0) == (Leak.VESSEL,)
    scattered = ball((8, 8, 8), 7) | ball((50, 30, 22), 7)
    extent = extents_mm(breast(np.zeros(SHAPE)), scattered)
    assert Leak.DIFFUSE in leaks_of(breast(np.zeros(SHAPE)), scattered, extent, 20.0, 20.0)
