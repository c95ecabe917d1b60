"""The benchmark of sums judges what was measured, and nothing that was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.adding_up import COST, Sums, figures_of, holds

MEASURED = Sums(
    seed=1,
    malignant=True,
    probability=0.8,
    gap=0.0,
    printed_gap=0.0,
    contributions={"DCE": 30.0, "DWI": 5.0, "T2": 1.0},
    shuffled={"DCE": 1.0, "DWI": 0.5, "T2": 0.1},
    cost=1.6,
    completeness_error=0.008,
    difference=0.01,
    reported_log_odds=1.4,
    gradients=170,
    seconds={},
)


def test_without_a_timed_case_the_cost_is_not_judged() -> None:
    figures = figures_of([replace(MEASURED, cost=None)])
    assert COST not in figures and figures["of these, timed"] == 0 and holds(figures)


@pytest.mark.parametrize(("cost", "fine"), [(1.6, True), (1.8, False)])
def test_a_timed_case_is_judged_by_its_cost(cost: float, fine: bool) -> None:
    assert holds(figures_of([replace(MEASURED, cost=cost)])) is fine
