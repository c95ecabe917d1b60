"""The straight line from a baseline to the input, the network's answer along it, and the integral of its gradient.

B points of one pass, E endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.quadrature import AttributionLimits, Pool, Spacing, Tolerance, change_to_explain

Inputs = Mapping[Modality, Tensor]
Answer = Callable[[Inputs], Tensor]
"""From B points to log odds (B, E)."""
Progress = Callable[[int, int], None]
_LET_PASS = 1.25  # times the limit: stretches as narrow as they may be add a little to what was allowed
_GAIN_OF_DOUBLING = 4.0  # the trapezoid's, where the answer is smooth


@dataclass(frozen=True, slots=True, eq=False)
class AttributionPath:
    """The straight line from a baseline to the input, one sample of each modality.

    Parameters
    ----------
    start, end
        What a point is between.
    spacing
        What the places on the path are even in.
    """

    start: Inputs
    end: Inputs
    spacing: Spacing = Spacing.EVEN

    def point(self, modality: Modality, place: float) -> Tensor:
        """start + a (end - start) at a place in [0, 1]."""
        return torch.lerp(self.start[modality], self.end[modality], self.spacing.share(place))

    def attributions(self, gradient: Inputs) -> dict[Modality, Tensor]:
        """(end - start) times a gradient, or times its integral along the path."""
        return {m: g * (self.end[m] - self.start[m]) for m, g in gradient.items()}

    def along(self, gradient: Inputs) -> float:
        """Derivative of an answer by the share a, from its gradient."""
        return sum(
            float(torch.sum((self.end[m] - self.start[m]).mul_(g), dtype=torch.float64)) for m, g in gradient.items()
        )


@dataclass(frozen=True, slots=True, eq=False)
class ConvolvedPath(AttributionPath):
    """The straight line between two volumes, walked behind the convolution that comes first.

    A convolution without bias takes the line between two volumes to the line between what it makes of them, so that it
    needs to run at both ends only, and its transpose once: the dearest gradient of the network otherwise.

    Parameters
    ----------
    start, end
        What the convolution makes of baseline and input.
    differences
        Input - baseline, the volumes themselves.
    back
        The transpose of the convolution of a modality.
    """

    differences: Inputs = field(default_factory=dict)
    back: Callable[[Modality, Tensor], Tensor] = lambda modality, gradient: gradient

    def attributions(self, gradient: Inputs) -> dict[Modality, Tensor]:
        """(Input - baseline) times a gradient, or times its integral, brought from behind the convolution to voxels."""
        return {m: self.back(m, g).mul_(self.differences[m]) for m, g in gradient.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A place on a path with the network's answers there.

    Parameters
    ----------
    values, slopes
        (E,) log odds of each endpoint, and their derivative by place.
    gradients
        Of each endpoint's log odds by the point, times d share / d place.
    """

    place: float
    values: NDArray[np.float64]
    slopes: NDArray[np.float64]
    gradients: tuple[dict[Modality, Tensor], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Integral:
    """Integral of the gradient along a path, for each of E endpoints.

    Parameters
    ----------
    path
        What it was taken along.
    gradients
        For each endpoint, shaped like the end of the path.
    values, baseline_values
        (E,) log odds at the end and at the start of the path.
    missed, absolutely_missed
        (E,) what the stretches between nodes miss of the change, added with and without signs.
    steps
        Nodes, those of walks before the last one included; each took one forward pass and one backward pass per
        endpoint.
    """

    path: AttributionPath
    gradients: tuple[dict[Modality, Tensor], ...]
    values: NDArray[np.float64]
    baseline_values: NDArray[np.float64]
    missed: NDArray[np.float64]
    absolutely_missed: NDArray[np.float64]
    steps: int


def integrate(
    answer: Answer,
    paths: Sequence[Callable[[], AttributionPath]],
    limits: AttributionLimits,
    side_by_side: int = 1,
    report: Progress | None = None,
    *,
    pool: Pool = np.mean,
) -> Iterator[tuple[int, Integral]]:
    """The integral of each path with its number, in the order in which they are finished.

    A path that misses 1.25 to 4 times what it may is walked anew with twice the gradients, as the limits allow: the
    error of the trapezoid falls with the square of its width. One that misses more jumps, and would gain nothing.

    Parameters
    ----------
    paths
        Each is made when its turn comes, and once before, to know how much there is to explain.
    side_by_side
        How many paths are walked together, one node of each in a pass.
    report
        Called with (gradients done, gradients planned) after every pass; an exception from it ends the work.
    pool
        What is shown of all paths; what they miss is measured by its change.
    """
    if side_by_side >= len(paths):
        paths = [partial(_as_it_is, make()) for make in paths]
    starts_KE, ends_KE = np.stack([_ends(answer, make()) for make in paths], axis=1)
    change_E = change_to_explain(starts_KE, ends_KE, pool)
    waiting = [(number, limits, 0) for number in range(len(paths))][::-1]
    walks: list[_Walk] = []
    done = 0
    while waiting or walks:
        while waiting and len(walks) < side_by_side:
            number, within, before = waiting.pop()
            walks.append(_Walk(number, paths[number](), change_E, within, before))
        for walk, node in zip(walks, nodes_at(answer, [(each.path, each.place) for each in walks]), strict=True):
            walk.take(node)
            done += 1
        if report is not None:
            report(done, done + sum(walk.planned for walk in walks) + (limits.first_stretches + 1) * len(waiting))
        finished = [walk for walk in walks if walk.finished]
        walks = [walk for walk in walks if not walk.finished]
        while finished:
            walk = finished.pop(0)
            if walk.is_worth_another:
                waiting.append((walk.number, walk.limits.doubled(), walk.before + walk.steps))
            else:
                yield walk.number, walk.integral()


def _as_it_is(path: AttributionPath) -> AttributionPath:
    """A path that was made before its turn."""
    return path


class _Walk:
    """One path on its way from baseline to input: which place it needs next, and in the end its integral.

    Stretches are settled in their order, so that besides the sum only the gradients of a few nodes are in memory. One
    that misses too much is halved.
    """

    def __init__(
        self, number: int, path: AttributionPath, change_E: NDArray[np.float64], limits: AttributionLimits, before: int
    ) -> None:
        """`before`: gradients of earlier walks along the same path."""
        self.number, self.path, self.change, self.limits, self.before = number, path, change_E, limits, before
        self.place, self.steps = 0.0, 0
        self.ahead = [1 - n / limits.first_stretches for n in range(limits.first_stretches)]  # the nearest last
        self.known: dict[float, _Node] = {}
        self.sums: tuple[dict[Modality, Tensor], ...] = ()

    @property
    def finished(self) -> bool:
        """Whether every stretch is settled."""
        return not self.ahead

    @property
    def is_worth_another(self) -> bool:
        """Whether it misses too much, and another walk with twice the gradients can be expected not to."""
        return self.limits.doublings > 0 and _LET_PASS < self.tolerance.excess <= _GAIN_OF_DOUBLING

    @property
    def planned(self) -> int:
        """Gradients that are certain to follow."""
        return (not self.steps) + sum(place not in self.known for place in self.ahead)

    def take(self, node: _Node) -> None:
        """The node at `place`; afterwards `place` is the next one, unless the walk is finished."""
        self.steps += 1
        if self.steps == 1:
            self.first = self.low = node
            self.place = 1.0
            return
        self.known[node.place] = node
        if self.steps == 2:
            self.last = node
            self.tolerance = Tolerance(self.change, node.values, self.limits)
            self.sums = tuple({} for _ in node.gradients)
        while self.ahead and self.ahead[-1] in self.known:
            self._settle_or_halve(self.known[self.ahead[-1]])
        self.place = self.ahead[-1] if self.ahead else 1.0

    def _settle_or_halve(self, high: _Node) -> None:
        """The stretch from `low` to the next known node."""
        low, width = self.low, high.place - self.low.place
        miss_E = width * (low.slopes + high.slopes) / 2 - (high.values - low.values)
        may_halve = width > self.limits.narrowest_stretch and self.steps + self.planned < self.limits.max_gradients
        allowed = self.tolerance.allows(miss_E, width, 1 - low.place, low.values, high.values)
        if may_halve and not allowed:
            self.ahead.append(low.place + width / 2)
            return
        self.tolerance.settle(miss_E, allowed=allowed)
        for node in (low, high):
            _add(self.sums, node, width / 2)
        self.low = self.known.pop(self.ahead.pop())

    def integral(self) -> Integral:
        """What the finished walk found."""
        tolerance = self.tolerance
        return Integral(
            self.path,
            self.sums,
            self.last.values,
            self.first.values,
            tolerance.missed,
            tolerance.absolutely_missed,
            self.before + self.steps,
        )


@torch.no_grad()
def _ends(answer: Answer, path: AttributionPath) -> NDArray[np.float64]:
    """(2, E) the answers at the beginning of a path and at its end."""
    ends = {m: torch.cat([path.start[m], end]) for m, end in path.end.items()}
    return np.asarray(answer(ends).double().cpu().numpy())


def nodes_at(answer: Answer, places: Sequence[tuple[AttributionPath, float]]) -> list[_Node]:
    """A node on each of several paths, all in one pass; NumericsFault names what is not finite."""
    modalities = places[0][0].end
    points = {m: torch.cat([path.point(m, place) for path, place in places]).requires_grad_() for m in modalities}
    with torch.enable_grad():
        values_BE = answer(points)
    values = values_BE.detach().double().cpu().numpy()
    for (_, place), values_E in zip(places, values, strict=True):
        if not np.isfinite(values_E).all():
            raise NumericsFault(f"the log odds at place {place:g} of the path from baseline to input are not finite")
    endpoints = range(values_BE.shape[1])
    gradients = [_gradients(values_BE[:, e].sum(), points, keep=e < endpoints[-1]) for e in endpoints]
    nodes = []
    for b, (path, place) in enumerate(places):
        slope = path.spacing.slope(place)
        mine = tuple({m: g[b : b + 1].mul(slope) for m, g in each.items()} for each in gradients)
        slopes_E = np.array([path.along(gradient) for gradient in mine])
        nodes.append(_Node(place, values[b], slopes_E, mine))
    return nodes


def _gradients(value: Tensor, points: Inputs, keep: bool) -> dict[Modality, Tensor]:
    """Of a value with respect to the points, finite; `keep` what another gradient of the pass needs."""
    found = torch.autograd.grad(value, list(points.values()), retain_graph=keep)
    for modality, gradient in zip(points, found, strict=True):
        if not bool(torch.isfinite(gradient.sum())):
            raise NumericsFault(f"the gradient with respect to the {modality} volume is not finite")
    return dict(zip(points, found, strict=True))


def _add(sums: tuple[dict[Modality, Tensor], ...], node: _Node, weight: float) -> None:
    """Add weight x gradient of each endpoint, in place."""
    for total, gradient in zip(sums, node.gradients, strict=True):
        for modality, values in gradient.items():
            if modality not in total:
                total[modality] = torch.zeros_like(values)
            total[modality].add_(values, alpha=weight)


def total_of(maps: Inputs) -> float:
    """Sum over everything, in double precision."""
    return sum(float(values.sum(dtype=torch.float64)) for values in maps.values())
