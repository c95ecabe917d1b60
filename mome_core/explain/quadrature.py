"""Where along the path from baseline to input the gradient is taken, and how much each place counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_SHARE = 1e-10
"""Where log-spaced nodes begin: a volume scaled by less is lost in the tokenizer's epsilon (spec/model.md 7.6)."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Nodes a_k in [0, 1] on the path baseline + a (input - baseline), ascending, and the weight of each.

    The integral over the path of any function g of a is approximately sum_k weights_k g(shares_k).
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


def gauss_legendre(steps: int, low: float = 0.0, high: float = 1.0) -> Rule:
    """The rule of that many nodes on [low, high], exact for polynomials up to degree 2 * steps - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return Rule(low + (high - low) * (nodes + 1) / 2, (high - low) * weights / 2)


def log_gauss_legendre(steps: int, smallest: float = SMALLEST_SHARE) -> Rule:
    """Gauss-Legendre in log a on [smallest, 1]: for paths on which everything happens next to the baseline.

    With t = log a the integral of g(a) da becomes that of g(e^t) e^t dt; what lies below `smallest` is left out.
    """
    in_log = gauss_legendre(steps)
    span = -np.log(smallest)
    shares = np.exp(span * (in_log.shares - 1))
    return Rule(shares, in_log.weights * span * shares)
