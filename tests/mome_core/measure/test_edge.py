"""Where enhancing tissue ends, what does not belong to it, and when the images do not show its end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.measure.edge import connected_tissue
from mome_core.measure.enhancement import Enhancement, Index, Mask
from mome_core.measure.extent import seed_near

SHAPE = (60, 40, 30)


def breast(uptake: np.ndarray, last: np.ndarray | None = None) -> Enhancement:
    """A breast whose signal before contrast is 100 everywhere, so that the difference is the uptake in percent."""
    rise = uptake.astype(np.float32)
    later = [] if last is None else [100.0 + last]
    phases = np.stack([np.full(SHAPE, 100.0), 100.0 + rise, *later])
    return Enhancement(phases, np.ones(SHAPE, dtype=bool), rise, rise, (0, 0, 0), SHAPE, np.eye(4), "1.2")


def ball(centre: Index, radius: float) -> Mask:
    grid = np.indices(SHAPE)
    return np.asarray(sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= radius**2)


def test_tissue_ends_where_its_uptake_is_half() -> None:
    uptake = np.zeros(SHAPE)
    uptake[ball((30, 20, 15), 9)] = 70.0
    uptake[ball((30, 20, 15), 6)] = 200.0
    found = connected_tissue(breast(uptake), (30, 20, 15)).mask
    assert np.array_equal(found, ball((30, 20, 15), 6))


def test_a_hole_belongs_to_the_tissue() -> None:
    uptake = np.where(ball((30, 20, 15), 8), 150.0, 0.0)
    uptake[ball((30, 20, 15), 3)] = 0.0
    assert np.array_equal(connected_tissue(breast(uptake), (30, 20, 22)).mask, ball((30, 20, 15), 8))


def test_another_lesion_is_not_part_of_it() -> None:
    uptake = np.where(ball((15, 20, 15), 5) | ball((45, 20, 15), 5), 150.0, 0.0)
    assert np.array_equal(connected_tissue(breast(uptake), (15, 20, 15)).mask, ball((15, 20, 15), 5))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("high", [False, True])
def test_tissue_at_an_edge_of_the_images_is_measured(axis: int, high: bool) -> None:
    at = [30, 20, 15]
    at[axis] = SHAPE[axis] - 1 if high else 0
    edge = (at[0], at[1], at[2])
    uptake = np.where(ball(edge, 6), 150.0, 0.0)
    x, y, z = map(float, edge)
    assert seed_near(breast(uptake), (x, y, z)) is not None
    assert np.array_equal(connected_tissue(breast(uptake), edge).mask, ball(edge, 6))


@pytest.mark.parametrize(("gap", "told"), [(1, "patch"), (0, "both")])
def test_a_faint_patch_beside_a_bright_lesion_is_tissue_and_not_the_background(gap: int, told: str) -> None:
    uptake, patch, lesion = np.zeros(SHAPE), np.zeros(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=bool)
    patch[20:30, 15:25, 10:20], lesion[30 + gap : 40, 15:25, 10:20] = True, True
    uptake[patch], uptake[lesion] = 70.0, 300.0
    found = connected_tissue(breast(uptake), (26, 20, 15)).mask
    assert np.array_equal(found, {"patch": patch, "both": patch | lesion}[told])


def test_what_does_not_enhance_is_no_seed() -> None:
    with pytest.raises(ValueError, match="does not enhance"):
        connected_tissue(breast(np.zeros(SHAPE)), (30, 20, 15))


def test_a_spicule_that_runs_along_the_corners_of_voxels_belongs_to_it() -> None:
    mass = ball((30, 20, 15), 7)
    for step in range(1, 4):
        mass[34 + step, 24 + step, 18 + step] = True
    assert np.array_equal(connected_tissue(breast(np.where(mass, 150.0, 0.0)), (30, 20, 15)).mask, mass)


def test_in_gland_that_takes_up_contrast_the_edge_lies_half_way_to_it() -> None:
    lesion, brim = ball((30, 20, 15), 6), ball((30, 20, 15), 9)
    uptake = np.full(SHAPE, 90.0)
    uptake[brim] = 120.0  # above half of the lesion, and less than half-way from the gland to it
    uptake[lesion] = 200.0
    found = connected_tissue(breast(uptake), (30, 20, 15))
    assert np.array_equal(found.mask, lesion)
    assert found.edge_is_clear


@pytest.mark.parametrize(("kept", "is_part"), [(0.5, False), (0.9, True)])
def test_a_thin_strand_is_cut_off_where_its_contrast_leaves_faster(kept: float, is_part: bool) -> None:
    lesion, vessel = ball((20, 20, 15), 7), np.zeros(SHAPE, dtype=bool)
    vessel[27:50, 19:21, 14:16] = True
    uptake = np.where(lesion | vessel, 150.0, 0.0)
    last = np.where(vessel & ~lesion, kept * uptake, uptake)
    found = connected_tissue(breast(uptake, last), (20, 20, 15))
    assert np.array_equal(found.mask, lesion | vessel if is_part else lesion)
    assert found.edge_is_clear is not is_part, "where nothing tells a vessel from a spicule, the width is not known"


def test_a_place_that_washes_out_within_the_tissue_stays() -> None:
    lesion, focus = ball((30, 20, 15), 9), ball((36, 20, 15), 4)
    uptake = np.where(lesion | focus, 150.0, 0.0)
    found = connected_tissue(breast(uptake, np.where(focus, 0.4 * uptake, uptake)), (30, 20, 15))
    assert np.array_equal(found.mask, lesion | focus)


@pytest.mark.parametrize(("beside", "clear"), [(60.0, True), (112.0, False), (180.0, True)])
def test_where_the_width_hangs_on_where_the_edge_is_drawn_it_is_not_clear(beside: float, clear: bool) -> None:
    lesion, neighbour = ball((24, 20, 15), 7), np.zeros(SHAPE, dtype=bool)
    neighbour[30:42, 16:25, 11:20] = True
    uptake = np.where(neighbour, beside, 0.0)
    uptake[lesion] = 200.0
    assert connected_tissue(breast(uptake), (24, 20, 15)).edge_is_clear is clear


def test_voxels_of_any_size_give_the_same_answer() -> None:
    lesion = ball((30, 20, 15), 8)
    coarse = replace(breast(np.where(lesion, 150.0, 0.0)), affine=np.diag([3.0, 3.0, 5.0, 1.0]))
    found = connected_tissue(coarse, (30, 20, 15))
    assert np.array_equal(found.mask, lesion) and found.edge_is_clear
