"""How good scores are, from labels (0 or 1) and scores; ties count half, by ranks (Hanley and McNeil 1982).

Our own, because `evaluate` and promotion run without the extra `train`, which alone brings scikit-learn, and because
each figure is measured in 1,000 bootstrap draws. test_metrics.py holds every figure to scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from mome_core.training.errors import TrainingRefused

_Numbers = NDArray[np.float64]
_OF_CALLS = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "mcc")
_ABBREVIATIONS = frozenset(("auroc", "auprc", "ppv", "npv", "f1", "mcc", "ece"))


@dataclass(frozen=True, slots=True)
class _Confusion:
    """Cases by truth and answer; a ratio without cases is NaN."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def sensitivity(self) -> float:
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def ppv(self) -> float:
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def npv(self) -> float:
        return _ratio(self.true_negative, self.true_negative + self.false_negative)

    @property
    def accuracy(self) -> float:
        right = self.true_positive + self.true_negative
        return _ratio(right, right + self.false_positive + self.false_negative)

    @property
    def f1(self) -> float:
        wrong = self.false_positive + self.false_negative
        return _ratio(2 * self.true_positive, 2 * self.true_positive + wrong)

    @property
    def mcc(self) -> float:
        """Matthews correlation coefficient; 0 where a row or column is empty, as scikit-learn has it."""
        tp, fp, tn, fn = self.true_positive, self.false_positive, self.true_negative, self.false_negative
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return (tp * tn - fp * fn) / float(product) ** 0.5 if product else 0.0


def _counted(labels: ArrayLike, called: ArrayLike) -> _Confusion:
    """Counts of cases that were called positive or not."""
    positive, yes = np.asarray(labels).astype(bool), np.asarray(called).astype(bool)
    return _Confusion(
        int((positive & yes).sum()),
        int((~positive & yes).sum()),
        int((~positive & ~yes).sum()),
        int((positive & ~yes).sum()),
    )


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a positive case scores higher than a negative one; TrainingRefused for one class only."""
    positive, values = checked(labels, scores)
    positives, negatives = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(values)[positive].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[_Numbers, _Numbers]:
    """(false-positive rates, true-positive rates) from (0, 0) to (1, 1), one point for each distinct score."""
    positive, values = checked(labels, scores)
    order = np.argsort(-values, kind="stable")
    last_of_score = np.r_[np.nonzero(np.diff(values[order]))[0], len(values) - 1]
    hits = np.cumsum(positive[order])[last_of_score]
    false_alarms = last_of_score + 1 - hits
    return np.r_[0.0, false_alarms / (~positive).sum()], np.r_[0.0, hits / positive.sum()]


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the precision-recall steps (AUPRC, without interpolation)."""
    positive, values = checked(labels, scores)
    order = np.argsort(-values, kind="stable")
    last_of_score = np.r_[np.nonzero(np.diff(values[order]))[0], len(values) - 1]
    hits = np.cumsum(positive[order])[last_of_score]
    return float(np.sum(np.diff(np.r_[0, hits]) * hits / (last_of_score + 1)) / positive.sum())


def partial_auroc(labels: ArrayLike, scores: ArrayLike, *, min_specificity: float = 0.9) -> float:
    """Area under the ROC where the specificity is at least this, scaled so that chance is 0.5 (McClish 1989)."""
    rates, hits = roc_curve(labels, scores)
    limit = 1 - min_specificity
    inside = rates <= limit
    x = np.r_[rates[inside], limit]
    y = np.r_[hits[inside], np.interp(limit, rates, hits)]
    area = np.trapezoid(y, x)
    chance = limit**2 / 2
    return float(0.5 * (1 + (area - chance) / (limit - chance)))


def partial_auroc_at_sensitivity(labels: ArrayLike, scores: ArrayLike, *, min_sensitivity: float = 0.9) -> float:
    """Area under the ROC where the sensitivity is at least this: partial_auroc with the classes exchanged."""
    positive, values = checked(labels, scores)
    return partial_auroc(~positive, -values, min_specificity=min_sensitivity)


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance between probability and truth."""
    return float(np.mean((np.asarray(probabilities, float) - np.asarray(labels, float)) ** 2))


@dataclass(frozen=True, slots=True, eq=False)
class _Reliability:
    """Mean probability and observed frequency in bins of equal width; empty bins are left out."""

    probability: _Numbers
    frequency: _Numbers
    count: NDArray[np.int64]


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> _Reliability:
    """Reliability curve over [0, 1]."""
    truth, values = np.asarray(labels, float), np.asarray(probabilities, float)
    which = np.clip((values * bins).astype(int), 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    filled = count > 0
    sums = [np.bincount(which, weights, minlength=bins)[filled] / count[filled] for weights in (values, truth)]
    return _Reliability(sums[0], sums[1], count[filled])


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> float:
    """Mean distance between probability and frequency over the bins, weighted by cases (Naeini et al. 2015)."""
    curve = reliability(labels, probabilities, bins)
    return float(np.average(np.abs(curve.probability - curve.frequency), weights=curve.count))


def all_metrics(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> dict[str, float]:
    """Every figure of an evaluation by name, at one operating point."""
    return {
        "auroc": auroc(labels, probabilities),
        "auprc": average_precision(labels, probabilities),
        "partial_auroc_specificity_90": partial_auroc(labels, probabilities),
        "partial_auroc_sensitivity_90": partial_auroc_at_sensitivity(labels, probabilities),
        **call_metrics(labels, np.asarray(probabilities) > threshold),
        "brier": brier(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
    }


def call_metrics(labels: ArrayLike, called: ArrayLike) -> dict[str, float]:
    """The figures of yes-or-no answers by name: of a model at its operating point, or of a reader."""
    counts = _counted(labels, called)
    return {name: float(getattr(counts, name)) for name in _OF_CALLS}


def spelled(name: str) -> str:
    """A figure's name as people write it."""
    words = name.split("_")
    return " ".join(word.upper() if word in _ABBREVIATIONS else word for word in words)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Labels as truth values and scores as numbers; TrainingRefused where no ranking can be measured."""
    positive, values = np.asarray(labels).astype(bool), np.asarray(scores, float)
    if positive.shape != values.shape or positive.ndim != 1:
        raise ValueError(f"labels {positive.shape} and scores {values.shape} are not two lists of one length")
    if not np.isfinite(values).all():
        raise TrainingRefused("a score is not a finite number")
    if positive.all() or not positive.any():
        known = "positive" if positive.size and positive.all() else "negative" if positive.size else "present"
        raise TrainingRefused(f"all {positive.size} cases are {known}: an AUROC needs cases of both classes")
    return positive, values
