"""Curves of a model on a set of cases: ROC, precision-recall and net benefit, each with its bootstrap band."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mome_core.training.metrics import checked, roc_curve
from mome_core.training.resampling import Band, Draws, band

_Numbers = NDArray[np.float64]
RATES = np.linspace(0, 1, 101)  # places at which the bands of ROC and precision-recall curves are measured
THRESHOLDS = np.linspace(0.01, 0.99, 99)  # threshold probabilities of decision curves


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[_Numbers, _Numbers]:
    """(recall, precision), one point for each distinct score, from the highest score down; no point for no case."""
    positive, values = checked(labels, scores)
    order = np.argsort(-values, kind="stable")
    last_of_score = np.r_[np.nonzero(np.diff(values[order]))[0], len(values) - 1]
    hits = np.cumsum(positive[order])[last_of_score]
    return hits / positive.sum(), hits / (last_of_score + 1)


def roc_band(labels: NDArray[np.bool_], scores: _Numbers, draws: Draws) -> Band:
    """Sensitivity at each false-positive rate."""
    return band(lambda i: np.interp(RATES, *roc_curve(labels[i], scores[i])), RATES, len(labels), draws)


def roc_band_by_sensitivity(labels: NDArray[np.bool_], scores: _Numbers, draws: Draws) -> Band:
    """Specificity at each sensitivity: the band of the region where the sensitivity is high."""

    def specificity(indices: NDArray[np.int64]) -> _Numbers:
        rates, hits = roc_curve(labels[indices], scores[indices])
        return np.interp(1 - RATES, 1 - hits[::-1], 1 - rates[::-1])  # at a step, the higher specificity

    return band(specificity, RATES, len(labels), draws)


def precision_recall_band(labels: NDArray[np.bool_], scores: _Numbers, draws: Draws) -> Band:
    """Precision at each recall: that of the highest score which reaches it, without interpolation."""

    def precision(indices: NDArray[np.int64]) -> _Numbers:
        recall, values = precision_recall_curve(labels[indices], scores[indices])
        return values[np.searchsorted(recall, RATES - 1e-12)]

    return band(precision, RATES, len(labels), draws)


def _net_benefits(labels: ArrayLike, probabilities: ArrayLike, thresholds: _Numbers = THRESHOLDS) -> _Numbers:
    """Net benefit of acting above each threshold probability (Vickers and Elkin 2006)."""
    positive, called = _called(labels, probabilities, thresholds)
    hits, false_alarms = (called & positive[:, None]).sum(axis=0), (called & ~positive[:, None]).sum(axis=0)
    benefit: _Numbers = (hits - thresholds / (1 - thresholds) * false_alarms) / len(positive)
    return benefit


def _net_benefits_of_sparing(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: _Numbers = THRESHOLDS
) -> _Numbers:
    """Net benefit of doing nothing below each threshold probability, e.g. no biopsy (Rousson and Zumbrunn 2011)."""
    positive, called = _called(labels, probabilities, thresholds)
    spared, missed = (~called & ~positive[:, None]).sum(axis=0), (~called & positive[:, None]).sum(axis=0)
    benefit: _Numbers = (spared - (1 - thresholds) / thresholds * missed) / len(positive)
    return benefit


def decision_band(labels: NDArray[np.bool_], probabilities: _Numbers, draws: Draws) -> Band:
    """Net benefit at each threshold probability."""
    return band(lambda i: _net_benefits(labels[i], probabilities[i]), THRESHOLDS, len(labels), draws)


def sparing_band(labels: NDArray[np.bool_], probabilities: _Numbers, draws: Draws) -> Band:
    """Net benefit of doing nothing below each threshold probability."""
    return band(lambda i: _net_benefits_of_sparing(labels[i], probabilities[i]), THRESHOLDS, len(labels), draws)


def decision_difference(labels: NDArray[np.bool_], first: _Numbers, second: _Numbers, draws: Draws) -> Band:
    """Net benefit of one model minus another's on the same draws of patients."""
    return band(
        lambda i: _net_benefits(labels[i], first[i]) - _net_benefits(labels[i], second[i]),
        THRESHOLDS,
        len(labels),
        draws,
    )


def _called(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: _Numbers
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Labels (N,), and (N, thresholds) whether each case lies above each threshold."""
    return np.asarray(labels).astype(bool), np.asarray(probabilities, float)[:, None] > thresholds
