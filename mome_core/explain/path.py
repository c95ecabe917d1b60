"""The straight line from a baseline to the input, the network's answer along it, and the integral of its gradient.

B points of one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.quadrature import Panel, QuadratureRule, Spacing

Inputs = Mapping[Modality, Tensor]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AttributionLimits:
    """How exact an attribution has to be, and what it may cost.

    Parameters
    ----------
    completeness_error
        Integrated gradients refine the path until their completeness error is at most this.
    panel_nodes
        Gauss-Legendre nodes of each panel of the path.
    panel_change
        A panel in which the answer changes by more than this share of the whole change is halved at once.
    panel_width
        No panel gets narrower than this share of the path; so one jump cannot cost all gradients.
    max_gradients
        Gradients in all, those of panels that turned out too coarse included.
    memory_gib
        Memory of one pass, activations and gradients; as many nodes go through the network together as fit, and where
        one does not fit the activations are computed again in the backward pass instead of being kept.
    """

    completeness_error: float = 0.01
    panel_nodes: int = 6
    panel_change: float = 0.5
    panel_width: float = 1 / 256
    max_gradients: int = 256
    memory_gib: float = 4.0

    def __post_init__(self) -> None:
        if not 1 <= self.panel_nodes <= self.max_gradients:
            raise ValueError(f"{self.max_gradients} gradients do not do for a panel of {self.panel_nodes} nodes")
        if not min(self.completeness_error, self.panel_change, self.panel_width, self.memory_gib) > 0:
            raise ValueError("the limits of error, change, width and memory are positive")


DEFAULT_LIMITS = AttributionLimits()


@dataclass(frozen=True, slots=True, eq=False)
class AttributionPath:
    """The straight line from a baseline to the input, and the network's answer along it.

    Parameters
    ----------
    answer
        Log odds (B,) of B points.
    start, end
        The baseline and the input, one sample of each modality.
    spacing
        What the places on the path are even in.
    nodes_per_pass
        How many points go through the network together.
    """

    answer: Callable[[Inputs], Tensor]
    start: Inputs
    end: Inputs
    spacing: Spacing = Spacing.EVEN
    nodes_per_pass: int = 1

    def points(self, shares: NDArray[np.float64]) -> dict[Modality, Tensor]:
        """start + a (end - start) for each share a, as the samples of one batch."""
        return {modality: _between(self.start[modality], end, shares) for modality, end in self.end.items()}

    @torch.no_grad()
    def value(self, place: float) -> float:
        """Log odds at a place in [0, 1]; NumericsFault if they are not finite."""
        log_odds = float(self.answer(self.points(self.spacing.share(place)[None]))[0])
        if not np.isfinite(log_odds):
            raise NumericsFault(f"the log odds at place {place:g} of the path from baseline to input are not finite")
        return log_odds

    def whole(self) -> Panel:
        """All of the path as one panel."""
        return Panel(0.0, 1.0, self.value(0.0), self.value(1.0))

    def attributions(self, rule: QuadratureRule) -> dict[Modality, Tensor]:
        """(end - start) times the integral of the gradient by this rule, shaped like `end`."""
        integral: dict[Modality, Tensor] = {}
        for first in range(0, len(rule), self.nodes_per_pass):
            some = slice(first, first + self.nodes_per_pass)
            _add(integral, self.gradients(rule.shares[some], rule.weights[some]))
        return {m: gradient.mul_(self.end[m] - self.start[m]) for m, gradient in integral.items()}

    def gradients(self, shares: NDArray[np.float64], weights: NDArray[np.float64]) -> dict[Modality, Tensor]:
        """Weighted sum of the gradients at these points, shaped like `end`."""
        points = {modality: point.requires_grad_() for modality, point in self.points(shares).items()}
        gradients = torch.autograd.grad(self.answer(points).sum(), list(points.values()))
        return {m: _weighted_sum(m, gradient, weights) for m, gradient in zip(points, gradients, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class _Integral:
    """Attributions of whatever a path runs through, shaped like it.

    Parameters
    ----------
    steps
        Nodes that the attributions rest on.
    gradients
        Gradients computed, those of panels that turned out too coarse included.
    value, baseline_value
        Log odds at the end and at the start of the path.
    """

    maps: Mapping[Modality, Tensor]
    steps: int
    gradients: int
    value: float
    baseline_value: float


def integrate(path: AttributionPath, limits: AttributionLimits, report: Progress) -> _Integral:
    """The gradient integrated along the path, in panels halved until each misses at most its share of the tolerance.

    Panels are settled from baseline to input, so that besides the sum only one panel's maps are in memory. What
    tolerance a panel leaves the later ones may use; when the gradients run out the coarse panels count as they are.
    """
    whole, nodes = path.whole(), limits.panel_nodes
    tolerance = limits.completeness_error * abs(whole.change)
    maps: dict[Modality, Tensor] = {}
    steps = gradients = 0
    panels = [whole]
    while panels:
        panel = panels.pop()
        spare = limits.max_gradients - gradients - nodes * len(panels)  # each waiting panel keeps enough for itself
        wide = panel.width >= 2 * limits.panel_width
        if wide and abs(panel.change) > limits.panel_change * abs(whole.change) and spare >= 2 * nodes:
            panels.extend(reversed(panel.halves(path.value)))
            continue
        part = path.attributions(panel.rule(nodes, path.spacing))
        gradients += nodes
        report(gradients, gradients + nodes * len(panels))
        miss = abs(total_of(part) - panel.change)
        if wide and miss > tolerance * _share_of(panel, panels) and spare >= 3 * nodes:
            panels.extend(reversed(panel.halves(path.value)))
            continue
        _add(maps, part)
        steps += nodes
        tolerance = max(0.0, tolerance - miss)
    return _Integral(maps, steps, gradients, whole.high_value, whole.low_value)


def _share_of(panel: Panel, later: Sequence[Panel]) -> float:
    """What a panel may use of the tolerance that is left: its part of the way, or of the change, whichever is more."""
    change = abs(panel.change) + sum(abs(each.change) for each in later)
    return max(panel.width / (1 - panel.low), abs(panel.change) / change if change else 0.0)


def _add(total: dict[Modality, Tensor], part: Mapping[Modality, Tensor]) -> None:
    """Add the part to the total, in place."""
    for modality, values in part.items():
        total[modality] = total[modality].add_(values) if modality in total else values


def total_of(maps: Inputs) -> float:
    """Sum over everything, in double precision."""
    return sum(float(values.sum(dtype=torch.float64)) for values in maps.values())


def _between(start: Tensor, end: Tensor, shares: NDArray[np.float64]) -> Tensor:
    """start + a (end - start) for each share a, (B, ...)."""
    weight = torch.as_tensor(shares, dtype=end.dtype, device=end.device).view(-1, *[1] * (end.ndim - 1))
    return torch.lerp(start, end, weight)


def _weighted_sum(modality: Modality, gradient: Tensor, weights: NDArray[np.float64]) -> Tensor:
    """Sum over the batch of weight times gradient, (1, ...), without a second batch; NumericsFault if not finite."""
    total = torch.zeros_like(gradient[:1])
    for node, weight in enumerate(weights):
        total.add_(gradient[node : node + 1], alpha=float(weight))
    if not bool(torch.isfinite(total.sum())):
        raise NumericsFault(f"the gradient with respect to the {modality} volume is not finite")
    return total
