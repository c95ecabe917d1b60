"""From the scanner's grid to the network's array and back, exactly, for every orientation."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mome_core.preprocessing.resample import AxisSampling, Grid, Orientation, Sampling
from mome_core.volume import Affine

SHAPE = (9, 11, 7)
ALL_ORIENTATIONS = [(axes, signs) for axes in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def affine_of(axes: tuple[int, ...], signs: tuple[float, ...], tilt: float = 0.0) -> Affine:
    """Source axis axes[n] runs along patient axis n, tilted about all three."""
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for row, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[row, axis] = sign * (0.7, 1.1, 2.5)[axis]
    c, s = np.cos(tilt), np.sin(tilt)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = (-40.0, 13.0, 5.5)
    return affine


@pytest.mark.parametrize(("axes", "signs"), ALL_ORIENTATIONS)
def test_turned_axes_run_to_left_posterior_and_superior(axes: tuple[int, ...], signs: tuple[float, ...]) -> None:
    grid = Grid(SHAPE, affine_of(axes, signs, 0.3), "1")
    directions = grid.turned_affine[:3, :3] / np.linalg.norm(grid.turned_affine[:3, :3], axis=0)
    assert (np.diag(directions) > 0.7).all()


@pytest.mark.parametrize(("axes", "signs"), ALL_ORIENTATIONS)
def test_a_voxel_keeps_its_place_when_turned_and_turned_back(axes: tuple[int, ...], signs: tuple[float, ...]) -> None:
    grid = Grid(SHAPE, affine_of(axes, signs), "1")
    voxels = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    turned = grid.orientation.turn(voxels)
    assert turned.shape == grid.turned_shape
    assert np.array_equal(grid.orientation.turn_back(turned), voxels)
    source = grid.orientation.index_affine(SHAPE) @ [2, 3, 1, 1]
    assert turned[2, 3, 1] == voxels[tuple(source[:3].astype(int))]


def sampling_of(grid: Grid, low: int, shrink: float, antialias: bool) -> Sampling:
    whole = Sampling.whole(grid, antialias=antialias)
    columns, rows, slices = whole.shape
    cropped = whole.cropped((low, 0, low), (columns - 1, rows, slices))
    i, j, k = (max(2, round(count * shrink)) for count in cropped.shape)
    return cropped.resized((i, j, k))


@st.composite
def samplings(draw: st.DrawFn) -> Sampling:
    """Any orientation, tilt, crop and size, with and without antialiasing."""
    axes, signs = draw(st.sampled_from(ALL_ORIENTATIONS))
    grid = Grid(SHAPE, affine_of(axes, signs, draw(st.floats(-0.5, 0.5))), "1")
    return sampling_of(grid, draw(st.integers(0, 2)), draw(st.floats(0.4, 1.6)), draw(st.booleans()))


@settings(max_examples=60, deadline=None)
@given(sampling=samplings(), where=st.tuples(*(st.floats(0.0, 1.0),) * 3))
def test_a_point_survives_the_way_there_and_back_within_half_a_voxel(
    sampling: Sampling, where: tuple[float, float, float]
) -> None:
    """The array element nearest to a point of the patient, brought back, has its centre at the point."""
    index = np.array(where) * (np.array(sampling.shape) - 1)
    point = sampling.affine @ [*index, 1.0]
    element = np.zeros(sampling.shape, np.float32)
    element[tuple(np.rint(index).astype(int))] = 1.0
    centre = sampling.grid.affine @ [*ndimage.center_of_mass(sampling.give_back(element).voxels), 1.0]
    allowed_mm = np.abs(sampling.affine[:3, :3]).sum(axis=1) / 2
    if sampling.antialias:  # at the end of a crop the averaging kernel is cut and leans inwards
        allowed_mm += np.abs(sampling.affine[:3, :3]).sum(axis=1) / 2
    assert (np.abs(centre - point)[:3] <= allowed_mm + 1e-6).all()


@pytest.mark.parametrize("antialias", [False, True])
def test_the_way_back_is_the_transpose_of_the_way_there_and_keeps_sums(antialias: bool) -> None:
    rng = np.random.default_rng(2)
    grid = Grid(SHAPE, affine_of((1, 2, 0), (-1.0, 1.0, -1.0), 0.2), "1")
    sampling = sampling_of(grid, 1, 0.6, antialias)
    voxels, values = rng.random(SHAPE, np.float32), rng.standard_normal(sampling.shape).astype(np.float32)
    back = sampling.give_back(values).voxels
    assert np.isclose((sampling.take(voxels) * values).sum(), (voxels * back).sum(), rtol=1e-4)
    assert np.isclose(back.sum(), values.sum(), rtol=1e-4)


def test_resizing_is_scipys_linear_zoom() -> None:
    voxels = np.random.default_rng(3).random((20, 16, 12)).astype(np.float32)
    sampling = Sampling.whole(Grid((20, 16, 12), np.eye(4), "1")).resized((15, 12, 9))
    assert np.allclose(sampling.take(voxels), ndimage.zoom(voxels, 0.75, order=1), atol=1e-5)


def test_a_crop_reads_only_what_lies_in_it() -> None:
    voxels = np.random.default_rng(4).random((8, 8, 8)).astype(np.float32)
    sampling = Sampling.whole(Grid((8, 8, 8), np.eye(4), "1")).cropped((2, 3, 4), (6, 7, 8))
    assert np.array_equal(sampling.take(voxels), voxels[2:6, 3:7, 4:8])
    assert sampling.affine[:3, 3].tolist() == [2, 3, 4]


def test_antialiasing_averages_what_a_shrink_skips() -> None:
    spikes = np.zeros((32, 4, 4), np.float32)
    spikes[1::4] = 1.0
    grid = Grid((32, 4, 4), np.eye(4), "1")
    plain, smooth = (Sampling.whole(grid, antialias=on).resized((8, 4, 4)).take(spikes) for on in (False, True))
    assert np.ptp(smooth[1:-1]) < 0.25 < np.ptp(plain[1:-1])
    assert abs(smooth.mean() - spikes.mean()) < 0.03


def test_another_voxel_size_keeps_the_middle_of_the_volume() -> None:
    sampling = Sampling.whole(Grid((21, 31, 11), np.diag([1.0, 1.0, 2.0, 1.0]), "1")).spaced((2.5, 2.5, 2.5))
    assert np.allclose(np.linalg.norm(sampling.affine[:3, :3], axis=0), 2.5)
    middle = sampling.affine @ [*((np.array(sampling.shape) - 1) / 2), 1]
    assert np.allclose(middle[:3], [10, 15, 10])


def test_impossible_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="positive step"):
        AxisSampling(0.0, -1.0, 3, 0, 5)
    with pytest.raises(ValueError, match="a map of"):
        Sampling.whole(Grid(SHAPE, np.eye(4), "1")).give_back(np.zeros((2, 2, 2)))


def test_an_oblique_volume_is_turned_to_the_nearest_axes() -> None:
    assert Orientation.of(affine_of((2, 0, 1), (1.0, -1.0, -1.0), 0.4)).axes == (2, 0, 1)
