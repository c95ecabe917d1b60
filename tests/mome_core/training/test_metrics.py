"""Every figure of an evaluation equals scikit-learn's, and the intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from mome_core.training import metrics, statistics
from mome_core.training.calibrate import fit_temperature, youden_threshold
from mome_core.training.errors import TrainingRefused

oracle = pytest.importorskip("sklearn.metrics")


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
    counts = metrics.confusion(labels, scores, threshold)
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


def test_net_benefit_of_treating_all_at_even_odds_is_positives_minus_negatives() -> None:
    assert metrics.net_benefit([1, 1, 1, 0], [0.9] * 4, 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_class_only_cannot_be_ranked(labels: list[int]) -> None:
    with pytest.raises(TrainingRefused, match="both classes"):
        metrics.auroc(labels, [0.5] * len(labels))


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(TrainingRefused, match="finite"):
        metrics.auroc([0, 1], [0.5, float("nan")])


def test_delong_of_a_hand_worked_example() -> None:
    """Two positives, two negatives: placements by hand give AUROC 0.75 and 1.0, variances 1/8 / 2 twice."""
    labels = [1, 1, 0, 0]
    aucs, covariance = statistics.delong_covariance(labels, [[0.9, 0.4, 0.6, 0.1], [0.9, 0.8, 0.2, 0.1]])
    assert aucs == pytest.approx([0.75, 1.0])
    assert covariance == pytest.approx(np.array([[0.125, 0.0], [0.0, 0.0]]))
    comparison = statistics.delong(labels, [0.9, 0.4, 0.6, 0.1], [0.9, 0.8, 0.2, 0.1])
    assert comparison.p_value == pytest.approx(2 * norm.sf(0.25 / np.sqrt(0.125)))


def test_a_model_compared_with_itself_does_not_differ() -> None:
    labels, scores = drawn(3)
    comparison = statistics.delong(labels, scores, scores)
    assert comparison.difference.value == 0.0
    assert comparison.p_value == 1.0


def test_bootstrap_draws_whole_patients() -> None:
    patients = ["a", "a", "b", "c"]
    for draw in statistics.bootstrap_draws(patients, 50, seed=1):
        assert np.sum(draw == 0) == np.sum(draw == 1)


def test_delong_and_bootstrap_agree_on_a_clear_difference() -> None:
    labels, good = drawn(5)
    poor = np.random.default_rng(6).random(len(labels))
    patients = [str(n) for n in range(len(labels))]
    by_draws = statistics.paired_bootstrap(
        lambda i: (metrics.auroc(labels[i], good[i]), metrics.auroc(labels[i], poor[i])), patients, repeats=300
    )
    by_ranks = statistics.delong(labels, good, poor)
    assert by_draws.p_value < 0.02
    assert by_ranks.p_value < 0.02
    assert by_draws.difference.low == pytest.approx(by_ranks.difference.low, abs=0.04)


@pytest.mark.exhaustive
def test_interval_of_an_auroc_holds_the_truth_about_as_often_as_it_says() -> None:
    truth = float(norm.cdf(1.0 / np.sqrt(2)))
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(500):
        labels = np.arange(200) < 100
        scores = rng.normal(size=200) + labels
        interval = statistics.bootstrap(
            lambda i, y=labels, s=scores: {"auroc": metrics.auroc(y[i], s[i])},  # type: ignore[misc]
            [str(n) for n in range(200)],
            repeats=400,
        )["auroc"]
        held += interval.low <= truth <= interval.high
    assert 470 <= held <= 480  # 94 to 96 %


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    rng = np.random.default_rng(2)
    log_odds = rng.normal(0, 1.5, 4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-log_odds))
    assert fit_temperature(labels, 3 * log_odds) == pytest.approx(3.0, rel=0.1)


def test_logits_that_part_the_classes_keep_their_temperature() -> None:
    assert fit_temperature(np.array([False, True]), np.array([-1.0, 2.0])) == 1.0


def test_operating_point_lies_in_the_middle_of_the_gap_that_parts_the_classes() -> None:
    assert youden_threshold(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)
