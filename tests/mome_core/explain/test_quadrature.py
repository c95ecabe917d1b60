"""Where nodes stand: even in the share or in its logarithm, and what a stretch between two of them may miss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.estimator import Estimator, Pooling
from mome_core.explain.quadrature import AttributionLimits, Spacing, Tolerance, change_to_explain

LIMITS = AttributionLimits(completeness_error=0.01, absolute_error=0.04)
UNSIGNED = replace(LIMITS, completeness_error=1.0)


def test_a_logarithmic_path_begins_at_the_baseline_and_ends_at_the_input() -> None:
    assert [Spacing.LOGARITHMIC.share(place) for place in (0.0, 0.5, 1.0)] == pytest.approx([0.0, 1e-6, 1.0])


@pytest.mark.parametrize("spacing", Spacing)
def test_the_slope_of_a_spacing_is_the_derivative_of_its_share(spacing: Spacing) -> None:
    step = 1e-6
    numeric = (spacing.share(0.7 + step) - spacing.share(0.7 - step)) / (2 * step)
    assert spacing.slope(0.7) == pytest.approx(numeric, rel=1e-6)


def tolerance(*change: float, limits: AttributionLimits = LIMITS) -> Tolerance:
    """Of a path along which the answers change from 0 by this much."""
    return Tolerance(np.array(change), np.array(change), limits)


def allowed(held: Tolerance, miss: float, low: float = 0.0, high: float = 0.0, width: float = 0.25) -> bool:
    return held.allows(np.array([miss]), width, 1.0, np.array([low]), np.array([high]))


def test_a_stretch_may_miss_its_part_of_the_way_or_of_the_change_whichever_is_more() -> None:
    assert allowed(tolerance(1.0), 0.009, high=0.0) and not allowed(tolerance(1.0), 0.011, high=0.0)
    strict = tolerance(1.0, limits=UNSIGNED)
    assert allowed(strict, 0.031, high=0.8) and not allowed(strict, 0.033, high=0.8)


def test_signed_misses_never_add_up_to_more_than_the_limit() -> None:
    held = tolerance(1.0)
    held.settle(np.array([0.006]))
    assert not allowed(held, 0.005) and allowed(held, -0.005)
    assert held.missed == pytest.approx([0.006])


def test_what_a_stretch_leaves_the_later_ones_may_use() -> None:
    held = tolerance(1.0, limits=UNSIGNED)
    held.settle(np.array([-0.03]))
    assert not allowed(held, 0.011, width=1.0)
    assert allowed(held, 0.0099, width=1.0)
    assert held.absolutely_missed == pytest.approx([0.03])


def test_every_endpoint_has_to_be_exact_enough() -> None:
    held = tolerance(1.0, 0.1, limits=replace(LIMITS, least_change=0.1))
    assert held.allows(np.array([0.002, 0.0002]), 0.25, 1.0, np.zeros(2), np.zeros(2))
    assert not held.allows(np.array([0.002, 0.002]), 0.25, 1.0, np.zeros(2), np.zeros(2))


def test_misses_are_measured_by_the_change_of_the_pooled_answer_which_is_shown() -> None:
    starts, ends = np.array([[1.0], [3.0]]), np.array([[2.0], [-2.0]])
    assert change_to_explain(starts, ends) == pytest.approx([2.0])
    pool = Estimator(pooling=Pooling.PROBABILITIES).pool
    assert change_to_explain(starts, ends, pool) == pytest.approx([abs(pool(ends[:, 0]) - pool(starts[:, 0]))])


def test_a_path_tells_how_many_times_too_much_it_misses() -> None:
    held = tolerance(1.0, 0.2, limits=replace(LIMITS, least_change=0.1))
    held.settle(np.array([0.005, -0.006]), allowed=False)
    assert held.excess == pytest.approx(3.0)


def test_another_walk_has_twice_the_gradients_and_half_the_narrowest_stretch() -> None:
    again = AttributionLimits(max_gradients=64, narrowest_stretch=1 / 512, doublings=2).doubled()
    assert (again.max_gradients, again.narrowest_stretch, again.doublings) == (128, 1 / 1024, 1)


def test_the_last_digits_of_a_change_that_is_next_to_nothing_are_not_asked_for() -> None:
    assert allowed(tolerance(0.001, limits=replace(UNSIGNED, least_change=0.1)), 0.0009)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_stretches": 0},
        {"max_gradients": 8},
        {"completeness_error": 0.0},
        {"memory_gib": -1.0},
        {"doublings": -1},
    ],
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"gradients|positive|no time or more"):
        AttributionLimits(**wrong)  # type: ignore[arg-type]
