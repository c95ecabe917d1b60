"""From log odds to probabilities that mean what they say, and to an operating point; both from validation cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mome_core.training.metrics import checked, roc_curve
from mome_core.training.predict import probabilities

_LARGEST_FACTOR = 20.0


def fit_temperature(labels: NDArray[np.bool_], log_odds: NDArray[np.float64]) -> float:
    """The temperature with the smallest cross-entropy (Guo et al. 2017), between 1/20 and 20.

    1 where the log odds part the classes: there the cross-entropy falls without limit, and surer is not truer.
    """
    positive, logits = checked(labels, log_odds)
    if logits[~positive].max() < 0.0 < logits[positive].min():
        return 1.0
    signs = np.where(positive, -1.0, 1.0)

    def cross_entropy(log_temperature: float) -> float:
        return float(np.mean(np.logaddexp(0.0, signs * logits * np.exp(-log_temperature))))

    limit = np.log(_LARGEST_FACTOR)
    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-limit, limit), method="bounded").x))


def youden_threshold(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Operating point with the largest sensitivity + specificity (Youden 1950), in the middle of its gap of scores.

    Where several gaps are equally good, the widest.
    """
    rates, hits = roc_curve(labels, scores)
    levels = np.r_[1.0, np.unique(scores)[::-1], 0.0]  # point i calls positive the scores >= levels[i]
    gain = hits - rates
    best = np.nonzero(gain >= gain.max() - 1e-12)[0]
    widths = levels[best] - levels[best + 1]
    widest = best[int(np.argmax(widths))]
    return float((levels[widest] + levels[widest + 1]) / 2)


def calibrated(labels: NDArray[np.bool_], log_odds: NDArray[np.float64]) -> tuple[float, float]:
    """(threshold, temperature) of one endpoint."""
    temperature = fit_temperature(labels, log_odds)
    return youden_threshold(labels, probabilities(log_odds, temperature)), temperature
