"""Maps that explain the reported score: attributions of a few versions that stand for the estimator's many.

The reported log odds are a calibration of a mean over versions. A path takes some twenty gradients, so it is walked for
a few versions only, chosen so that their mean is close to the mean over all. What the few are off by stands beside the
map.

V versions of the estimator, N explained ones, E endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mome_core.calibration import sigmoid
from mome_core.case import Modality
from mome_core.compute import device_of
from mome_core.estimator import Pooling
from mome_core.explain.baselines import Baseline
from mome_core.explain.path import Progress
from mome_core.explain.quadrature import DEFAULT_LIMITS, AttributionLimits
from mome_core.explain.saliency import Attribution, Method, attribute_versions, relative_error
from mome_core.model.checkpoint import Checkpoint
from mome_core.preprocessing.pad import Axes, Placement, flip, spatial, unpad
from mome_core.preprocessing.prepare import PreparedCase
from mome_core.results import Endpoint, Saliency
from mome_core.scoring import NetworkInput, inputs_of, versions_of

_Array = NDArray[np.float64]
_Version = tuple[Placement, Axes]
_SMALLEST_CHANGE = 1e-6  # log odds; below it a secant is the slope


@dataclass(frozen=True, slots=True)
class SaliencyRequest:
    """How the reported score is to be explained.

    Parameters
    ----------
    versions
        How many versions are explained, at most.
    """

    method: Method = Method.INTEGRATED_GRADIENTS
    baseline: Baseline = Baseline.BLUR
    limits: AttributionLimits = DEFAULT_LIMITS
    versions: int = 8

    def __post_init__(self) -> None:
        if self.versions < 1:
            raise ValueError(f"at least one version is explained, not {self.versions}")

    def __str__(self) -> str:
        start = f" from {self.baseline}" if self.method is Method.INTEGRATED_GRADIENTS else ""
        return f"{self.method}{start} of {self.versions} version{'s' if self.versions > 1 else ''}"


def explain_scores(
    prepared: PreparedCase,
    checkpoint: Checkpoint,
    log_odds: Mapping[Endpoint, _Array],
    request: SaliencyRequest,
    progress: Progress,
) -> tuple[Saliency, ...]:
    """Saliency of each endpoint and modality on the grid of the source images, in log odds of the reported score.

    Parameters
    ----------
    log_odds
        (V,) of every version, for the endpoints to explain, from all modalities of the case.
    progress
        Called with (gradients done, gradients planned); an exception from it ends the work.
    """
    endpoints = tuple(log_odds)
    if not endpoints:
        return ()
    every = versions_of(checkpoint.estimator.augmentation)
    chosen = [every[n] for n in representative(np.stack([log_odds[each] for each in endpoints]), request.versions)]
    inputs = inputs_of(prepared.arrays, checkpoint.recipe)
    least = request.limits.least_change
    means = [_MeanMap(each, checkpoint, log_odds[each], prepared.modalities, least) for each in endpoints]
    found = attribute_versions(
        checkpoint.network,
        [partial(_volumes, checkpoint, inputs, version) for version in chosen],
        endpoints,
        method=request.method,
        baseline=request.baseline,
        limits=request.limits,
        progress=progress,
        pool=checkpoint.estimator.pool,
    )
    for number, attributions in found:
        for mean, attribution in zip(means, attributions, strict=True):
            mean.add(attribution, inputs, chosen[number])
    return tuple(saliency for mean in means for saliency in mean.on_source_grids(prepared, request))


def representative(log_odds_EV: _Array, count: int) -> list[int]:
    """Which versions stand for all: ordered by their answers and cut into equal parts, the middle one of each part.

    Of several endpoints the mean rank decides the order.
    """
    versions = log_odds_EV.shape[1]
    ranks_EV = log_odds_EV.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    order = ranks_EV.mean(axis=0).argsort(kind="stable")
    parts = min(count, versions)
    return [int(order[int((n + 0.5) * versions / parts)]) for n in range(parts)]


def counts_for(pooling: Pooling, start: float, end: float) -> float:
    """How much a change of log odds counts in a pooled one: with c of each of N versions and C of their pool,

    sum c (end - start) / (N C) = pooled end - pooled start, exactly.

    Log odds are averaged evenly. A mean of probabilities is brought to log odds by secants, the slopes of the logistic
    function between start and end (the rescale rule of Shrikumar et al. 2017). Without a start all count the same.
    """
    if pooling is Pooling.LOG_ODDS or np.isnan(start):
        return 1.0
    if abs(end - start) < _SMALLEST_CHANGE:
        return sigmoid(start) * sigmoid(-start)
    return (sigmoid(end) - sigmoid(start)) / (end - start)


@dataclass(frozen=True, slots=True)
class _ExplainedVersion:
    """What is kept of one version: log odds at both ends of its path, what its maps add up to, and gradients."""

    start: float
    end: float
    total: float
    steps: int


class _MeanMap:
    """Maps of the explained versions of one endpoint, added up unflipped and unpadded; each counts as in the pool.

    What fell on the padding is left out.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        checkpoint: Checkpoint,
        log_odds_V: _Array,
        modalities: Sequence[Modality],
        least_change: float,
    ) -> None:
        self.endpoint, self.estimator, self.least_change = endpoint, checkpoint.estimator, least_change
        self.calibration = checkpoint.calibrations(endpoint).of(modalities)
        self.reported = self.estimator.pool(log_odds_V)
        self.arrays: dict[Modality, NDArray[np.floating]] = {}  # (X, Y, Z), without padding
        self.explained: list[_ExplainedVersion] = []

    def add(self, attribution: Attribution, inputs: Sequence[NetworkInput], version: _Version) -> None:
        """One version more."""
        placement, axes = version
        count = counts_for(self.estimator.pooling, attribution.baseline_value, attribution.value)
        for each in inputs:
            unflipped = flip(attribution.summed(each.modality), axes)
            part = count * unpad(unflipped, spatial(each.array), each.offset(placement))
            self.arrays[each.modality] = self.arrays[each.modality] + part if each.modality in self.arrays else part
        self.explained.append(
            _ExplainedVersion(attribution.baseline_value, attribution.value, attribution.total, attribution.steps)
        )

    @property
    def ends(self) -> tuple[float, float]:
        """Pooled log odds of baselines and inputs, before calibration."""
        starts, ends = (np.array([getattr(each, name) for each in self.explained]) for name in ("start", "end"))
        return np.nan if np.isnan(starts).any() else self.estimator.pool(starts), self.estimator.pool(ends)

    @property
    def scale(self) -> float:
        """What brings the sums to pooled log odds."""
        return 1 / (len(self.explained) * counts_for(self.estimator.pooling, *self.ends))

    @property
    def completeness_error(self) -> float:
        """Of the map, or of the version that misses most relative to the mean size of the versions' changes.

        Where input and baseline are answered almost alike, relative to the least change of the limits.
        """
        start, end = self.ends
        pooling = self.estimator.pooling
        total = sum(counts_for(pooling, each.start, each.end) * each.total for each in self.explained) * self.scale
        size = sum(abs(each.end - each.start) for each in self.explained) / len(self.explained)
        worst = max(abs(each.total - (each.end - each.start)) for each in self.explained)
        of_map = relative_error(total - (end - start), end - start, self.least_change)
        return max(of_map, relative_error(worst, size, self.least_change))

    def on_source_grids(self, prepared: PreparedCase, request: SaliencyRequest) -> Iterator[Saliency]:
        """The mean map of each modality, in calibrated log odds, with what it says of itself."""
        to_log_odds = self.calibration.slope * self.scale
        for modality, voxels in self.arrays.items():
            yield Saliency(
                self.endpoint,
                modality,
                prepared.to_patient(modality, (to_log_odds * voxels).astype(np.float32)),
                request.method.value,
                request.baseline.value if request.method is Method.INTEGRATED_GRADIENTS else "none",
                sum(each.steps for each in self.explained),
                self.completeness_error,
                len(self.explained),
                self.calibration.log_odds(self.ends[1]),
                self.calibration.log_odds(self.reported),
                self.calibration.log_odds(self.ends[0]),
            )


def _volumes(checkpoint: Checkpoint, inputs: Sequence[NetworkInput], version: _Version) -> dict[Modality, Tensor]:
    """Volumes (1, C, X, Y, Z) of one version, on the network's device."""
    placement, axes = version
    device = device_of(checkpoint.network)
    return {each.modality: each.volumes([each.offset(placement)], axes).to(device) for each in inputs}
