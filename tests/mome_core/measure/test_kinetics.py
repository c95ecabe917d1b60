"""Curves of places and tissues, the worst of them, and the maps."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.measure.enhancement import Enhancement
from mome_core.measure.kinetics import curve_in, kinetic_maps, place_shape, worst_place
from mome_core.measurements import CurveType

SHAPE = (20, 20, 6)
TIMES = (-90.0, 0.0, 90.0, 180.0)


def breast() -> Enhancement:
    """Tissue whose left half is persistent (+20 %), whose right half washes out (-20 %); around it nothing."""
    phases = np.full((4, *SHAPE), 100.0)
    phases[1:, 5:15, 5:15, 1:5] = np.array([200.0, 220.0, 240.0])[:, None, None, None]
    phases[1:, 10:15, 5:15, 1:5] = np.array([200.0, 210.0, 160.0])[:, None, None, None]
    rise = (phases[1] - phases[0]).astype(np.float32)
    return Enhancement(phases, np.ones(SHAPE, dtype=bool), rise, rise, (2, 1, 0), (24, 22, 8), np.eye(4), "1.2")


def test_the_mean_curve_hides_what_the_worst_place_shows() -> None:
    tissue = breast().difference > 0
    mean = curve_in(breast(), tissue, delayed=True)
    worst = curve_in(breast(), worst_place(breast(), tissue), delayed=True)
    assert (mean.initial_uptake_percent, mean.delayed_change_percent) == pytest.approx((100.0, 0.0))
    assert (mean.type, worst.type) == (CurveType.PLATEAU, CurveType.WASHOUT)
    assert worst.delayed_change_percent == pytest.approx(-20.0)
    assert worst.enhancement_percent == pytest.approx((0.0, 100.0, 110.0, 60.0))


def test_a_place_is_five_millimetres_wide_and_never_one_voxel() -> None:
    assert place_shape((0.8, 0.8, 1.6)) == (7, 7, 3)
    assert place_shape((5.0, 5.0, 9.0)) == (3, 3, 1)


def test_without_a_delayed_phase_there_is_no_type() -> None:
    curve = curve_in(breast(), breast().difference > 0, delayed=False)
    assert (curve.delayed_change_percent, curve.type) == (None, None)


def test_maps_hold_uptake_change_time_and_type_of_each_voxel() -> None:
    maps = kinetic_maps(breast(), TIMES, breast().difference > 0)
    assert maps.types is not None and maps.time_to_peak_s is not None and maps.delayed_change_percent is not None
    left, right, outside = (8, 8, 2), (14, 8, 2), (0, 0, 0)
    values = [
        [float(each.voxels[at]) for at in (left, right, outside)]
        for each in (maps.initial_uptake_percent, maps.delayed_change_percent, maps.time_to_peak_s, maps.types)
    ]
    assert values == [
        pytest.approx([100.0, 100.0, 0.0]),
        pytest.approx([20.0, -20.0, 0.0]),
        pytest.approx([180.0, 90.0, 0.0]),
        pytest.approx([1.0, 3.0, 0.0]),
    ]
    assert maps.types.voxels.shape == (24, 22, 8)
    assert maps.types.affine[:3, 3].tolist() == [-2.0, -1.0, 0.0]


def test_without_times_there_is_the_uptake_alone() -> None:
    maps = kinetic_maps(breast(), (), None)
    assert (maps.delayed_change_percent, maps.time_to_peak_s, maps.types, maps.tissue) == (None, None, None, None)
