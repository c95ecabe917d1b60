"""Where along the path from baseline to input the gradient is taken, and how much each place counts.

A network with convolutions, rectifiers and maximum pooling answers along such a path with long plateaus and short
steep stretches, so nodes spread over the whole path miss what happens (`docs/explanation.md` shows how badly). The path
is therefore cut into panels with few Gauss-Legendre nodes each. What a panel's attributions should add up to is known
without any gradient, as the answer at its end less that at its beginning, so each panel knows its own error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

_SMALLEST_SHARE = 1e-12
"""Where a logarithmic path begins: a volume scaled by less is lost in the tokenizer's epsilon (docs/explanation.md)."""


class Spacing(StrEnum):
    """What panels are halved in: the share a of the way from baseline to input, or its logarithm."""

    EVEN = "even"
    LOGARITHMIC = "logarithmic"

    def share(self, place: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """The share a that belongs to a place in [0, 1]; place 0 is the baseline itself for both."""
        places = np.asarray(place, dtype=np.float64)
        if self is Spacing.EVEN:
            return places
        return np.where(places == 0, 0.0, _SMALLEST_SHARE ** (1 - places))

    def slope(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """d share / d place."""
        return np.ones_like(places) if self is Spacing.EVEN else -np.log(_SMALLEST_SHARE) * self.share(places)


@dataclass(frozen=True, slots=True, eq=False)
class QuadratureRule:
    """Shares a_k in [0, 1] of the way from baseline to input, and the weight of each.

    The integral of any function g of a is approximately sum_k weights_k g(shares_k).
    """

    shares: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.shares.shape != self.weights.shape or self.shares.ndim != 1 or not len(self.shares):
            raise ValueError("a rule has one weight for each of at least one node")
        if self.shares.min() < 0 or self.shares.max() > 1:
            raise ValueError(f"nodes lie in [0, 1], got {self.shares.min()} to {self.shares.max()}")

    def __len__(self) -> int:
        return len(self.shares)


@dataclass(frozen=True, slots=True)
class Panel:
    """A stretch of the path between two places in [0, 1], and the log odds at both."""

    low: float
    high: float
    low_value: float
    high_value: float

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def change(self) -> float:
        """What the attributions of this stretch add up to, exactly."""
        return self.high_value - self.low_value

    def halves(self, value: Callable[[float], float]) -> tuple[Panel, Panel]:
        """The two halves; `value` gives the log odds at a place."""
        middle = (self.low + self.high) / 2
        middle_value = value(middle)
        return (
            Panel(self.low, middle, self.low_value, middle_value),
            Panel(middle, self.high, middle_value, self.high_value),
        )

    def rule(self, nodes: int, spacing: Spacing) -> QuadratureRule:
        """Gauss-Legendre in places: with even spacing exact for polynomials in a up to degree 2 * nodes - 1."""
        roots, weights = np.polynomial.legendre.leggauss(nodes)
        places = self.low + self.width * (roots + 1) / 2
        return QuadratureRule(spacing.share(places), self.width * weights / 2 * spacing.slope(places))
