"""The ResNets that MOME is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import Architecture
from mome_core.model.baselines import Fusion, ResNetArchitecture
from mome_core.model.build import build_network
from mome_core.model.checkpoint import (
    Description,
    load_baseline,
    load_checkpoint,
    save_checkpoint,
)
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 32, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)
DESCRIPTION = Description("test", "1", "Knows nothing.", {"seed": 1})


def volumes() -> dict[Modality, torch.Tensor]:
    return {modality: torch.randn(1, *SMALL.volume_shape(modality)) for modality in Modality}


@pytest.mark.parametrize("fusion", list(Fusion))
def test_a_baseline_is_saved_and_loaded_and_is_not_taken_for_mome(tmp_path: Path, fusion: Fusion) -> None:
    a = ResNetArchitecture(fusion, stage_widths=(4, 8), stage_blocks=(1, 1), recipe=RECIPE)
    network = build_network(a).eval()
    save_checkpoint(tmp_path / "model", network, RECIPE, DESCRIPTION)
    given = volumes()
    loaded = load_baseline(tmp_path / "model").network(given)
    assert torch.allclose(loaded[Endpoint.MALIGNANCY], network(given)[Endpoint.MALIGNANCY])
    with pytest.raises(CheckpointRefused, match="baseline"):
        load_checkpoint(tmp_path / "model")


def test_late_fusion_is_the_mean_of_the_unimodal_probabilities() -> None:
    network = build_network(ResNetArchitecture(stage_widths=(4, 8), stage_blocks=(1, 1), recipe=RECIPE)).eval()
    given = volumes()

    def probability(modalities: tuple[Modality, ...]) -> torch.Tensor:
        logits = network({modality: given[modality] for modality in modalities})[Endpoint.MALIGNANCY]
        return network.probability(Endpoint.MALIGNANCY, logits)

    alone = torch.stack([probability((modality,)) for modality in Modality])
    assert torch.allclose(probability(tuple(Modality)), alone.mean(dim=0), atol=1e-6)


def test_resnet34_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = build_network(ResNetArchitecture(modalities=(Modality.DCE,)))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 63.58
