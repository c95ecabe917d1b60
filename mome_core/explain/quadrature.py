"""Where along the path from baseline to input the gradient is taken, and how much each place counts.

A network with convolutions, rectifiers and maximum pooling answers along such a path with long plateaus and short
steep stretches, so nodes spread over the whole path miss what happens (`docs/explanation.md` shows how badly). The rule
is the trapezoid between nodes that stand closer where the answer bends. What the stretch between two nodes adds up to
is known exactly, as the difference of the answers at both, so every stretch knows its own miss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]
Pool = Callable[[_Array], float]
"""From the log odds of several versions to those of all together."""

_SMALLEST_SHARE = 1e-12
"""Where a logarithmic path begins: a volume scaled by less is lost in the tokenizer's epsilon (docs/explanation.md)."""


class Spacing(StrEnum):
    """What places are even in: the share a of the way from baseline to input, or its logarithm."""

    EVEN = "even"
    LOGARITHMIC = "logarithmic"

    def share(self, place: float) -> float:
        """The share a that belongs to a place in [0, 1]; place 0 is the baseline itself for both."""
        return place if self is Spacing.EVEN else float(_SMALLEST_SHARE ** (1 - place)) if place else 0.0

    def slope(self, place: float) -> float:
        """d share / d place."""
        return 1.0 if self is Spacing.EVEN else -float(np.log(_SMALLEST_SHARE)) * self.share(place)


@dataclass(frozen=True, slots=True)
class AttributionLimits:
    """How exact an attribution has to be, and what it may cost.

    Parameters
    ----------
    completeness_error
        What the misses of all stretches may add up to, as a share of the change to be explained; signs cancel.
    absolute_error
        The same without signs: what the map may be off by, however well its sum agrees.
    least_change
        Log odds; errors of a smaller change are shares of this: where input and baseline are answered almost alike
        there is hardly anything to explain, and a ratio to it would say nothing of the map. 1 % of 0.4 log odds moves
        no probability by more than 0.1 point, the last digit that is printed of any.
    first_stretches
        Into how many even parts a path is cut before any is halved.
    narrowest_stretch
        No stretch gets narrower than this share of the path; so one jump cannot cost all gradients.
    max_gradients
        Of one walk along the path of one version.
    doublings
        How often a path is walked anew because it misses too much, each time with twice the gradients and down to
        stretches half as narrow; only where that can be expected to do.
    memory_gib
        Memory of one pass, activations and gradients; as many versions are walked side by side as fit, and where one
        does not fit the activations are computed again in the backward pass instead of being kept.
    """

    completeness_error: float = 0.008
    absolute_error: float = 0.05
    least_change: float = 0.4
    first_stretches: int = 8
    narrowest_stretch: float = 1 / 512
    max_gradients: int = 64
    doublings: int = 2
    memory_gib: float = 4.0

    def __post_init__(self) -> None:
        if not 1 <= self.first_stretches < self.max_gradients:
            raise ValueError(f"{self.max_gradients} gradients do not do for {self.first_stretches} stretches")
        errors = (self.completeness_error, self.absolute_error, self.least_change)
        if not min(*errors, self.narrowest_stretch, self.memory_gib) > 0:
            raise ValueError("the limits of errors, change, width and memory are positive")
        if self.doublings < 0:
            raise ValueError(f"a path is walked anew no time or more, got {self.doublings}")

    def doubled(self) -> AttributionLimits:
        """For another walk along the same path, the dearer one."""
        return replace(
            self,
            max_gradients=2 * self.max_gradients,
            narrowest_stretch=self.narrowest_stretch / 2,
            doublings=self.doublings - 1,
        )


DEFAULT_LIMITS = AttributionLimits()


def change_to_explain(starts_KE: _Array, ends_KE: _Array, pool: Pool = np.mean) -> _Array:
    """(E,) what the misses of each of K paths are measured by: the change of their pooled answer, which is shown."""
    pairs = zip(starts_KE.T, ends_KE.T, strict=True)
    return np.array([abs(pool(ends_K) - pool(starts_K)) for starts_K, ends_K in pairs])


class Tolerance:
    """What the stretches of one path may still miss, for each of E answers; they are settled from baseline to input.

    A stretch may miss its part of what is left without signs: its part of the way or of the change, whichever is more.
    What a stretch leaves the later ones may use. With signs the sum stays below the limit at every place. What had to
    be settled although it misses more (a jump) is counted apart: it would eat every gradient and gain nothing.

    Parameters
    ----------
    change_E
        What the limits are shares of: how much the answers change that are to be explained.
    high_E
        The answers at the end of the path.
    """

    def __init__(self, change_E: _Array, high_E: _Array, limits: AttributionLimits) -> None:
        self.high = high_E
        at_least_E = np.maximum(change_E, limits.least_change)
        self.signed = limits.completeness_error * at_least_E
        self.left = limits.absolute_error * at_least_E
        self.within = np.zeros_like(change_E)  # the misses that were allowed, with signs
        self.missed, self.absolutely_missed = np.zeros_like(change_E), np.zeros_like(change_E)

    @property
    def excess(self) -> float:
        """How many times what it may miss, with signs, a settled path misses."""
        return float(np.max(np.abs(self.missed) / self.signed))

    def allows(self, miss_E: _Array, width: float, way_left: float, low_E: _Array, high_E: _Array) -> bool:
        """Whether a stretch between answers `low_E` and `high_E` may be settled with this miss."""
        change_E, rest_E = np.abs(high_E - low_E), np.abs(self.high - high_E)
        share_E = np.maximum(width / way_left, change_E / np.maximum(change_E + rest_E, np.finfo(float).tiny))
        enough_E = (np.abs(miss_E) <= self.left * share_E) & (np.abs(self.within + miss_E) <= self.signed)
        return bool(enough_E.all())

    def settle(self, miss_E: _Array, *, allowed: bool = True) -> None:
        """Count a stretch's miss, and take it from what is left if it was allowed."""
        self.missed = self.missed + miss_E
        self.absolutely_missed = self.absolutely_missed + np.abs(miss_E)
        if allowed:
            self.within = self.within + miss_E
            self.left = np.maximum(0.0, self.left - np.abs(miss_E))
