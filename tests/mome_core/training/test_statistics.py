"""How sure a figure is: DeLong's test and the bootstrap over patients."""

from __future__ import annotations

import MLstatkit
import numpy as np
import pytest
from scipy.stats import norm

from mome_core.training import metrics, statistics


def two_models(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(150) < 0.4).astype(int)
    first, second = (1 / (1 + np.exp(-(rng.normal(size=150) + shift * labels))) for shift in (1.2, 0.6))
    return labels, first, second


@pytest.mark.parametrize("seed", range(5))
def test_delong_equals_mlstatkit(seed: int) -> None:
    labels, first, second = two_models(seed)
    _, p = MLstatkit.Delong_test(labels, first, second)[:2]
    assert statistics.delong(labels, first, second).p_value == pytest.approx(p, abs=1e-6)


def test_delong_of_a_hand_worked_example() -> None:
    """Two positives, two negatives: placements by hand give AUROC 0.75 and 1.0, variances 1/8 / 2 twice."""
    labels = [1, 1, 0, 0]
    aucs, covariance = statistics.delong_covariance(labels, [[0.9, 0.4, 0.6, 0.1], [0.9, 0.8, 0.2, 0.1]])
    assert aucs == pytest.approx([0.75, 1.0])
    assert covariance == pytest.approx(np.array([[0.125, 0.0], [0.0, 0.0]]))
    comparison = statistics.delong(labels, [0.9, 0.4, 0.6, 0.1], [0.9, 0.8, 0.2, 0.1])
    assert comparison.p_value == pytest.approx(2 * norm.sf(0.25 / np.sqrt(0.125)))


def test_a_model_compared_with_itself_does_not_differ() -> None:
    labels, scores, _ = two_models(3)
    comparison = statistics.delong(labels, scores, scores)
    assert comparison.difference.value == 0.0
    assert comparison.p_value == 1.0


def test_bootstrap_draws_whole_patients() -> None:
    patients = ["a", "a", "b", "c"]
    for draw in statistics.bootstrap_draws(patients, 50, seed=1):
        assert np.sum(draw == 0) == np.sum(draw == 1)


def test_delong_and_bootstrap_agree_on_a_clear_difference() -> None:
    labels, good, _ = two_models(5)
    poor = np.random.default_rng(6).random(len(labels))
    patients = [str(n) for n in range(len(labels))]
    by_draws = statistics.paired_bootstrap(
        lambda i: (metrics.auroc(labels[i], good[i]), metrics.auroc(labels[i], poor[i])), patients, repeats=300
    )
    by_ranks = statistics.delong(labels, good, poor)
    assert by_draws.p_value < 0.02
    assert by_ranks.p_value < 0.02
    assert by_draws.difference.low == pytest.approx(by_ranks.difference.low, abs=0.04)


def test_a_p_value_of_draws_is_never_zero() -> None:
    labels = np.arange(80) % 2
    perfect, inverted = labels.astype(float), -labels.astype(float)
    patients = [str(n) for n in range(80)]
    by_draws = statistics.paired_bootstrap(
        lambda i: (metrics.auroc(labels[i], perfect[i]), metrics.auroc(labels[i], inverted[i])), patients, repeats=199
    )
    assert by_draws.p_value == pytest.approx(2 * 1 / 200)  # (1 + k) / (1 + B), two sides
    at = statistics.auroc_difference_at(labels, perfect, inverted, patients, 0.95)
    assert at.p_value == pytest.approx(2 * 1 / 1001)


def test_errors_of_all_attempts_add_up_to_a_twentieth_and_the_tenth_is_stricter_than_the_first() -> None:
    errors = [1 - statistics.level_of_attempt(n) for n in range(1, 2000)]
    assert sum(errors) == pytest.approx(0.05, abs=5e-5) and sum(errors) < 0.05
    assert errors == sorted(errors, reverse=True)
    assert statistics.level_of_attempt(1) == pytest.approx(0.975)
    assert statistics.level_of_attempt(10) == pytest.approx(1 - 0.05 / 110)
    with pytest.raises(ValueError, match="counted from 1"):
        statistics.level_of_attempt(0)


def test_the_interval_of_any_level_is_that_of_the_paired_bootstrap() -> None:
    labels, first, second = two_models(2)
    patients = [str(n // 2) for n in range(len(labels))]
    plain = statistics.paired_bootstrap(
        lambda i: (metrics.auroc(labels[i], first[i]), metrics.auroc(labels[i], second[i])), patients, repeats=2000
    )
    at = statistics.auroc_difference_at(labels, first, second, patients, 0.95)
    assert (at.first, at.second) == pytest.approx((plain.first, plain.second))
    assert at.difference.value == pytest.approx(plain.difference.value)
    assert at.difference.low == pytest.approx(plain.difference.low, abs=0.01)
    assert at.difference.high == pytest.approx(plain.difference.high, abs=0.01)
    tenth = statistics.auroc_difference_at(labels, first, second, patients, statistics.level_of_attempt(10))
    assert tenth.difference.low < at.difference.low < at.difference.high < tenth.difference.high


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
