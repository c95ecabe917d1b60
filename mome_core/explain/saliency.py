"""Which voxels moved the answer: integrated gradients, and gradient x input, on every modality that is there.

The explained number is the logit of the endpoint's probability, logit 1 - logit 0, before any temperature.

B nodes of one pass, C channels, XYZ voxels, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.baselines import Baseline, baseline_volumes, mean_tokens
from mome_core.explain.path import DEFAULT_LIMITS, AttributionLimits, AttributionPath, Inputs, Progress, integrate
from mome_core.explain.quadrature import QuadratureRule, Spacing
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
        Nodes that the maps rest on.
    gradients
        How many gradients were computed in all, those of panels that turned out too coarse included.
    value, baseline_value
        Log odds of the input and of the baseline; NaN without baseline.
    """

    endpoint: Endpoint
    method: Method
    baseline: Baseline | None
    maps: Mapping[Modality, NDArray[np.floating]]
    steps: int
    gradients: int
    value: float
    baseline_value: float

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
        """|total - (value - baseline value)| / |value - baseline value|; NaN without baseline."""
        return _relative_error(self.total, self.value - self.baseline_value)

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
    """Attribution of one endpoint's log odds to every voxel of the padded volumes (1, C, X, Y, Z) of one case.

    Raises NumericsFault, naming the modality, for volumes, gradients or answers that are not finite.

    Parameters
    ----------
    baseline
        Of integrated gradients; `baselines` defines each.
    progress
        Called with (gradients done, gradients planned) after every pass; an exception from it ends the work.
    """
    network.require_volumes(volumes)
    _require_one_finite_case(volumes)
    report = progress or (lambda done, planned: None)
    with torch.enable_grad(), _recomputing(network, _pass_gib(network, volumes) > limits.memory_gib):
        if method is Method.GRADIENT_TIMES_INPUT:
            return _gradient_times_input(network, volumes, endpoint, report)
        path = _path_from(baseline, network, volumes, endpoint, limits)
        integral = integrate(path, limits, report)
    maps = _on_voxels(network, integral.maps) if baseline is Baseline.MEAN_PATCH else _as_arrays(integral.maps)
    return Attribution(
        endpoint, method, baseline, maps, integral.steps, integral.gradients, integral.value, integral.baseline_value
    )


def _gradient_times_input(network: Mome, volumes: Inputs, endpoint: Endpoint, report: Progress) -> Attribution:
    """One gradient: up to a factor what integrated gradients from zero give on this network with evenly spaced nodes.

    Its sum over a modality is zero but for rounding, because the tokenizer is blind to scale (Euler's theorem).
    """
    path = AttributionPath(log_odds_of(network, endpoint), baseline_volumes(Baseline.ZERO, volumes), volumes)
    at_the_input = QuadratureRule(np.ones(1), np.ones(1))
    maps = _as_arrays(path.attributions(at_the_input))
    report(1, 1)
    return Attribution(endpoint, Method.GRADIENT_TIMES_INPUT, None, maps, 1, 1, path.value(1.0), np.nan)


def _path_from(
    baseline: Baseline, network: Mome, volumes: Inputs, endpoint: Endpoint, limits: AttributionLimits
) -> AttributionPath:
    """From the baseline to these volumes, or from the mean tokens to these volumes' tokens."""
    nodes = max(1, int(limits.memory_gib / _pass_gib(network, volumes)))
    if baseline is not Baseline.MEAN_PATCH:
        spacing = Spacing.LOGARITHMIC if baseline is Baseline.ZERO else Spacing.EVEN
        return AttributionPath(
            log_odds_of(network, endpoint), baseline_volumes(baseline, volumes), volumes, spacing, nodes
        )
    with torch.no_grad():
        tokens = {m: network.tokenizers[m.value](volume) for m, volume in volumes.items()}
    start = {modality: mean_tokens(tokens_BTD) for modality, tokens_BTD in tokens.items()}
    return AttributionPath(log_odds_of_tokens(network, endpoint), start, tokens, nodes_per_pass=nodes)


def log_odds_of(network: Mome, endpoint: Endpoint) -> Callable[[Inputs], Tensor]:
    """Volumes (B, C, X, Y, Z) to log odds (B,)."""
    return lambda volumes: network.log_odds(endpoint, network(volumes)[endpoint])


def log_odds_of_tokens(network: Mome, endpoint: Endpoint) -> Callable[[Inputs], Tensor]:
    """Tokens (B, T, D) as the tokenizers give them to log odds (B,)."""

    def answer(tokens: Inputs) -> Tensor:
        early = {modality: network.after_tokenizer(modality, tokens_BTD) for modality, tokens_BTD in tokens.items()}
        return network.log_odds(endpoint, network.joint_stage(early)[endpoint])

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


def _relative_error(total: float, expected: float) -> float:
    """|total - expected| / |expected|: 0 where both agree, infinite where only the expectation is 0."""
    miss = abs(total - expected)
    return miss / abs(expected) if expected else (np.inf if miss else 0.0)


def _require_one_finite_case(volumes: Inputs) -> None:
    """Raise for a batch of several cases (ValueError), or for a volume with NaN or infinity (NumericsFault)."""
    for modality, volume in volumes.items():
        if len(volume) != 1:
            raise ValueError(f"{modality}: an attribution is of one case, got a batch of {len(volume)}")
        if not bool(torch.isfinite(volume).all()):
            raise NumericsFault(f"the {modality} volume holds a value that is not finite")


def _pass_gib(network: Mome, volumes: Inputs) -> float:
    """Memory that the forward and backward pass of one node takes when all activations are kept, roughly, GiB.

    An estimate that counts tensors: per voxel what the tokenizer keeps, per token what the layers keep. 7.0 for the
    base model at full size, which is why its layers are computed again in the backward pass by default.
    """
    a = network.architecture
    voxels = sum(volume.numel() for volume in volumes.values())
    places = sum(volume[0, 0].numel() for volume in volumes.values())
    tokens = 1 + sum(a.tokens(modality) for modality in volumes)
    values = 3 * voxels + 5 * places / 8 * a.stem_widths[0] + tokens * a.layers * (14 * a.width + 2 * a.ffn_width)
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
