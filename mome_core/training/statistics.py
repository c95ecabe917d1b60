"""How sure we are of a figure: bootstrap over patients, and DeLong's test for two models on the same cases.

p-values of a bootstrap are (1 + k) / (1 + B): what was observed is one of the possible draws, so none of them is 0
(Davison and Hinkley 1997, section 4.2; Phipson and Smyth 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import checked

_Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the percentile interval of its bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def bootstrap_draws(patients: Sequence[str], repeats: int, seed: int) -> list[NDArray[np.int64]]:
    """Indices of the cases of each draw: as many patients as there are, with replacement, each with all its cases."""
    _, patient_of_case = np.unique(np.asarray(patients), return_inverse=True)
    cases_of = [np.nonzero(patient_of_case == p)[0] for p in range(patient_of_case.max() + 1)]
    rng = np.random.default_rng(seed)
    return [
        np.concatenate([cases_of[p] for p in rng.integers(len(cases_of), size=len(cases_of))]) for _ in range(repeats)
    ]


def bootstrap(
    measure: Callable[[NDArray[np.int64]], _Figures],
    patients: Sequence[str],
    *,
    repeats: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Each figure of `measure(indices of cases)` with its percentile interval over draws of patients."""
    whole = measure(np.arange(len(patients)))
    drawn = _drawn_figures(measure, patients, repeats, seed)
    return {name: interval_of(value, [figures[name] for figures in drawn], level) for name, value in whole.items()}


def _drawn_figures(
    measure: Callable[[NDArray[np.int64]], _Figures], patients: Sequence[str], repeats: int, seed: int
) -> list[_Figures]:
    """What each draw measures.

    Draws that hold one class only measure nothing and are left out; TrainingRefused when that is most of them.
    """
    drawn: list[_Figures] = []
    for indices in bootstrap_draws(patients, repeats, seed):
        try:
            drawn.append(measure(indices))
        except TrainingRefused:
            continue
    if len(drawn) < repeats / 2:
        raise TrainingRefused(f"only {len(drawn)} of {repeats} bootstrap draws hold both classes: too few cases")
    return drawn


def interval_of(value: float, drawn: ArrayLike, level: float = 0.95) -> Interval:
    """The percentile interval; NaN where no draw has a number."""
    numbers = np.asarray(drawn, float)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(finite, [50 * (1 - level), 50 * (1 + level)])
    return Interval(value, float(low), float(high))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same cases: their AUROCs, the difference with its interval, and a two-sided p-value."""

    first: float
    second: float
    difference: Interval
    p_value: float


def delong(labels: ArrayLike, first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Comparison:
    """DeLong's test (DeLong et al. 1988, by ranks as Sun and Xu 2014); cases must be independent (one a patient)."""
    aucs, covariance = delong_covariance(labels, [first, second])
    difference = float(aucs[0] - aucs[1])
    deviation = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    reach = float(norm.ppf(0.5 + level / 2)) * deviation
    p_value = float(2 * norm.sf(abs(difference) / deviation)) if deviation else float(difference == 0)
    interval = Interval(difference, difference - reach, difference + reach)
    return Comparison(float(aucs[0]), float(aucs[1]), interval, p_value)


