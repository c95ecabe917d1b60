"""Figures and curves over draws of patients, and two models on the same draws."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import auroc
from mome_core.training.resampling import band, resample
from mome_core.training.statistics import bootstrap, bootstrap_draws, two_sided_p


def drawn(seed: int, cases: int = 60) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    labels = np.arange(cases) % 2 == 0
    return labels, rng.random(cases) + 0.5 * labels, [str(n // 2) for n in range(cases)]


def test_the_interval_is_that_of_the_plain_bootstrap() -> None:
    labels, scores, patients = drawn(1)
    found = resample(lambda i: {"auroc": auroc(labels[i], scores[i])}, 60, bootstrap_draws(patients, 200, seed=3))
    plain = bootstrap(lambda i: {"auroc": auroc(labels[i], scores[i])}, patients, repeats=200, seed=3)
    assert found.interval("auroc") == plain["auroc"]


def test_two_models_are_compared_draw_by_draw() -> None:
    _, scores, patients = drawn(2)
    draws = bootstrap_draws(patients, 200, seed=1)
    first = resample(lambda i: {"mean": scores[i].mean()}, 60, draws)
    shifted = resample(lambda i: {"mean": scores[i].mean() + 0.25}, 60, draws)
    found = shifted.against(first, "mean")
    assert (found.difference.value, found.difference.low, found.difference.high) == pytest.approx((0.25, 0.25, 0.25))
    assert found.p_value == pytest.approx(2 / 201)
    assert first.against(first, "mean").p_value == 1.0


def test_a_p_value_is_never_zero_and_never_above_one() -> None:
    assert two_sided_p(np.ones(999)) == pytest.approx(2 / 1000)
    assert two_sided_p([-1.0, 1.0, np.nan]) == 1.0
    assert np.isnan(two_sided_p([np.nan]))


def test_draws_of_one_class_are_left_out_and_too_many_of_them_are_refused() -> None:
    labels, scores = np.array([True, False]), np.array([0.9, 0.1])
    some = resample(lambda i: {"auroc": auroc(labels[i], scores[i])}, 2, [np.array([0, 1]), np.array([0])])
    assert some.drawn["auroc"].tolist()[:1] == [1.0] and np.isnan(some.drawn["auroc"][1])
    with pytest.raises(TrainingRefused, match="too few cases"):
        resample(lambda i: {"auroc": auroc(labels[i], scores[i])}, 2, [np.array([0]), np.array([1]), np.array([0, 1])])


def test_a_band_holds_its_curve_and_tells_its_numbers_to_scripts() -> None:
    values = np.random.default_rng(4).normal(size=(50, 3))
    draws = bootstrap_draws([str(n) for n in range(50)], 200, seed=1)
    found = band(lambda i: values[i].mean(axis=0), [0, 1, 2], 50, draws)
    assert (found.low < found.value).all() and (found.value < found.high).all()
    assert found.value == pytest.approx(values.mean(axis=0))
    assert set(found.to_json()) == {"x", "value", "low", "high"} and found.to_json()["x"] == [0.0, 1.0, 2.0]
