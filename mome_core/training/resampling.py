"""Figures and curves over draws of patients, each with its interval, and differences of models on the same draws.

A figure is measured once on all cases and once on every draw; two models measured on the same draws are compared draw
by draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.training.errors import TrainingRefused
from mome_core.training.statistics import Comparison, Interval, interval_of, two_sided_p

Draws = Sequence[NDArray[np.int64]]
_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Figures of all cases, and of each draw of patients.

    Parameters
    ----------
    value
        By name; NaN where it cannot be measured.
    drawn
        By name, one number for each draw; NaN where a draw cannot tell.
    """

    value: Mapping[str, float]
    drawn: Mapping[str, _Numbers]

    def interval(self, name: str) -> Interval:
        """The figure with the 95 % percentile interval of its draws."""
        return interval_of(self.value[name], self.drawn[name])

    def intervals(self) -> dict[str, Interval]:
        """Every figure with its interval."""
        return {name: self.interval(name) for name in self.value}

    def against(self, other: Resampled, name: str) -> Comparison:
        """This model's figure minus another's, from the same draws; two-sided p-value of no difference."""
        differences = self.drawn[name] - other.drawn[name]
        first, second = self.value[name], other.value[name]
        return Comparison(first, second, interval_of(first - second, differences), two_sided_p(differences))


def resample(measure: Callable[[NDArray[np.int64]], Mapping[str, float]], cases: int, draws: Draws) -> Resampled:
    """What `measure(indices of cases)` gives for all cases and for every draw.

    A draw that `measure` refuses (one class only) is NaN; TrainingRefused when that is most of them.
    """
    value = measure(np.arange(cases))
    drawn = {name: np.full(len(draws), np.nan) for name in value}
    refused = 0
    for number, indices in enumerate(draws):
        try:
            measured = measure(indices)
        except TrainingRefused:
            refused += 1
            continue
        for name, numbers in drawn.items():
            numbers[number] = measured[name]
    if refused > len(draws) / 2:
        kept = len(draws) - refused
        raise TrainingRefused(f"only {kept} of {len(draws)} bootstrap draws hold both classes: too few cases")
    return Resampled(value, drawn)


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A curve at fixed places with its pointwise 95 % interval over draws of patients."""

    x: _Numbers
    value: _Numbers
    low: _Numbers
    high: _Numbers

    def to_json(self) -> dict[str, list[float]]:
        """Plain values, rounded to 1e-6."""
        return {name: [round(float(n), 6) for n in getattr(self, name)] for name in ("x", "value", "low", "high")}


def band(
    curve: Callable[[NDArray[np.int64]], _Numbers], x: Sequence[float] | _Numbers, cases: int, draws: Draws
) -> Band:
    """What `curve(indices of cases)` gives at each place of x, with its interval over the draws of both classes."""
    whole = curve(np.arange(cases))
    drawn = []
    for indices in draws:
        try:
            drawn.append(curve(indices))
        except TrainingRefused:
            continue
    low, high = np.nanpercentile(np.array(drawn), (2.5, 97.5), axis=0) if drawn else (whole * np.nan, whole * np.nan)
    return Band(np.asarray(x, float), whole, low, high)
