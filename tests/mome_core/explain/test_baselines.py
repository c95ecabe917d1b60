"""Volumes that say nothing about the lesion but look like volumes to the network."""

from __future__ import annotations

import torch
from torch import Tensor

from mome_core.case import Modality
from mome_core.explain.baselines import Baseline, baseline_volumes, blurred, statistics
from small_network import SMALL

DCE, DWI, T2 = Modality


def random_volumes(*modalities: Modality) -> dict[Modality, Tensor]:
    """Smooth random volumes with a margin of zeros, as padding leaves it."""
    generator = torch.Generator().manual_seed(5)
    volumes = {}
    for modality in modalities or tuple(Modality):
        noise = torch.randn(1, *SMALL.volume_shape(modality), generator=generator, dtype=torch.float64)
        volumes[modality] = 5 * torch.nn.functional.avg_pool3d(noise, 3, 1, 1)
        volumes[modality][:, :, :2] = 0
    return volumes


def test_a_blurred_volume_keeps_mean_and_spread_of_every_channel_and_loses_detail() -> None:
    volume = torch.randn(1, 2, 32, 32, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    volume[:, :, 10:13, 10:13, 5:8] += 12
    baseline = blurred(volume)
    for ours, theirs in zip(statistics(baseline), statistics(volume), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9)
    assert baseline.diff(dim=2).abs().mean() < volume.diff(dim=2).abs().mean() / 4


def test_a_constant_volume_stays_as_it_is_under_the_blur() -> None:
    volume = torch.full((1, 1, 16, 16, 16), 3.0)
    assert torch.allclose(blurred(volume), volume)


def test_without_kinetics_all_phases_are_alike() -> None:
    baseline = baseline_volumes(Baseline.MEAN_PHASE, random_volumes(DCE))[DCE]
    assert torch.equal(baseline[:, 0], baseline[:, 1])
    assert torch.allclose(baseline[:, 0], random_volumes(DCE)[DCE].mean(dim=1))
