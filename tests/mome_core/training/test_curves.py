"""The curves equal those of scikit-learn and dcurves, and their bands lie around them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve as oracle_precision_recall
from sklearn.metrics import roc_auc_score

from mome_core.training.curves import (
    RATES,
    THRESHOLDS,
    decision_band,
    decision_difference,
    precision_recall_band,
    precision_recall_curve,
    roc_band,
    roc_band_by_sensitivity,
    sparing_band,
)
from mome_core.training.statistics import bootstrap_draws

DRAWS = bootstrap_draws([str(n) for n in range(150)], 100, seed=1)


def drawn(seed: int, cases: int = 150, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random(cases) < 0.4
    scores = 1 / (1 + np.exp(-(rng.normal(size=cases) + 1.2 * labels - 0.5)))
    return labels, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_precision_and_recall_equal_scikit_learn(seed: int, ties: bool) -> None:
    labels, scores = drawn(seed, ties=ties)
    recall, precision = precision_recall_curve(labels, scores)
    expected_precision, expected_recall, _ = oracle_precision_recall(labels, scores)
    assert recall == pytest.approx(expected_recall[-2::-1])
    assert precision == pytest.approx(expected_precision[-2::-1])


def test_a_band_lies_around_the_curve_of_all_cases() -> None:
    labels, scores = drawn(3)
    for each in (roc_band, precision_recall_band, roc_band_by_sensitivity):
        found = each(labels, scores, DRAWS)
        assert found.x is not None and len(found.x) == len(RATES)
        assert ((found.low <= found.value + 1e-9) & (found.value <= found.high + 1e-9)).mean() > 0.95


def test_the_area_under_the_mean_curve_is_the_auroc_either_way_round() -> None:
    labels, scores = drawn(4)
    for each in (roc_band, roc_band_by_sensitivity):
        area = np.trapezoid(each(labels, scores, DRAWS[:2]).value, RATES)
        assert area == pytest.approx(roc_auc_score(labels, scores), abs=0.01)


def test_specificity_at_a_step_is_the_higher_one() -> None:
    labels, scores = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.6, 0.1])
    found = roc_band_by_sensitivity(labels, scores, [np.arange(4)])
    assert found.value[50] == 1.0  # a sensitivity of 0.5 is reached before the first false alarm
    assert found.value[-1] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_net_benefit_equals_dcurves(seed: int) -> None:
    dcurves, pandas = pytest.importorskip("dcurves"), pytest.importorskip("pandas")
    labels, scores = drawn(seed)
    thresholds = [float(each) for each in THRESHOLDS[4::15]]
    oracle = dcurves.dca(
        data=pandas.DataFrame({"y": labels.astype(int), "model": scores}),
        outcome="y",
        modelnames=["model"],
        thresholds=thresholds,
    )
    expected = oracle[oracle["model"] == "model"].sort_values("threshold")["net_benefit"].to_numpy()
    assert decision_band(labels, scores, DRAWS[:2]).value[4::15] == pytest.approx(expected, abs=1e-6)


def test_sparing_is_acting_with_classes_and_probabilities_turned_around() -> None:
    labels, scores = drawn(5)
    turned = decision_band(~labels, 1 - scores, DRAWS[:2]).value[::-1]
    assert sparing_band(labels, scores, DRAWS[:2]).value == pytest.approx(turned)


def test_a_model_has_no_net_benefit_over_itself_and_some_over_a_coin() -> None:
    labels, scores = drawn(6)
    coin = np.random.default_rng(0).random(150)
    assert not decision_difference(labels, scores, scores, DRAWS).high.any()
    assert decision_difference(labels, scores, coin, DRAWS).low[40:60].mean() > 0
