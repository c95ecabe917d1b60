"""Which voxels moved the answer: integrated gradients, and gradient x input, on every modality that is there.

The explained number is the logit of the endpoint's probability, logit 1 - logit 0, before any temperature.

B nodes of one pass, C channels, XYZ voxels, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.baselines import Baseline, baseline_volumes, mean_tokens
from mome_core.explain.path import (
    Answer,
    AttributionPath,
    ConvolvedPath,
    Inputs,
    Integral,
    Progress,
    integrate,
    nodes_at,
)
from mome_core.explain.quadrature import DEFAULT_LIMITS, AttributionLimits, Pool, Spacing
from mome_core.model.architecture import PATCH
from mome_core.model.mome import Mome
from mome_core.results import Endpoint


class Method(StrEnum):
    """How an attribution is computed."""

    INTEGRATED_GRADIENTS = "integrated gradients"
    GRADIENT_TIMES_INPUT = "gradient x input"


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """How much every voxel of every modality moved one endpoint's log odds, on the network's padded grid.

    Parameters
    ----------
    maps
        (C, X, Y, Z) of each modality, signed, in units of logit difference per voxel and channel. In token space C is 1
        and each token's attribution is spread evenly over its 16 x 16 x 16 voxels.
    baseline
        None for gradient x input, which has none.
    steps
        Places on the path at which the gradient was taken.
    value, baseline_value
        Log odds of the input and of the baseline; NaN without baseline.
    absolute_miss
        What the stretches between the steps miss, without signs; NaN without baseline.
    least_change
        Log odds that errors are shares of where input and baseline are answered more alike than that.
    """

    endpoint: Endpoint
    method: Method
    baseline: Baseline | None
    maps: Mapping[Modality, NDArray[np.floating]]
    steps: int
    value: float
    baseline_value: float = np.nan
    absolute_miss: float = np.nan
    least_change: float = DEFAULT_LIMITS.least_change

    def __post_init__(self) -> None:
        for modality, voxels in self.maps.items():
            if not np.isfinite(voxels).all():
                raise NumericsFault(f"the {self.method} of the {modality} volume hold a value that is not finite")

    @property
    def total(self) -> float:
        """Sum over all voxels of all modalities."""
        return sum(float(voxels.sum(dtype=np.float64)) for voxels in self.maps.values())

    @property
    def completeness_error(self) -> float:
        """|total - change| / max(|change|, least change) of change = value - baseline value; NaN without baseline."""
        change = self.value - self.baseline_value
        return relative_error(self.total - change, change, self.least_change)

    @property
    def absolute_error(self) -> float:
        """The absolute miss, relative to the change likewise: what the map may be off by although its sum agrees."""
        return relative_error(self.absolute_miss, self.value - self.baseline_value, self.least_change)

    def summed(self, modality: Modality) -> NDArray[np.floating]:
        """(X, Y, Z): the sum over channels, e.g. the phases of the DCE."""
        total: NDArray[np.floating] = self.maps[modality].sum(axis=0)
        return total


def attribute(
    network: Mome,
    volumes: Inputs,
    endpoint: Endpoint,
    *,
    method: Method = Method.INTEGRATED_GRADIENTS,
    baseline: Baseline = Baseline.BLUR,
    limits: AttributionLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Attribution:
    """Attribution of one endpoint's log odds to every voxel of the padded volumes (1, C, X, Y, Z) of one version.

    For several endpoints or versions see `attribute_versions`.
    """
    (found,) = attribute_versions(
        network, [lambda: volumes], [endpoint], method=method, baseline=baseline, limits=limits, progress=progress
    )
    return found[1][0]


def attribute_versions(
    network: Mome,
    versions: Sequence[Callable[[], Inputs]],
    endpoints: Sequence[Endpoint],
    *,
    method: Method = Method.INTEGRATED_GRADIENTS,
    baseline: Baseline = Baseline.BLUR,
    limits: AttributionLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    pool: Pool = np.mean,
) -> Iterator[tuple[int, tuple[Attribution, ...]]]:
    """Number and attributions of each version of a case, one for each endpoint, in the order they are finished.

    Raises NumericsFault, naming the modality, for volumes, gradients or answers that are not finite.

    Parameters
    ----------
    versions
        Padded volumes (1, C, X, Y, Z), made when their turn comes; all of the same modalities.
    baseline
        Of integrated gradients; `baselines` defines each.
    progress
        Called with (gradients done, gradients planned) after every pass; an exception from it ends the work.
    pool
        From the versions' log odds to what is shown of them.
    """
    work = _Work(network, tuple(endpoints), method, baseline, limits, pool)
    first = versions[0]()
    network.require_volumes(first)
    one_pass = _pass_gib(network, first, len(endpoints))
    with _recomputing(network, one_pass > limits.memory_gib):
        side_by_side = min(len(versions), max(1, int(limits.memory_gib / one_pass)))
        yield from work.attributions(versions, side_by_side, progress or (lambda done, planned: None))


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What is attributed, and how."""

    network: Mome
    endpoints: tuple[Endpoint, ...]
    method: Method
    baseline: Baseline
    limits: AttributionLimits
    pool: Pool

    def attributions(
        self, versions: Sequence[Callable[[], Inputs]], side_by_side: int, report: Progress
    ) -> Iterator[tuple[int, tuple[Attribution, ...]]]:
        """By the method asked for."""
        if self.method is Method.GRADIENT_TIMES_INPUT:
            yield from self._gradient_times_input(versions, report)
            return
        answer_of = log_odds_of_tokens if self.baseline is Baseline.MEAN_PATCH else _log_odds_behind
        answer = answer_of(self.network, self.endpoints)
        paths = [partial(self._path, each) for each in versions]
        for number, integral in integrate(answer, paths, self.limits, side_by_side, report, pool=self.pool):
            yield number, tuple(self._attribution(integral, e) for e in range(len(self.endpoints)))

    def _path(self, version: Callable[[], Inputs]) -> AttributionPath:
        """From the baseline to these volumes, or from the mean tokens to these volumes' tokens."""
        volumes = version()
        self.network.require_volumes(volumes)
        _require_one_finite_case(volumes)
        if self.baseline is Baseline.MEAN_PATCH:
            return _token_path(self.network, volumes)
        return _convolved_path(self.network, self.baseline, volumes)

    def _attribution(self, integral: Integral, e: int) -> Attribution:
        """Of one endpoint."""
        found = integral.path.attributions(integral.gradients[e])
        maps = _on_voxels(self.network, found) if self.baseline is Baseline.MEAN_PATCH else _as_arrays(found)
        return Attribution(
            self.endpoints[e],
            self.method,
            self.baseline,
            maps,
            integral.steps,
            float(integral.values[e]),
            float(integral.baseline_values[e]),
            float(integral.absolutely_missed[e]),
            self.limits.least_change,
        )

    def _gradient_times_input(
        self, versions: Sequence[Callable[[], Inputs]], report: Progress
    ) -> Iterator[tuple[int, tuple[Attribution, ...]]]:
        """One gradient: up to a factor what integrated gradients from zero give here with evenly spaced nodes.

        Its sum over a modality is zero but for rounding, because the tokenizer is blind to scale (Euler's theorem).
        """
        answer = _log_odds_behind(self.network, self.endpoints)
        for number, version in enumerate(versions):
            volumes = version()
            _require_one_finite_case(volumes)
            path = _convolved_path(self.network, Baseline.ZERO, volumes)
            (node,) = nodes_at(answer, [(replace(path, spacing=Spacing.EVEN), 1.0)])
            report(number + 1, len(versions))
            yield (
                number,
                tuple(
                    Attribution(
                        endpoint, self.method, None, _as_arrays(path.attributions(gradient)), 1, float(node.values[e])
                    )
                    for e, (endpoint, gradient) in enumerate(zip(self.endpoints, node.gradients, strict=True))
                ),
            )


