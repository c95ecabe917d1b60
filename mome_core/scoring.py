"""The network's answers to the versions of a case that an estimator averages, for every coalition that is asked.

Every score of the product comes from here: calibration, evaluation, gate, drift, shadow and node ask the same function.

B versions of one case, V all versions, C channels, XYZ voxels, T tokens, D width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.calibration import Coalition
from mome_core.case import Modality
from mome_core.compute import Arithmetic, arithmetic_of, autocast, device_of
from mome_core.errors import NumericsFault
from mome_core.estimator import Augmentation, Estimator
from mome_core.model.mome import Mome
from mome_core.model.network import Network
from mome_core.preprocessing.pad import (
    CENTRE,
    FLIP_GROUP,
    FLIPS,
    PLACEMENTS,
    Axes,
    Offset,
    Placement,
    flip,
    offset_of,
    pad_at,
    spatial,
)
from mome_core.preprocessing.recipe import Recipe, Size
from mome_core.results import Endpoint

Arrays = Mapping[Modality, NDArray[np.float32]]
Progress = Callable[[str, int, int], None]
VersionLogOdds = dict[Coalition, dict[Endpoint, NDArray[np.float64]]]
_Logits = dict[Endpoint, Tensor]
_Item = TypeVar("_Item")

VERSIONS: dict[Augmentation, tuple[tuple[Placement, ...], tuple[Axes, ...]]] = {
    Augmentation.NONE: ((CENTRE,), ((),)),
    Augmentation.FLIPS: ((CENTRE,), FLIP_GROUP),
    Augmentation.PUBLISHED: (PLACEMENTS, FLIPS),
    Augmentation.FULL_GROUP: (PLACEMENTS, FLIP_GROUP),
}
"""Placements and flips of each augmentation."""


def versions_of(augmentation: Augmentation) -> list[tuple[Placement, Axes]]:
    """Placement and flip of every version, in the order in which they are answered."""
    placements, flips = VERSIONS[augmentation]
    return [(placement, axes) for axes in flips for placement in placements]


def silent(stage: str, done: int, planned: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """One modality's array (C, axis 0, axis 1, slices), and the size it is padded to."""

    modality: Modality
    array: NDArray[np.float32]
    size: Size

    def offset(self, placement: Placement) -> Offset:
        """Where the array begins in its padding."""
        return offset_of(placement, spatial(self.array), self.size)

    def volumes(self, offsets: Iterable[Offset], axes: Axes = ()) -> Tensor:
        """(B, C, X, Y, Z), one version for each offset, flipped."""
        versions = [flip(pad_at(self.array, self.size, offset), axes) for offset in offsets]
        return torch.from_numpy(np.stack(versions))


def inputs_of(arrays: Arrays, recipe: Recipe) -> list[NetworkInput]:
    """The arrays with their padded sizes, in the network's order."""
    return [NetworkInput(m, arrays[m], recipe.size(m)) for m in Modality if m in arrays]


@torch.no_grad()
def version_log_odds(
    network: Network,
    arrays: Arrays,
    recipe: Recipe,
    estimator: Estimator,
    *,
    coalitions: Sequence[Coalition] = (),
    arithmetic: Arithmetic | None = None,
    report: Progress = silent,
) -> VersionLogOdds:
    """Log odds (V,) of each endpoint for every version of a case, by coalition.

    Parameters
    ----------
    coalitions
        Subsets of the arrays' modalities; all of them together when empty.
    arithmetic
        None for what the network's device affords.
    """
    answers = answer_versions(
        network,
        arrays,
        recipe,
        estimator,
        coalitions=coalitions,
        arithmetic=arithmetic or arithmetic_of(network),
        report=report,
    )
    return {
        coalition: {e: network.log_odds(e, logits_VK).double().numpy() for e, logits_VK in by_endpoint.items()}
        for coalition, by_endpoint in answers.items()
    }


