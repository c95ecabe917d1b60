"""The straight line from a baseline to the input, integrated until it is exact enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.path import Answer, AttributionPath, Integral, integrate, nodes_at, total_of
from mome_core.explain.quadrature import AttributionLimits

DCE, DWI, T2 = Modality
Volumes = Mapping[Modality, Tensor]


def power_of(power: int) -> Answer:
    """A network that sums a power of its voxels."""
    return lambda volumes: sum((v**power).flatten(1).sum(dim=1) for v in volumes.values())[:, None]  # type: ignore[index]


def path_to(value: float = 1.0) -> AttributionPath:
    """From zeros to eight voxels of this value, and one of twice as much."""
    end = {DWI: torch.full((1, 1, 2, 2, 2), value).double(), T2: torch.full((1, 1, 1, 1, 1), 2 * value).double()}
    return AttributionPath({modality: torch.zeros_like(volume) for modality, volume in end.items()}, end)


def found(answer: Answer, path: AttributionPath, **limits: float) -> Integral:
    ((_, integral),) = integrate(answer, [lambda: path], replace(AttributionLimits(), **limits))  # type: ignore[arg-type]
    return integral


def test_a_parabola_is_attributed_exactly() -> None:
    integral = found(power_of(2), path_to())
    maps = integral.path.attributions(integral.gradients[0])
    assert maps[DWI].flatten().tolist() == pytest.approx([1.0] * 8)
    assert maps[T2].item() == pytest.approx(4.0)
    assert (integral.values, integral.baseline_values) == (pytest.approx([12.0]), pytest.approx([0.0]))
    assert integral.steps == 9 and integral.missed == pytest.approx([0.0], abs=1e-12)


def test_what_the_stretches_miss_is_what_the_sum_misses() -> None:
    integral = found(power_of(30), path_to(), max_gradients=20)
    total = total_of(integral.path.attributions(integral.gradients[0]))
    assert total - integral.values[0] == pytest.approx(integral.missed[0], rel=1e-9)
    assert integral.absolutely_missed[0] >= abs(integral.missed[0])


def test_stretches_are_halved_until_the_sum_is_exact_enough_and_every_gradient_is_counted() -> None:
    whole = 8 + 2.0**30
    rough, fine = (found(power_of(30), path_to(), max_gradients=n) for n in (9, 300))
    assert abs(rough.missed[0]) > 0.01 * whole and rough.steps == 9
    assert abs(fine.missed[0]) <= 0.01 * whole and fine.absolutely_missed[0] <= 0.05 * whole
    assert 9 < fine.steps < 60


def test_a_path_that_misses_too_much_is_walked_anew_with_twice_the_gradients_and_every_one_counts() -> None:
    within = AttributionLimits().completeness_error * (8 + 2.0**30)
    short = found(power_of(30), path_to(), max_gradients=36, doublings=0)
    enough = found(power_of(30), path_to(), max_gradients=72, narrowest_stretch=1 / 1024, doublings=0)
    assert 1.25 * within < abs(short.missed[0]) <= 4 * within and abs(enough.missed[0]) <= 1.25 * within
    again = found(power_of(30), path_to(), max_gradients=36)
    assert again.missed == enough.missed and again.steps == short.steps + enough.steps
    jumping = found(power_of(30), path_to(), max_gradients=9)
    assert abs(jumping.missed[0]) > 4 * within and jumping.steps == 9, "twice as many would not do"


def test_a_jump_costs_no_more_than_halving_down_to_the_narrowest_stretch() -> None:
    def jump(volumes: Volumes) -> Tensor:
        total = sum(v.flatten(1).sum(dim=1) for v in volumes.values())
        return (torch.sigmoid(1e6 * (total - 3)) + total)[:, None]  # type: ignore[operator]

    assert found(jump, path_to()).steps <= 9 + 7


def test_several_paths_side_by_side_find_what_each_finds_alone() -> None:
    values = (0.5, 1.0, 1.5, 2.0, 2.5)
    paths = [partial(path_to, value) for value in values]
    alone = dict(integrate(power_of(9), paths, AttributionLimits(), 1))
    for together in (2, 5):
        results = dict(integrate(power_of(9), paths, AttributionLimits(), together))
        assert sorted(results) == list(range(5))
        for number, integral in results.items():
            assert integral.steps == alone[number].steps
            for modality in (DWI, T2):
                assert torch.equal(integral.gradients[0][modality], alone[number].gradients[0][modality])


def test_two_endpoints_share_their_nodes_and_both_are_exact_enough() -> None:
    both: Answer = lambda volumes: torch.cat([power_of(2)(volumes), power_of(30)(volumes)], dim=1)  # noqa: E731
    integral = found(both, path_to(), max_gradients=300)
    assert integral.steps == found(power_of(30), path_to(), max_gradients=300).steps
    assert (np.abs(integral.missed) <= 0.01 * np.abs(integral.values)).all()
    assert len(integral.gradients) == 2


def test_progress_never_promises_more_gradients_than_the_limit_and_ends_with_what_was_done() -> None:
    steps: list[tuple[int, int]] = []
    limits = AttributionLimits(max_gradients=20)
    paths = [path_to, path_to, path_to]
    done = dict(integrate(power_of(30), paths, limits, 2, lambda *step: steps.append(step)))
    total = sum(integral.steps for integral in done.values())
    assert all(before <= planned <= 60 for before, planned in steps)
    assert steps[-1] == (total, total)


def test_a_gradient_that_is_not_finite_is_refused_with_its_modality() -> None:
    end = {DWI: torch.ones(1, 1, 2, 2, 2)}
    root: Answer = lambda volumes: (volumes[DWI] - 1).abs().sqrt().sum(dim=(1, 2, 3, 4))[:, None]  # noqa: E731
    with pytest.raises(NumericsFault, match="with respect to the DWI volume"):
        nodes_at(root, [(AttributionPath({DWI: end[DWI] * 0}, end), 1.0)])


def test_log_odds_that_are_not_finite_name_their_place_on_the_path() -> None:
    path = AttributionPath({DCE: torch.zeros(1, 1, 1, 1, 1)}, {DCE: torch.ones(1, 1, 1, 1, 1)})
    inverse: Answer = lambda volumes: 1 / volumes[DCE].flatten(1).sum(dim=1)[:, None]  # noqa: E731
    with pytest.raises(NumericsFault, match="place 0 of the path"):
        found(inverse, path)
