"""The straight line from a baseline to the input, the network's answer along it, and the integral of its gradient.

B points of one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.quadrature import Rule

Inputs = Mapping[Modality, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The straight line from a baseline to the input, and the network's answer along it.

    answer : log odds (B,) of B points.
    start, end : the baseline and the input, one sample of each modality.
    nodes_per_pass : how many points go through the network together.
    """

    answer: Callable[[Inputs], Tensor]
    start: Inputs
    end: Inputs
    nodes_per_pass: int = 1

    def points(self, shares: NDArray[np.float64]) -> dict[Modality, Tensor]:
        """start + a (end - start) for each share a, as the samples of one batch."""
        return {modality: between(self.start[modality], end, shares) for modality, end in self.end.items()}

    @torch.no_grad()
    def value(self, share: float) -> float:
        """Log odds at one point; NumericsFault if they are not finite."""
        log_odds = float(self.answer(self.points(np.array([share])))[0])
        if not np.isfinite(log_odds):
            raise NumericsFault(f"the network's answer at {share:g} of the way from the baseline is not finite")
        return log_odds

    def attributions(self, rule: Rule, step: Callable[[int], None]) -> dict[Modality, Tensor]:
        """(end - start) times the integral of the gradient by this rule, shaped like `end`.

        step : told after each pass how many nodes are done.
        """
        integral: dict[Modality, Tensor] = {}
        for first in range(0, len(rule), self.nodes_per_pass):
            some = slice(first, first + self.nodes_per_pass)
            for modality, gradient in self.gradients(rule.shares[some], rule.weights[some]).items():
                integral[modality] = integral[modality].add_(gradient) if first else gradient
            step(min(len(rule), some.stop))
        return {m: gradient.mul_(self.end[m] - self.start[m]) for m, gradient in integral.items()}

    def gradients(self, shares: NDArray[np.float64], weights: NDArray[np.float64]) -> dict[Modality, Tensor]:
        """Weighted sum of the gradients at these points, shaped like `end`."""
        points = {modality: point.requires_grad_() for modality, point in self.points(shares).items()}
        gradients = torch.autograd.grad(self.answer(points).sum(), list(points.values()))
        return {m: weighted_sum(m, gradient, weights) for m, gradient in zip(points, gradients, strict=True)}


def between(start: Tensor, end: Tensor, shares: NDArray[np.float64]) -> Tensor:
    """start + a (end - start) for each share a, (B, ...)."""
    weight = torch.as_tensor(shares, dtype=end.dtype, device=end.device).view(-1, *[1] * (end.ndim - 1))
    return torch.lerp(start, end, weight)


def weighted_sum(modality: Modality, gradient: Tensor, weights: NDArray[np.float64]) -> Tensor:
    """Sum over the batch of weight times gradient, (1, ...), without a second batch; NumericsFault if not finite."""
    total = torch.zeros_like(gradient[:1])
    for node, weight in enumerate(weights):
        total.add_(gradient[node : node + 1], alpha=float(weight))
    if not bool(torch.isfinite(total.sum())):
        raise NumericsFault(f"the gradient with respect to the {modality} volume is not finite")
    return total