@torch.no_grad()
def answer_versions(
    network: Network,
    arrays: Arrays,
    recipe: Recipe,
    estimator: Estimator,
    *,
    coalitions: Sequence[Coalition] = (),
    arithmetic: Arithmetic,
    report: Progress = silent,
) -> dict[Coalition, _Logits]:
    """Logits (V, K) of each endpoint, float32, by coalition: flip by flip, and in the order of placements within.

    What a modality does before the joint layers depends on nothing else, so MOME's modality stages run once for all
    coalitions; a volume that comes out the same in several versions (an array without slack on an axis lies in one
    place only) passes them once.
    """
    asked = tuple(coalitions) or (frozenset(arrays),)
    placements, flips = VERSIONS[estimator.augmentation]
    inputs = inputs_of({m: a for m, a in arrays.items() if m in network.volume_shapes}, recipe)
    rows: dict[Coalition, dict[Endpoint, list[Tensor]]] = {}
    batch = _batch_size(network, arithmetic.memory_gib)
    for done, axes in enumerate(flips):
        report("scores", done * len(placements), len(flips) * len(placements))
        some = _Flip(inputs, placements, axes, batch, asked)
        with autocast(device_of(network), arithmetic.precision):
            for coalition, logits in _by_tokens(network, some) if isinstance(network, Mome) else _whole(network, some):
                for endpoint, logits_BK in logits.items():
                    rows.setdefault(coalition, {}).setdefault(endpoint, []).append(logits_BK.float().cpu())
    answers = {c: {endpoint: torch.cat(parts) for endpoint, parts in found.items()} for c, found in rows.items()}
    for by_endpoint in answers.values():
        for endpoint, logits_VK in by_endpoint.items():
            _require_finite(logits_VK, f"the logits of {endpoint}")
    return answers


def pooled(answers: VersionLogOdds, endpoint: Endpoint, estimator: Estimator) -> dict[Coalition, float]:
    """The estimator's log odds of one endpoint for every coalition that was answered, before any calibration."""
    return {coalition: estimator.pool(by_endpoint[endpoint]) for coalition, by_endpoint in answers.items()}


@dataclass(frozen=True, slots=True)
class _Flip:
    """What is answered with one flip: these placements of the inputs, so many at a time, for these coalitions."""

    inputs: Sequence[NetworkInput]
    placements: Sequence[Placement]
    axes: Axes
    batch: int
    coalitions: Sequence[Coalition]


def _by_tokens(network: Mome, flipped: _Flip) -> Iterator[tuple[Coalition, _Logits]]:
    """MOME's logits of some placements after the others, by coalition; each modality stage runs once."""
    needed = frozenset().union(*flipped.coalitions)
    tokens = {each: _modality_tokens(network, each, flipped) for each in flipped.inputs if each.modality in needed}
    for some in _batches(flipped.placements, flipped.batch):
        chosen = {e.modality: torch.stack([t[e.offset(place)] for place in some]) for e, t in tokens.items()}
        alone = any(Modality.DCE not in coalition for coalition in flipped.coalitions)
        cls_B1D = network.cls_alone(len(some)) if alone else None
        for coalition in flipped.coalitions:
            yield coalition, network.joint_stage({m: chosen[m] for m in coalition}, cls_B1D)


def _whole(network: Network, flipped: _Flip) -> Iterator[tuple[Coalition, _Logits]]:
    """Logits of a network without modality stages; it leaves out what it does not take, and coalitions it cannot."""
    device = device_of(network)
    for some in _batches(flipped.placements, flipped.batch):
        volumes = {
            e.modality: e.volumes([e.offset(place) for place in some], flipped.axes).to(device) for e in flipped.inputs
        }
        for coalition in flipped.coalitions:
            if usable := network.architecture.usable(coalition):
                yield coalition, network({m: volumes[m] for m in Modality if m in usable})


def _modality_tokens(network: Mome, each: NetworkInput, flipped: _Flip) -> dict[Offset, Tensor]:
    """Tokens (T, D) after the early layers for every distinct place of the array in its padding."""
    tokens: dict[Offset, Tensor] = {}
    places = list(dict.fromkeys(each.offset(placement) for placement in flipped.placements))
    for offsets in _batches(places, flipped.batch):
        tokens_BTD = network.modality_stage(each.modality, each.volumes(offsets, flipped.axes).to(device_of(network)))
        _require_finite(tokens_BTD, f"the tokens of the {each.modality} after the early layers")
        tokens |= zip(offsets, tokens_BTD, strict=True)
    return tokens


def _batch_size(network: Network, memory_gib: float) -> int:
    """How many versions go through the network together: what fits into the memory, 9 at most.

    One version takes its volume and, twice while it is normalised, the first convolution's output: an eighth of the
    voxels for each of its channels. The same for every case, because a batch of another size may round otherwise.
    """
    stem = network.architecture.stem_widths[0] if isinstance(network, Mome) else 64
    voxels = max(int(np.prod(shape[1:])) for shape in network.volume_shapes.values())
    return int(np.clip(memory_gib * 2**30 / (4 * (1 + stem // 4) * voxels), 1, len(PLACEMENTS)))


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """The items in their order, `size` at a time."""
    return (items[first : first + size] for first in range(0, len(items), size))


def _require_finite(tensor: Tensor, place: str) -> None:
    """Raise NumericsFault naming the place of a NaN or an infinity."""
    if not bool(torch.isfinite(tensor).all()):
        raise NumericsFault(f"{place} hold a value that is not finite")
