"""How long a device works on a study, measured on noise: for planning a queue. It changes nothing about an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mome_core.calibration import coalitions_within
from mome_core.case import Modality
from mome_core.compute import device_of
from mome_core.estimator import Augmentation
from mome_core.explain.reported import SaliencyRequest
from mome_core.explain.saliency import Method, attribute
from mome_core.model.checkpoint import Checkpoint
from mome_core.policy import Policy
from mome_core.preprocessing.pad import CENTRE
from mome_core.preprocessing.recipe import Recipe
from mome_core.scoring import Arrays, inputs_of, version_log_odds

_PATIENCE_S = 5.0
_ROOM = 8  # images fill one axis of their padding and leave one part in so many of the others
_GRADIENTS = 21  # of the path of one version, in the mean over phantoms (docs/explanation.md)


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """Seconds of one study with every modality, on the device that the network is on; preparing the images is extra."""

    scores_s: float
    maps_s: float

    def __post_init__(self) -> None:
        if min(self.scores_s, self.maps_s) < 0 or not self.seconds > 0:
            raise ValueError(f"a study takes some time, not {self.scores_s} s and {self.maps_s} s")

    @property
    def seconds(self) -> float:
        """Of scores and maps together."""
        return self.scores_s + self.maps_s


def device_time(checkpoint: Checkpoint, policy: Policy, patience_s: float = _PATIENCE_S) -> DeviceTime:
    """Measure it for the checkpoint's estimator and the maps of the policy.

    Parameters
    ----------
    patience_s
        Where the whole estimator would take longer, one of its versions is measured and counted as often as there are
        versions; of maps a few gradients are measured always.
    """
    arrays = _noise(checkpoint.recipe)
    scores = partial(
        version_log_odds,
        checkpoint.network,
        arrays,
        checkpoint.recipe,
        coalitions=coalitions_within(arrays) if policy.contributions else (),
        arithmetic=policy.arithmetic,
    )
    one = partial(scores, replace(checkpoint.estimator, augmentation=Augmentation.NONE))
    versions = checkpoint.estimator.versions
    seconds = _seconds(one)
    if seconds <= patience_s:
        seconds = _seconds(one)  # what the first time loads and compiles is not paid for every study
    seconds *= versions
    if seconds <= patience_s:
        seconds = _seconds(partial(scores, checkpoint.estimator))
    return DeviceTime(seconds, _maps_seconds(checkpoint, arrays, policy.request) if policy.saliency else 0.0)


def _noise(recipe: Recipe) -> Arrays:
    """Arrays of every modality, as large as images usually are."""
    noise = np.random.default_rng(0)
    sizes = {m: recipe.size(m) for m in Modality}
    shapes = {m: (first, *(n - n // _ROOM for n in others)) for m, (first, *others) in sizes.items()}
    return {m: noise.standard_normal((recipe.channels(m), *shape), dtype=np.float32) for m, shape in shapes.items()}


def _maps_seconds(checkpoint: Checkpoint, arrays: Arrays, request: SaliencyRequest) -> float:
    """A few gradients of one version, counted as often as the maps of every endpoint need one."""
    device, limits = device_of(checkpoint.network), request.limits
    volumes = {e.modality: e.volumes([e.offset(CENTRE)]).to(device) for e in inputs_of(arrays, checkpoint.recipe)}
    few = replace(
        limits, max_gradients=limits.first_stretches + 1, doublings=0
    )  # the first ones of a path, and no more
    some = partial(attribute, checkpoint.network, volumes, checkpoint.endpoints[0], method=request.method, limits=few)
    integrated = request.method is Method.INTEGRATED_GRADIENTS
    share = _GRADIENTS / few.max_gradients if integrated else 1.0
    return _seconds(some) * share * min(request.versions, checkpoint.estimator.versions) * len(checkpoint.endpoints)


def _seconds(work: Callable[[], object]) -> float:
    """How long it takes by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
