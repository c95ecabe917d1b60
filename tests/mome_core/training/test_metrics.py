"""Every figure of an evaluation equals scikit-learn's, and the intervals cover."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics as oracle

from mome_core.training import metrics
from mome_core.training.errors import TrainingRefused


def drawn(seed: int, cases: int = 200, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random(cases) < 0.4
    scores = 1 / (1 + np.exp(-(rng.normal(size=cases) + 1.2 * labels - 0.5)))
    return labels, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_ranking_figures_equal_scikit_learn(seed: int, ties: bool) -> None:
    labels, scores = drawn(seed, ties=ties)
    assert metrics.auroc(labels, scores) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    assert metrics.average_precision(labels, scores) == pytest.approx(
        oracle.average_precision_score(labels, scores), abs=1e-12
    )
    assert metrics.partial_auroc(labels, scores) == pytest.approx(
        oracle.roc_auc_score(labels, scores, max_fpr=0.1), abs=1e-9
    )
    assert metrics.partial_auroc_at_sensitivity(labels, scores) == pytest.approx(
        oracle.roc_auc_score(~labels, -scores, max_fpr=0.1), abs=1e-9
    )


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_figures_at_an_operating_point_equal_scikit_learn(threshold: float) -> None:
    labels, scores = drawn(7)
    called = scores > threshold
    counts = SimpleNamespace(**metrics.call_metrics(labels, called))
    assert counts.accuracy == pytest.approx(oracle.accuracy_score(labels, called))
    assert counts.f1 == pytest.approx(oracle.f1_score(labels, called))
    assert counts.sensitivity == pytest.approx(oracle.recall_score(labels, called))
    assert counts.specificity == pytest.approx(oracle.recall_score(~labels, ~called))
    assert counts.ppv == pytest.approx(oracle.precision_score(labels, called))
    assert counts.npv == pytest.approx(oracle.precision_score(~labels, ~called))
    assert counts.mcc == pytest.approx(oracle.matthews_corrcoef(labels, called))
    assert metrics.brier(labels, scores) == pytest.approx(oracle.brier_score_loss(labels, scores))


def test_calibration_error_of_a_model_that_is_always_half_sure_is_the_distance_to_the_base_rate() -> None:
    labels = np.array([1, 1, 1, 0])
    assert metrics.expected_calibration_error(labels, np.full(4, 0.5)) == pytest.approx(0.25)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_class_only_cannot_be_ranked(labels: list[int]) -> None:
    with pytest.raises(TrainingRefused, match="both classes"):
        metrics.auroc(labels, [0.5] * len(labels))


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(TrainingRefused, match="finite"):
        metrics.auroc([0, 1], [0.5, float("nan")])