@torch.no_grad()
def _convolved_path(network: Mome, baseline: Baseline, volumes: Inputs) -> ConvolvedPath:
    """From the baseline to these volumes, behind the first convolution of each tokenizer."""
    starts = baseline_volumes(baseline, volumes)
    tokenizers = {m: network.tokenizer(m) for m in volumes}
    return ConvolvedPath(
        {m: tokenizers[m].first_convolution(volume) for m, volume in starts.items()},
        {m: tokenizers[m].first_convolution(volume) for m, volume in volumes.items()},
        Spacing.LOGARITHMIC if baseline is Baseline.ZERO else Spacing.EVEN,
        {m: volume - starts[m] for m, volume in volumes.items()},
        lambda m, gradient: tokenizers[m].first_transposed(gradient, volumes[m].shape),
    )


@torch.no_grad()
def _token_path(network: Mome, volumes: Inputs) -> AttributionPath:
    """From the mean tokens to the tokens of these volumes."""
    tokens = {m: network.tokenizer(m)(volume) for m, volume in volumes.items()}
    return AttributionPath({modality: mean_tokens(tokens_BTD) for modality, tokens_BTD in tokens.items()}, tokens)


def _log_odds_behind(network: Mome, endpoints: Sequence[Endpoint]) -> Answer:
    """From what the first convolutions give, (B, N, X, Y, Z), to log odds (B, E)."""
    answer = log_odds_of_tokens(network, endpoints)

    def from_first_convolutions(points: Inputs) -> Tensor:
        # the norm overwrites what it is given
        return answer({m: network.tokenizer(m).after_first_convolution(x.clone()) for m, x in points.items()})

    return from_first_convolutions


