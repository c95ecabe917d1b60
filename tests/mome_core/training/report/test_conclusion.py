"""The sentence on top claims no more than the interval of the difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from measured_models import case_set, measured
from mome_core.training.measured import Measured
from mome_core.training.report.conclusion import conclusion
from mome_core.training.statistics import Comparison, Interval


def with_gaps(evaluation: Measured, *gaps: tuple[float, float, float]) -> Measured:
    """The same evaluation with these differences of the first model's AUROC, set by set."""
    sets = []
    for each, gap in zip(evaluation.sets, gaps, strict=True):
        first = each.models[0]
        found = Comparison(0.9, 0.9 - gap[0], Interval(*gap), 0.02)
        sets.append(replace(each, models=(replace(first, against={"auroc": found}), *each.models[1:])))
    return replace(evaluation, sets=tuple(sets))


@pytest.fixture(scope="module")
def evaluation() -> Measured:
    return measured()


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ((0.1, 0.02, 0.2), "ours ranks better than resnet34-dce"),
        ((-0.1, -0.2, -0.02), "ours ranks worse than resnet34-dce"),
        ((0.1, -0.02, 0.2), "ours cannot be told from resnet34-dce"),
    ],
)
def test_only_an_interval_beyond_zero_is_a_difference(
    evaluation: Measured, gap: tuple[float, float, float], words: str
) -> None:
    assert words in conclusion(with_gaps(evaluation, gap, gap))


def test_the_other_sets_agree_or_do_not(evaluation: Measured) -> None:
    better, open_ = (0.1, 0.02, 0.2), (0.1, -0.02, 0.2)
    assert conclusion(with_gaps(evaluation, better, better)).endswith("; so on external.")
    assert conclusion(with_gaps(evaluation, better, open_)).endswith("; not so on external.")


def test_where_the_first_is_the_one_that_others_are_compared_with_it_meets_the_strongest() -> None:
    found = measured(("ours", "middling", "poor"), "ours", sets=1)
    compared = found.sets[0].models[1].against["auroc"]
    said = conclusion(found)
    assert "ours ranks better than middling" in said or "ours cannot be told from middling" in said
    assert f"difference {-compared.difference.value:+.3f}" in said.replace("−", "-")


def test_the_opponent_is_the_same_on_every_set() -> None:
    """On the second set another model is the strongest; the sentence still speaks of the one that it names."""
    found = measured(("ours", "middling", "poor"), "ours")
    worse = {"auroc": Comparison(0.5, 0.9, Interval(-0.4, -0.5, -0.3), 0.02)}
    better = {"auroc": Comparison(0.99, 0.9, Interval(0.09, 0.05, 0.12), 0.02)}
    ours, middling, poor = found.sets[0].models
    first = replace(found.sets[0], models=(ours, replace(middling, against=worse), replace(poor, against=worse)))
    ours, middling, poor = found.sets[1].models
    rising = (ours, replace(middling, against=worse, figures=poor.figures), replace(poor, against=better))
    second = replace(found.sets[1], models=(*rising[:2], replace(rising[2], figures=ours.figures)))
    said = conclusion(replace(found, sets=(first, second)))
    assert "ours ranks better than middling" in said and said.endswith("; so on external.")


def test_one_model_is_told_with_its_interval_on_every_set() -> None:
    found = measured(("ours",), "")
    said = conclusion(found)
    assert said.startswith("ours reaches an AUROC of") and "on external" in said
    assert f"({len(case_set('internal', 80, 11).truth)} cases" in said
