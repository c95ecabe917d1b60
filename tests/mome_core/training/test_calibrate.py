"""Calibration of one coalition: what it states holds for new cases, though chosen and measured on the same ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binomtest, norm
from sklearn.linear_model import LogisticRegression

from mome_core.calibration import Calibration, WithheldCode
from mome_core.case import Modality
from mome_core.estimator import Estimator
from mome_core.training.calibrate import (
    CalibrationPlan,
    auroc_interval,
    calibrated,
    clopper_pearson,
    fit_platt,
    one_of_each_patient,
    operating_threshold,
)
from mome_core.training.errors import TrainingRefused

T2 = frozenset((Modality.T2,))
SHIFT = 2.5  # distance of the classes in standard deviations: AUROC 0.96


def drawn(rng: np.random.Generator, positives: int, negatives: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels, and log odds of a network that is far too sure."""
    labels = np.r_[np.ones(positives, bool), np.zeros(negatives, bool)]
    return labels, 3 * (rng.normal(size=len(labels)) + SHIFT * labels - 1)


def of(labels: NDArray[np.bool_], log_odds: NDArray[np.float64], **more: float) -> Calibration:
    return calibrated(T2, labels, log_odds, base_rate=float(labels.mean()), **more)


def test_slope_and_intercept_are_those_of_a_logistic_regression_on_many_cases() -> None:
    labels, log_odds = drawn(np.random.default_rng(1), 2000, 3000)
    slope, intercept = fit_platt(labels, log_odds)
    theirs = LogisticRegression(C=1e9).fit(log_odds[:, None], labels)
    assert slope == pytest.approx(theirs.coef_[0, 0], rel=0.01)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=0.02)
    assert expit(slope * log_odds + intercept).mean() == pytest.approx(labels.mean(), abs=0.002)


def test_classes_that_part_keep_a_finite_slope_and_reversed_ones_give_the_prevalence() -> None:
    labels = np.arange(40) % 2 == 1
    slope, _ = fit_platt(labels, np.where(labels, 2.0, -2.0))
    assert 0.5 < slope < 5
    slope, intercept = fit_platt(labels, np.where(labels, -2.0, 2.0))
    assert (slope, expit(intercept)) == (0.0, pytest.approx(0.5))


@pytest.mark.parametrize(("count", "of_"), [(0, 10), (10, 10), (195, 200)])
def test_bounds_of_a_share_are_those_of_scipy(count: int, of_: int) -> None:
    found, theirs = clopper_pearson(count, of_), binomtest(count, of_).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_the_threshold_lies_just_below_a_positive_case_that_the_target_allows() -> None:
    positives = np.linspace(0.1, 0.9, 200)
    threshold = operating_threshold(positives, 0.95)
    called = int((positives > threshold).sum())
    assert clopper_pearson(called, 200).low >= 0.95 > clopper_pearson(called - 1, 200).low
    assert operating_threshold(positives[:30], 0.95) == np.nextafter(0.1, 0), (
        "30 cases cannot prove 95 %: all are called"
    )


def test_what_is_stated_of_an_operating_point_holds_for_new_cases_in_95_of_100_simulations() -> None:
    rng, met = np.random.default_rng(7), []
    for _ in range(200):
        labels, log_odds = drawn(rng, 150, 120)
        found = of(labels, log_odds)
        assert found.validation is not None and found.withheld is None
        at = (np.log(found.threshold / (1 - found.threshold)) - found.intercept) / found.slope / 3 + 1
        sensitivity, specificity = norm.sf(at - SHIFT), norm.cdf(at)  # of the population that the cases come from
        validation = found.validation
        met.append((
            sensitivity >= validation.target_sensitivity,
            validation.sensitivity.low <= sensitivity,
            validation.specificity.low <= specificity,
        ))  # fmt: skip
    reached, bounded, specific = np.mean(met, axis=0)
    assert reached >= 0.95, "the target sensitivity is reached"
    assert bounded >= 0.95 and specific >= 0.95, "the stated lower bounds hold"


def test_the_interval_of_an_auroc_covers_it_and_does_not_collapse_where_the_classes_part() -> None:
    rng, true = np.random.default_rng(3), float(norm.cdf(SHIFT / np.sqrt(2)))
    intervals = [auroc_interval(*drawn(rng, 40, 40)) for _ in range(300)]
    assert np.mean([each.low <= true <= each.high for each in intervals]) >= 0.93
    parted = auroc_interval(np.arange(40) % 2 == 1, np.arange(40) % 2.0)
    assert parted.value == parted.high == 1.0 and 0.8 < parted.low < 0.95


def test_a_coalition_that_does_not_tell_the_classes_apart_gives_no_call() -> None:
    labels, log_odds = drawn(np.random.default_rng(5), 60, 60)
    noise = np.random.default_rng(6).permutation(log_odds)
    assert of(labels, noise).withheld is WithheldCode.NOT_TOLD_APART
    assert of(labels, -log_odds).withheld is WithheldCode.NOT_TOLD_APART


def test_too_few_cases_give_no_call_and_none_of_a_class_gives_the_base_rate() -> None:
    labels, log_odds = drawn(np.random.default_rng(5), 19, 60)
    assert of(labels, log_odds).withheld is WithheldCode.TOO_FEW_CASES
    none = calibrated(T2, labels[:10], log_odds[:10], base_rate=0.3)
    assert (none.withheld, none.validation) == (WithheldCode.TOO_FEW_CASES, None)
    assert none.probability(9.0) == pytest.approx(0.3)


def test_a_patient_counts_once_in_each_class() -> None:
    chosen = one_of_each_patient(["a", "a", "b", "a"], np.array([True, True, False, False]))
    assert chosen.tolist() == [0, 2, 3]


def test_a_plan_without_estimators_or_with_an_impossible_target_is_refused() -> None:
    for wrong in ({"estimators": ()}, {"estimators": (Estimator(), Estimator())}, {"target_sensitivity": 1.0}):
        with pytest.raises(TrainingRefused):
            CalibrationPlan(**wrong)
