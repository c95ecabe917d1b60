"""The straight line from a baseline to the input, integrated until it is exact enough."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.path import AttributionLimits, AttributionPath, integrate, total_of
from mome_core.explain.quadrature import Panel, QuadratureRule

DCE, DWI, T2 = Modality


def test_a_gradient_that_is_not_finite_is_refused_with_its_modality() -> None:
    end = {DWI: torch.ones(1, 1, 2, 2, 2)}
    root = AttributionPath(
        lambda volumes: (volumes[DWI] - 1).abs().sqrt().sum(dim=(1, 2, 3, 4)), {DWI: end[DWI] * 0}, end
    )
    with pytest.raises(NumericsFault, match="with respect to the DWI volume"):
        root.attributions(QuadratureRule(np.ones(1), np.ones(1)))


@pytest.mark.parametrize(
    "wrong", [{"panel_nodes": 0}, {"max_gradients": 3}, {"completeness_error": 0.0}, {"memory_gib": -1.0}]
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"gradients|positive"):
        AttributionLimits(**wrong)  # type: ignore[arg-type]


def path_of(power: int, nodes_per_pass: int = 1) -> AttributionPath:
    """From zeros to ones in a network that sums a power of its voxels."""
    end = {DWI: torch.ones(1, 1, 2, 2, 2, dtype=torch.float64), T2: torch.full((1, 1, 1, 1, 1), 2.0).double()}
    start = {modality: torch.zeros_like(volume) for modality, volume in end.items()}

    def answer(volumes: Mapping[Modality, Tensor]) -> Tensor:
        return sum((volume**power).flatten(1).sum(dim=1) for volume in volumes.values())  # type: ignore[return-value]

    return AttributionPath(answer, start, end, nodes_per_pass=nodes_per_pass)


def ignore(done: int, planned: int) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("nodes_per_pass", [1, 4, 100])
def test_a_polynomial_is_attributed_exactly_however_many_nodes_go_together(nodes_per_pass: int) -> None:
    found = integrate(path_of(3, nodes_per_pass), AttributionLimits(panel_nodes=4), ignore)
    assert found.maps[DWI].flatten().tolist() == pytest.approx([1.0] * 8)
    assert found.maps[T2].item() == pytest.approx(8.0)
    assert (found.value, found.baseline_value) == pytest.approx((16.0, 0.0))
    assert total_of(found.maps) == pytest.approx(16.0)


def test_a_coarse_panel_is_halved_until_it_is_exact_enough_and_every_gradient_is_counted() -> None:
    rough = integrate(path_of(30), AttributionLimits(panel_nodes=2, panel_change=10, max_gradients=2), ignore)
    fine = integrate(path_of(30), AttributionLimits(panel_nodes=2, panel_change=10, completeness_error=1e-4), ignore)
    whole = 8 + 2.0**30
    assert abs(total_of(rough.maps) - whole) > 0.01 * whole
    assert total_of(fine.maps) == pytest.approx(whole, rel=1e-4)
    assert rough.steps == rough.gradients == 2 and fine.steps < fine.gradients <= 256


def test_progress_never_promises_more_gradients_than_the_limit() -> None:
    steps: list[tuple[int, int]] = []
    integrate(path_of(30), AttributionLimits(panel_nodes=2, max_gradients=9), lambda *step: steps.append(step))
    assert all(done <= planned <= 9 for done, planned in steps)
    assert steps[-1][0] == steps[-1][1]


def test_the_whole_path_is_one_panel_from_the_baseline_to_the_input() -> None:
    assert path_of(2).whole() == Panel(0.0, 1.0, 0.0, 12.0)
    assert path_of(2).value(0.5) == pytest.approx(3.0)


def test_log_odds_that_are_not_finite_name_their_place_on_the_path() -> None:
    zero = {DCE: torch.zeros(1, 1, 1, 1, 1)}
    path = AttributionPath(
        lambda volumes: 1 / volumes[DCE].flatten(1).sum(dim=1), zero, {DCE: torch.ones(1, 1, 1, 1, 1)}
    )
    with pytest.raises(NumericsFault, match="place 0 of the path"):
        path.whole()
