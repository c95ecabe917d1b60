"""From log odds of validation cases to a calibration: probability, operating point, and what both are worth.

Nothing here claims more than holds although everything is chosen and measured on the same cases. The threshold is the
score of the k-th lowest positive case, where k follows from the number of positive cases and the target alone; so the
Clopper-Pearson bound of the sensitivity counted at it is at once the distribution-free tolerance bound for new cases
(Wilks 1941). Negative cases take no part in the choice, so their count at the threshold is binomial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit
from scipy.stats import beta, norm

from mome_core.calibration import (
    FEWEST_CASES,
    LEAST_AUROC,
    AurocInterval,
    Calibration,
    Coalition,
    Proportion,
    Validation,
    WithheldCode,
    evenly,
    sigmoid,
)
from mome_core.estimator import Estimator
from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import auroc, checked

TARGET_SENSITIVITY = 0.95
_LEVEL = 0.95  # of every interval, two-sided: a bound alone holds with 97.5 %
_MOST_SCORES = 2000  # kept of a coalition
_LARGEST_SLOPE = 20.0

_Truth = NDArray[np.bool_]
_LogOdds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """What is calibrated.

    Parameters
    ----------
    estimators
        The first one is the bundle's default; a node may be set to any of them.
    target_sensitivity
        That the operating points are to reach with 97.5 % confidence.
    """

    estimators: tuple[Estimator, ...] = (Estimator(),)
    target_sensitivity: float = TARGET_SENSITIVITY

    def __post_init__(self) -> None:
        if not self.estimators or len(set(self.estimators)) < len(self.estimators):
            raise TrainingRefused("a bundle is calibrated with one or more distinct estimators")
        if not 0.5 <= self.target_sensitivity < 1.0:
            raise TrainingRefused(f"a target sensitivity lies between 0.5 and 1, got {self.target_sensitivity}")


def calibrated(
    coalition: Coalition, positive: _Truth, log_odds: _LogOdds, *, base_rate: float, target: float = TARGET_SENSITIVITY
) -> Calibration:
    """The calibration of one coalition, from the estimator's log odds of independent cases.

    Without cases of both classes every probability is the base rate, and no call is given.
    """
    if not positive.any() or positive.all():
        intercept = float(np.log(base_rate) - np.log1p(-base_rate))
        return Calibration(coalition, 0.0, intercept, 0.5, None, WithheldCode.TOO_FEW_CASES)
    slope, intercept = fit_platt(positive, log_odds)
    probability = np.array([sigmoid(slope * each + intercept) for each in log_odds.tolist()])  # to the node's last bit
    threshold = operating_threshold(probability[positive], target)
    validation = _validated(positive, log_odds, probability, threshold, target)
    return Calibration(coalition, slope, intercept, threshold, validation, _withheld(validation))


def _validated(
    positive: _Truth, log_odds: _LogOdds, probability: _LogOdds, threshold: float, target: float
) -> Validation:
    """What the cases show of the threshold; the ranking is that of the log odds, which a slope of 0 would lose."""
    called = probability > threshold
    share = _MOST_SCORES / len(positive)
    return Validation(
        target_sensitivity=target,
        sensitivity=clopper_pearson(int(called[positive].sum()), int(positive.sum())),
        specificity=clopper_pearson(int((~called[~positive]).sum()), int((~positive).sum())),
        auroc=auroc_interval(positive, log_odds),
        positives=evenly(probability[positive].tolist(), share),
        negatives=evenly(probability[~positive].tolist(), share),
    )


def _withheld(validation: Validation) -> WithheldCode | None:
    """Why these cases allow no call; None where they do."""
    if min(validation.sensitivity.of, validation.specificity.of) < FEWEST_CASES:
        return WithheldCode.TOO_FEW_CASES
    return WithheldCode.NOT_TOLD_APART if validation.auroc.low < LEAST_AUROC else None


def fit_platt(positive: _Truth, log_odds: _LogOdds) -> tuple[float, float]:
    """Slope and intercept with the smallest cross-entropy against Platt's smoothed targets (Platt 1999; Lin 2007).

    The smoothing keeps the slope finite where the log odds part the classes. A slope below 0 would turn the network's
    answer around; then every probability is the prevalence.
    """
    labels, logits = checked(positive, log_odds)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def cross_entropy(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        read = parameters[0] * logits + parameters[1]
        residual = expit(read) - targets
        loss = np.mean(np.logaddexp(0.0, read) - targets * read)
        return float(loss), np.array([np.mean(residual * logits), np.mean(residual)])

    prior = float(np.log((positives + 1) / (negatives + 1)))
    found = minimize(
        cross_entropy, np.array([1.0, prior]), jac=True, method="L-BFGS-B", bounds=[(0.0, _LARGEST_SLOPE), (None, None)]
    )
    return float(found.x[0]), float(found.x[1])


def operating_threshold(positives: _LogOdds, target: float) -> float:
    """The highest threshold that reaches the target sensitivity on new cases with 97.5 % confidence.

    Just below the score of a positive case, so that it is called. With too few positive cases to prove the target
    (fewer than 72 for 95 %) every one of them is called, and the stated bound is what their number can prove.
    """
    count = len(positives)
    missed = [k for k in range(count) if clopper_pearson(count - k, count).low >= target]
    lowest = np.sort(positives)[max(missed, default=0)]
    return float(np.nextafter(lowest, 0.0))


def clopper_pearson(count: int, of: int) -> Proportion:
    """A share with its exact 95 % interval (Clopper and Pearson 1934)."""
    tail = (1 - _LEVEL) / 2
    low = float(beta.ppf(tail, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, of - count)) if count < of else 1.0
    return Proportion(count, of, low, high)


def auroc_interval(positive: _Truth, scores: _LogOdds) -> AurocInterval:
    """AUROC with a score interval (Newcombe 2006, method 5), which does not collapse where the classes part."""
    value = auroc(positive, scores)
    positives, negatives = int(positive.sum()), int((~positive).sum())
    reach = float(norm.ppf(0.5 + _LEVEL / 2)) ** 2
    half = (positives + negatives) / 2 - 1

    def distance(area: float) -> float:
        spread = 1 + half * ((1 - area) / (2 - area) + area / (1 + area))
        return (value - area) ** 2 - reach * area * (1 - area) * spread / (positives * negatives)

    low = brentq(distance, 0.0, min(value, 1 - 1e-9)) if value > 0 else 0.0
    high = brentq(distance, max(value, 1e-9), 1.0) if value < 1 else 1.0
    return AurocInterval(value, float(low), float(high))


def one_of_each_patient(patients: Sequence[str], positive: _Truth) -> NDArray[np.int64]:
    """Indices of the cases that are counted: of each patient the first of each class, for counts need independence."""
    first: dict[tuple[str, bool], int] = {}
    for n, key in enumerate(zip(patients, positive.tolist(), strict=True)):
        first.setdefault(key, n)
    return np.array(sorted(first.values()), dtype=np.int64)