def delong_covariance(
    labels: ArrayLike, scores: Sequence[ArrayLike]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUROC of each list of scores, and their covariance matrix."""
    parts = [_placements(*checked(labels, values)) for values in scores]
    of_positives = np.stack([p for p, _ in parts])
    of_negatives = np.stack([n for _, n in parts])
    covariance = np.cov(of_positives) / of_positives.shape[1] + np.cov(of_negatives) / of_negatives.shape[1]
    return of_positives.mean(axis=1), np.atleast_2d(covariance)


def _placements(
    positive: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of negatives below each positive case, and of positives above each negative one; ties count half."""
    ranks = rankdata(values)
    within_positives, within_negatives = rankdata(values[positive]), rankdata(values[~positive])
    negatives, positives = int((~positive).sum()), int(positive.sum())
    return (
        (ranks[positive] - within_positives) / negatives,
        1 - (ranks[~positive] - within_negatives) / positives,
    )


def paired_bootstrap(
    measure: Callable[[NDArray[np.int64]], tuple[float, float]],
    patients: Sequence[str],
    *,
    repeats: int = 1000,
    seed: int = 1,
) -> Comparison:
    """Two models by the same draws of patients; p-value as `two_sided_p` has it."""

    def figures(indices: NDArray[np.int64]) -> _Figures:
        first, second = measure(indices)
        return {"difference": first - second}

    first, second = measure(np.arange(len(patients)))
    differences = np.array([drawn["difference"] for drawn in _drawn_figures(figures, patients, repeats, seed)])
    return Comparison(first, second, interval_of(first - second, differences), two_sided_p(differences))


def two_sided_p(differences: ArrayLike) -> float:
    """p-value of no difference from B draws of one: 2 (1 + k) / (1 + B), k the rarer side of zero; never 0.

    The draw at hand counts as one of them (Davison and Hinkley 1997, 4.2.5). NaN where no draw can tell.
    """
    numbers = np.asarray(differences, float)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return float("nan")
    rarer = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + int(finite.size)))


_BEYOND = 20  # draws that lie beyond the end of an interval, so that the end is more than the luck of one draw
_MOST_DRAWS, _AT_ONCE = 500_000, 5_000


def level_of_attempt(attempt: int, error: float = 0.05) -> float:
    """Level of the interval at the n-th look at the same cases: its error is 0.05 / (n (n + 1)).

    The errors of all looks, however many there will be, add up to 0.05 (alpha spending: Foster and Stine 2008), so a
    candidate does not pass because enough of them were tried.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, got {attempt}")
    return 1 - error / (attempt * (attempt + 1))


def auroc_difference_at(
    labels: ArrayLike, first: ArrayLike, second: ArrayLike, patients: Sequence[str], level: float, *, seed: int = 1
) -> Comparison:
    """AUROC of two models on the same cases with an interval of any level, by as many draws of patients as that needs.

    Equal to `paired_bootstrap` over AUROCs but for the draws; half a million of them at most, beyond which the end of
    the interval is that of the farthest draws.
    """
    positive, one = checked(labels, first)
    _, other = checked(labels, second)
    repeats = int(np.clip(np.ceil(2 * _BEYOND / (1 - level)), 1000, _MOST_DRAWS))
    ranked = [_ranked(positive, values) for values in (one, other)]
    _, patient_of_case = np.unique(np.asarray(patients), return_inverse=True)
    rng, drawn = np.random.default_rng(seed), []
    count = int(patient_of_case.max()) + 1
    for begun in range(0, repeats, _AT_ONCE):
        size = min(_AT_ONCE, repeats - begun)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size)[:, patient_of_case].astype(float)
        pairs = weights[:, positive].sum(1) * weights[:, ~positive].sum(1)
        wins = ((weights[:, positive] @ (ranked[0] - ranked[1])) * weights[:, ~positive]).sum(1)
        drawn.append(wins[pairs > 0] / pairs[pairs > 0])
    differences = np.concatenate(drawn)
    if len(differences) < repeats / 2:
        raise TrainingRefused(f"only {len(differences)} of {repeats} bootstrap draws hold both classes: too few cases")
    aurocs = [float(each.mean()) for each in ranked]
    interval = interval_of(aurocs[0] - aurocs[1], differences, level)
    return Comparison(aurocs[0], aurocs[1], interval, two_sided_p(differences))


def _ranked(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(positives, negatives): 1 where the positive case scores higher, 0.5 where both score the same."""
    higher, lower = values[positive][:, None], values[~positive][None]
    return np.where(higher > lower, 1.0, np.where(higher == lower, 0.5, 0.0))