def log_odds_of_tokens(network: Mome, endpoints: Sequence[Endpoint]) -> Answer:
    """From tokens (B, T, D) as the tokenizers give them to log odds (B, E)."""

    def answer(tokens: Inputs) -> Tensor:
        early = {modality: network.after_tokenizer(modality, tokens_BTD) for modality, tokens_BTD in tokens.items()}
        logits = network.joint_stage(early)
        return torch.stack([network.log_odds(endpoint, logits[endpoint]) for endpoint in endpoints], dim=1)

    return answer


def _on_voxels(network: Mome, attributions: Inputs) -> dict[Modality, NDArray[np.floating]]:
    """Attributions of tokens (1, T, D) spread evenly over the tokens' voxels, (1, X, Y, Z); sums are kept."""
    maps = {}
    for modality, attribution_1TD in attributions.items():
        per_token = attribution_1TD.sum(dim=2).reshape(network.architecture.grid(modality)).cpu().numpy()
        maps[modality] = np.kron(per_token, np.full((PATCH,) * 3, PATCH**-3, per_token.dtype))[None]
    return maps


def _as_arrays(attributions: Inputs) -> dict[Modality, NDArray[np.floating]]:
    """Attributions of voxels (1, C, X, Y, Z) as arrays (C, X, Y, Z)."""
    return {modality: attribution[0].cpu().numpy() for modality, attribution in attributions.items()}


def relative_error(miss: float, change: float, least_change: float) -> float:
    """|miss| / max(|change|, least change); NaN where there is no change to compare with."""
    return abs(miss) / max(abs(change), least_change)


def _require_one_finite_case(volumes: Inputs) -> None:
    """Raise for a batch of several cases (ValueError), or for a volume with NaN or infinity (NumericsFault)."""
    for modality, volume in volumes.items():
        if len(volume) != 1:
            raise ValueError(f"{modality}: an attribution is of one case, got a batch of {len(volume)}")
        if not bool(torch.isfinite(volume).all()):
            raise NumericsFault(f"the {modality} volume holds a value that is not finite")


def _pass_gib(network: Mome, volumes: Inputs, endpoints: int) -> float:
    """Memory that one path takes while it is walked and all activations are kept, roughly, GiB.

    An estimate that counts tensors: per voxel behind the first convolution what the tokenizer and the path keep (both
    ends, and for each endpoint the sum and the gradients of three nodes), per token what the layers keep.
    """
    a = network.architecture
    places = sum(volume[0, 0].numel() for volume in volumes.values())
    tokens = 1 + sum(a.tokens(modality) for modality in volumes)
    behind = places / 8 * a.stem_widths[0]
    values = (7 + 4 * endpoints) * behind + tokens * a.layers * (14 * a.width + 2 * a.ffn_width)
    return values * next(iter(volumes.values())).element_size() / 2**30


@contextmanager
def _recomputing(network: Mome, needed: bool) -> Iterator[None]:
    """Within, the network keeps only its layers' inputs for the backward pass, if that is needed."""
    before = network.recompute
    network.recompute = before or needed
    try:
        yield
    finally:
        network.recompute = before
