"""From a Case to a Result: prepare, judge the input, score augmented versions, share the score, explain it.

B versions of one case, C channels, XYZ voxels, T tokens, D width, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.case import Case, Modality
from mome_core.compute import autocast, device_of, reproducible
from mome_core.errors import NumericsFault
from mome_core.explain.contribution import answer_coalitions, share
from mome_core.explain.saliency import attribute
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.mome import Mome
from mome_core.policy import VERSIONS, Policy, default_policy
from mome_core.preprocessing.pad import (
    CENTRE,
    PLACEMENTS,
    Axes,
    Offset,
    Placement,
    flip,
    offset_of,
    pad_at,
    spatial,
)
from mome_core.preprocessing.prepare import PreparedCase, prepare
from mome_core.preprocessing.quality import assess
from mome_core.preprocessing.recipe import Recipe, Size
from mome_core.results import Endpoint, Result, Saliency, Score, Severity

_Arrays = Mapping[Modality, NDArray[np.float32]]
_Progress = Callable[[str, int, int], None]
_Item = TypeVar("_Item")

_LARGEST_VALUE = 1e4  # standard deviations; standardised MRI stays below 100


def analyze(
    case: Case, checkpoint: Checkpoint, policy: Policy | None = None, progress: _Progress | None = None
) -> Result:
    """The answer to every endpoint of the checkpoint, with contributions and saliency in the patient's coordinates.

    Raises StudyIneligible when the case cannot be analysed at all, NumericsFault naming the place of an impossible
    value. A WITHHOLD flag gives a result without scores that says why.

    Parameters
    ----------
    policy
        None for `default_policy`.
    progress
        Called with (stage, done, planned); an exception from it ends the work.
    """
    policy = policy or default_policy(checkpoint.network)
    report = progress or (lambda stage, done, planned: None)
    timings: dict[str, float] = {}
    with _timed(timings, "prepare", report):
        prepared = prepare(case, checkpoint.recipe)
        flags = assess(case, prepared, checkpoint.recipe)
    reasons = [flag.message for flag in flags if flag.severity is Severity.WITHHOLD]
    if reasons:
        return Result((), (), prepared.modalities, flags, " ".join(reasons), str(policy), timings)
    for modality, array in prepared.arrays.items():
        _require_sound(modality, array)
    with reproducible():
        with _timed(timings, "scores", report):
            scores = score(prepared.arrays, checkpoint, policy, report)
        with _timed(timings, "contributions", report):
            scores = _with_contributions(scores, prepared.arrays, checkpoint) if policy.contributions else scores
        with _timed(timings, "saliency", report):
            saliency = _explain(prepared, checkpoint, policy, report) if policy.saliency else ()
    return Result(scores, saliency, prepared.modalities, flags, "", str(policy), timings)


@dataclass(frozen=True, slots=True)
class _Prediction:
    """The network's answer to padded arrays, without augmentation."""

    endpoint: Endpoint
    logits: tuple[float, ...]
    probability: float


@torch.no_grad()
def answer_arrays(checkpoint: Checkpoint, arrays: _Arrays) -> tuple[_Prediction, ...]:
    """The answer to every endpoint for arrays (C, axis 0, axis 1, slices) as the network sees them, already padded."""
    for modality, array in arrays.items():
        _require_sound(modality, array)
    network, device = checkpoint.network, device_of(checkpoint.network)
    with reproducible():
        volumes = {m: torch.from_numpy(array.astype(np.float32))[None].to(device) for m, array in arrays.items()}
        logits = network(volumes)
    answers = []
    for endpoint, point in checkpoint.endpoints.items():
        _require_finite(logits[endpoint], f"the logits of {endpoint}")
        probability = network.probability(endpoint, logits[endpoint], point.temperature)
        answers.append(_Prediction(endpoint, tuple(logits[endpoint][0].tolist()), float(probability)))
    return tuple(answers)


def score(arrays: _Arrays, checkpoint: Checkpoint, policy: Policy, report: _Progress) -> tuple[Score, ...]:
    """Mean and spread of each endpoint's probability over the policy's versions."""
    network = checkpoint.network
    answers = answer_versions(network, arrays, checkpoint.recipe, policy, report)
    scores = []
    for endpoint, point in checkpoint.endpoints.items():
        probabilities = network.probability(endpoint, answers[endpoint], point.temperature).double()
        if policy.mean_of_log_odds:
            mean = float(torch.special.logit(probabilities).mean().sigmoid())
        else:
            mean = float(probabilities.mean())
        spread = float(probabilities.std(correction=0))
        scores.append(Score(endpoint, mean, point.threshold, spread, len(probabilities), checkpoint.identity))
    return tuple(scores)


@dataclass(frozen=True, slots=True, eq=False)
class _NetworkInput:
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


def _placeable(arrays: _Arrays, recipe: Recipe) -> list[_NetworkInput]:
    """The arrays with their padded sizes, in the network's order."""
    return [_NetworkInput(m, arrays[m], recipe.size(m)) for m in Modality if m in arrays]


