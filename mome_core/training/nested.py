"""Cross-validation that flatters nobody: each outer fold is scored once, by a model that chose without it.

Figures are given as the paper gives them, mean and standard deviation over the folds. Folds share most of their
training cases, so their figures are not independent: the interval of the mean is that of Nadeau and Bengio (2003).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mome_core.training.metrics import all_metrics
from mome_core.training.statistics import Interval, bootstrap

_WITHOUT_THRESHOLD = ("auroc", "auprc", "partial_auroc_specificity_90", "partial_auroc_sensitivity_90", "brier", "ece")


@dataclass(frozen=True, slots=True, eq=False)
class FoldScores:
    """One outer fold, scored by the model that saw none of it.

    Parameters
    ----------
    probability
        Calibrated by that model's own validation cases.
    threshold
        That model's own operating point.
    training_cases
        That gave its weights, without those that chose.
    """

    truth: NDArray[np.bool_]
    probability: NDArray[np.float64]
    patients: tuple[str, ...]
    threshold: float
    training_cases: int

    def figures(self) -> dict[str, float]:
        """Every figure of this fold alone."""
        return all_metrics(self.truth, self.probability, self.threshold)


@dataclass(frozen=True, slots=True)
class FoldMean:
    """A figure over the folds.

    Parameters
    ----------
    sd
        Standard deviation of the folds, with n - 1.
    low, high
        95 % interval of the mean, wide enough for folds that share training cases.
    """

    mean: float
    sd: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} +- {self.sd:.3f}"


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What a protocol is worth, from its outer folds.

    Parameters
    ----------
    cases
        In all folds.
    folds
        Every figure of each fold.
    mean
        Over the folds, by figure.
    pooled
        Over all cases together, each after the calibration of its own fold; their intervals are over patients and know
        nothing of training anew.
    """

    cases: int
    folds: tuple[Mapping[str, float], ...]
    mean: Mapping[str, FoldMean]
    pooled: Mapping[str, Interval]


def cross_validated(folds: Sequence[FoldScores], *, repeats: int = 1000) -> CrossValidation:
    """Figures of each fold, over the folds, and over all cases; thresholds differ, so none of the pooled needs one."""
    by_fold = tuple(fold.figures() for fold in folds)
    shares = sum(len(fold.truth) / fold.training_cases for fold in folds) / len(folds)
    mean = {name: _mean_of([figures[name] for figures in by_fold], shares) for name in by_fold[0]}
    truth = np.concatenate([fold.truth for fold in folds])
    scores = np.concatenate([fold.probability for fold in folds])

    def pooled_figures(indices: NDArray[np.int64]) -> dict[str, float]:
        figures = all_metrics(truth[indices], scores[indices], 0.5)
        return {name: figures[name] for name in _WITHOUT_THRESHOLD}

    pooled = bootstrap(pooled_figures, [patient for fold in folds for patient in fold.patients], repeats=repeats)
    return CrossValidation(len(truth), by_fold, mean, pooled)


def _mean_of(values: Sequence[float], test_share: float) -> FoldMean:
    """Mean and SD of the folds that have the figure, with the corrected resampled t interval.

    Parameters
    ----------
    test_share
        Cases of a fold over those that its model was trained on, by which the variance of the mean is too small.
    """
    known = np.array([value for value in values if np.isfinite(value)])
    if known.size < 2:
        only = float(known[0]) if known.size else float("nan")
        return FoldMean(only, float("nan"), float("nan"), float("nan"))
    sd = float(known.std(ddof=1))
    reach = float(student.ppf(0.975, known.size - 1)) * sd * float(np.sqrt(1 / known.size + test_share))
    return FoldMean(float(known.mean()), sd, float(known.mean()) - reach, float(known.mean()) + reach)
