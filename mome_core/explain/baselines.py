"""What the input is compared with: volumes that say nothing about the lesion but look like volumes to the network.

The tokenizer normalises after every convolution, so it cannot see a volume's scale: f(a x) = f(x) for a down to 1e-7.
A baseline of zeros is therefore a place next to which the whole of f(x) - f(0) happens within a ten-millionth of the
path (docs/explanation.md). The other baselines keep the statistics that the network normalises by.

B batch, C channels, XYZ voxels, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import torch
from torch import Tensor

from mome_core.case import Modality

_BLUR_SHARE = 1 / 8
"""Standard deviation of the blur, as a share of each axis of the padded volume (384 x 256 x 128: 48, 32, 16 voxels)."""


class Baseline(StrEnum):
    """Where integrated gradients start."""

    BLUR = "blur"
    MEAN_PHASE = "mean phase"
    ZERO = "zero"
    MEAN_PATCH = "mean patch"


def baseline_volumes(baseline: Baseline, volumes: Mapping[Modality, Tensor]) -> dict[Modality, Tensor]:
    """The volumes that a baseline puts in place of the given ones, (B, C, X, Y, Z) each; not for MEAN_PATCH."""
    replacements: dict[Baseline, Callable[[Tensor], Tensor]] = {
        Baseline.BLUR: blurred,
        Baseline.MEAN_PHASE: _without_kinetics,
        Baseline.ZERO: torch.zeros_like,
    }
    return {modality: replacements[baseline](volume) for modality, volume in volumes.items()}


def blurred(volume_BCXYZ: Tensor, share: float = _BLUR_SHARE) -> Tensor:
    """Smoothed beyond recognition of any lesion; each channel keeps its mean and its standard deviation.

    A Gaussian of `share` of each axis; at the border its weights are renormalised, so nothing leaks out of the volume.
    """
    out = volume_BCXYZ
    for axis in (2, 3, 4):
        out = _smoothed(out, axis, share * out.shape[axis])
    mean, std = statistics(volume_BCXYZ)
    blurred_mean, blurred_std = statistics(out)
    tiny = torch.finfo(out.dtype).tiny  # a constant channel stays as it is
    return (out - blurred_mean) * (std / blurred_std.clamp_min(tiny)) + mean


def _smoothed(volume: Tensor, axis: int, sigma: float) -> Tensor:
    """Gaussian of `sigma` voxels along one axis, as a product with a (voxels, voxels) matrix whose rows sum to 1."""
    place = torch.arange(volume.shape[axis], dtype=volume.dtype, device=volume.device)
    weights = torch.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2)
    weights = weights / weights.sum(dim=1, keepdim=True)
    smooth: Tensor = torch.tensordot(volume, weights, dims=([axis], [1])).movedim(-1, axis)
    return smooth


def _without_kinetics(volume_BCXYZ: Tensor) -> Tensor:
    """Every phase replaced by the mean of the phases; a volume of one channel has none and is blurred instead."""
    if volume_BCXYZ.shape[1] == 1:
        return blurred(volume_BCXYZ)
    return volume_BCXYZ.mean(dim=1, keepdim=True).expand_as(volume_BCXYZ)


def mean_tokens(tokens_BTD: Tensor) -> Tensor:
    """Every token replaced by the mean token of its volume."""
    return tokens_BTD.mean(dim=1, keepdim=True).expand_as(tokens_BTD)


def statistics(volume_BCXYZ: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, (B, C, 1, 1, 1)."""
    std, mean = torch.std_mean(volume_BCXYZ, dim=(2, 3, 4), correction=0, keepdim=True)
    return mean, std