@torch.no_grad()
def answer_versions(
    network: Mome, arrays: _Arrays, recipe: Recipe, policy: Policy, report: _Progress
) -> dict[Endpoint, Tensor]:
    """Logits (versions, K) of each endpoint, float32: flip by flip, and in the order of the placements within.

    A volume that comes out the same in several versions (an array without slack on an axis lies in one place only)
    passes the modality stage once.
    """
    placements, flips, _ = VERSIONS[policy.augmentation]
    inputs = _placeable(arrays, recipe)
    rows: dict[Endpoint, list[Tensor]] = {head.endpoint: [] for head in network.answers}
    batch = _batch_size(network, arrays, policy)
    device = device_of(network)
    for done, axes in enumerate(flips):
        report("scores", done * len(placements), len(flips) * len(placements))
        with autocast(device, policy.precision):
            tokens = {each: _modality_tokens(network, each, placements, axes, batch) for each in inputs}
            for some in _batches(placements, batch):
                chosen = {e.modality: torch.stack([t[e.offset(place)] for place in some]) for e, t in tokens.items()}
                for endpoint, logits_BK in network.joint_stage(chosen).items():
                    rows[endpoint].append(logits_BK.float().cpu())
    answers = {endpoint: torch.cat(parts) for endpoint, parts in rows.items()}
    for endpoint, logits in answers.items():
        _require_finite(logits, f"the logits of {endpoint}")
    return answers


def _modality_tokens(
    network: Mome, each: _NetworkInput, placements: Sequence[Placement], axes: Axes, batch: int
) -> dict[Offset, Tensor]:
    """Tokens (T, D) after the early layers for every distinct place of the array in its padding."""
    tokens: dict[Offset, Tensor] = {}
    for offsets in _batches(list(dict.fromkeys(each.offset(placement) for placement in placements)), batch):
        tokens_BTD = network.modality_stage(each.modality, each.volumes(offsets, axes).to(device_of(network)))
        _require_finite(tokens_BTD, f"the tokens of the {each.modality} after the early layers")
        tokens |= zip(offsets, tokens_BTD, strict=True)
    return tokens


def _batch_size(network: Mome, arrays: _Arrays, policy: Policy) -> int:
    """How many versions go through the network together: what fits into the policy's memory, 9 at most.

    One version takes its volume and, twice while it is normalised, the first convolution's output: an eighth of the
    voxels for each of its channels.
    """
    channels = 1 + network.architecture.stem_widths[0] // 4
    voxels = max(int(np.prod(network.volume_shapes[modality][1:])) for modality in arrays)
    return int(np.clip(policy.memory_gib * 2**30 / (4 * channels * voxels), 1, len(PLACEMENTS)))


def _with_contributions(scores: tuple[Score, ...], arrays: _Arrays, checkpoint: Checkpoint) -> tuple[Score, ...]:
    """The scores with the Shapley value of each modality, from the centred, unflipped version."""
    answers = answer_coalitions(checkpoint.network, _centred(arrays, checkpoint))
    shared = []
    for each in scores:
        temperature = checkpoint.endpoints[each.endpoint].temperature
        parts = share(checkpoint.network, answers, each.endpoint, temperature=temperature)
        shared.append(
            replace(
                each,
                contributions=parts.to_results(),
                base_probability=parts.base_probability,
                explained_probability=parts.explained_probability,
            )
        )
    return tuple(shared)


def _explain(prepared: PreparedCase, checkpoint: Checkpoint, policy: Policy, report: _Progress) -> tuple[Saliency, ...]:
    """Saliency of every endpoint and modality on the grid of the source images, from the centred, unflipped version."""
    volumes = _centred(prepared.arrays, checkpoint)
    maps = []
    for endpoint in checkpoint.endpoints:
        attribution = attribute(
            checkpoint.network,
            volumes,
            endpoint,
            method=policy.method,
            baseline=policy.baseline,
            limits=policy.limits,
            progress=lambda done, planned: report("saliency", done, planned),
        )
        for each in _placeable(prepared.arrays, checkpoint.recipe):
            summed = attribution.summed(each.modality)
            maps.append(
                Saliency(
                    endpoint,
                    each.modality,
                    prepared.to_patient(each.modality, summed, each.offset(CENTRE)),
                    attribution.method.value,
                    attribution.baseline.value if attribution.baseline else "none",
                    attribution.steps,
                    attribution.completeness_error,
                )
            )
    return tuple(maps)


def _centred(arrays: _Arrays, checkpoint: Checkpoint) -> dict[Modality, Tensor]:
    """Volumes (1, C, X, Y, Z) as in the published validation: centred in the padding, unflipped."""
    inputs, device = _placeable(arrays, checkpoint.recipe), device_of(checkpoint.network)
    return {each.modality: each.volumes([each.offset(CENTRE)]).to(device) for each in inputs}


def _require_sound(modality: Modality, array: NDArray[np.floating]) -> None:
    """Raise NumericsFault, with modality and channel, unless the values can be those of a standardised volume."""
    for channel, values in enumerate(array):
        place = f"the {modality} array, channel {channel},"
        if not values.size or values.min() == values.max():
            raise NumericsFault(f"{place} is empty: no two voxels differ")
        if not np.isfinite(values).all():
            raise NumericsFault(f"{place} holds a value that is not finite")
        if max(-values.min(), values.max()) > _LARGEST_VALUE:
            raise NumericsFault(f"{place} reaches {np.abs(values).max():.3g}, it should be standardised")


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """The items in their order, `size` at a time."""
    return (items[first : first + size] for first in range(0, len(items), size))


def _require_finite(tensor: Tensor, place: str) -> None:
    """Raise NumericsFault naming the place of a NaN or an infinity."""
    if not bool(torch.isfinite(tensor).all()):
        raise NumericsFault(f"{place} hold a value that is not finite")


@contextmanager
def _timed(timings: dict[str, float], stage: str, report: _Progress) -> Iterator[None]:
    """Seconds spent within, under the stage's name; its beginning is reported."""
    report(stage, 0, 1)
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = time.perf_counter() - start
