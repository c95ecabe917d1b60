"""Vessels, ducts and spicules: thin, smooth, of one volume on every grid."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.detailed.threads import Threads, smooth_path, threads, vessel_tree
from dicom_io.phantom.grid import SamplingGrid


def grid(spacing: float, size_mm: float = 60.0) -> SamplingGrid:
    count = round(size_mm / spacing)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -size_mm / 2
    return SamplingGrid((count, count, count), affine)


def straight(radius: float = 0.5) -> Threads:
    path = np.linspace((-18.0, -11.0, 3.0), (17.0, 9.0, 5.0), 30)
    return threads(Material.VEIN, [(path, np.full(30, radius))], np.random.default_rng(0))


@pytest.mark.parametrize("spacing", [1.0, 3.0, 5.0])
def test_a_thread_has_its_volume_on_every_grid(spacing: float) -> None:
    on = grid(spacing)
    _, share = straight().shares(on, slice(0, on.shape[2]))
    length = np.linalg.norm(np.subtract((17.0, 9.0, 5.0), (-18.0, -11.0, 3.0)))
    assert share.sum() * spacing**3 == pytest.approx(np.pi * 0.25 * length, rel=0.02)


def test_a_thread_is_the_same_whether_its_slices_are_sampled_together_or_apart() -> None:
    on = grid(3.0)
    whole = np.zeros(on.shape, np.float32)
    where, share = straight().shares(on, slice(0, 20))
    whole.reshape(-1)[where] = share
    parts = np.zeros(on.shape, np.float32)
    for first in range(0, 20, 5):
        slab = np.zeros((20, 20, 5), np.float32)
        where, share = straight().shares(on, slice(first, first + 5))
        slab.reshape(-1)[where] = share
        parts[:, :, first : first + 5] = slab
    assert np.allclose(whole, parts)


def test_a_thin_line_has_no_gaps_and_no_steps() -> None:
    on = grid(3.0)
    image = np.zeros(on.shape, np.float32)
    where, share = straight(0.4).shares(on, slice(0, 20))
    image.reshape(-1)[where] = share
    along = image.sum(axis=(1, 2))
    inner = along[np.flatnonzero(along)[1] : np.flatnonzero(along)[-1]]
    assert inner.std() < 0.15 * inner.mean()


def test_a_smooth_path_goes_through_its_knots_without_corners() -> None:
    knots = np.array([(0.0, 0, 0), (10, 5, 0), (20, -5, 3), (30, 0, 0)])
    path = smooth_path(knots, 301)
    assert path[0] == pytest.approx(knots[0], abs=1e-6)
    assert path[100] == pytest.approx(knots[1], abs=1e-3)
    steps = np.diff(path, axis=0)
    cosine = (
        (steps[1:] * steps[:-1]).sum(axis=1) / np.linalg.norm(steps[1:], axis=1) / np.linalg.norm(steps[:-1], axis=1)
    )
    assert cosine.min() > 0.99


def test_vessels_lie_in_the_breast_and_branches_are_thinner() -> None:
    centre, axes = (80.0, 27.0, 0.0), (58.0, 90.0, 60.0)
    tree = vessel_tree(np.random.default_rng(5), centre, axes, +1)
    assert len(tree) > 6
    for path, radius in tree:
        assert (((path - centre) / axes) ** 2).sum(axis=1).max() < 0.95
        assert radius[0] >= radius[-1] > 0.1
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 6
    assert max(radius[0] for _, radius in tree) == max(tree[n][1][0] for n in range(len(tree)))
