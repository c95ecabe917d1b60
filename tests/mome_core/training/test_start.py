"""Where training starts: each network of the paper, with the start's values wherever it has the same tensors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mome_core.case import Modality
from mome_core.model.architecture import EarlyAdapter, LateAdapter
from mome_core.model.baselines import Fusion, ResNetFusion
from mome_core.model.checkpoint import Checkpoint, Description, load_baseline, load_checkpoint, save_checkpoint
from mome_core.model.mome import Mome
from mome_core.training.errors import TrainingRefused
from mome_core.training.loop import digest
from mome_core.training.questions import heads_named
from mome_core.training.start import NetworkKind, begins_anew, from_scratch, starting_network
from training_examples import RECIPE, SMALL

HEADS = heads_named(["malignancy"])
RESNETS = [kind for kind in NetworkKind if "resnet" in kind or "fusion" in kind]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("start")
    architecture = replace(SMALL, layers=4, sparse_layers=2)
    save_checkpoint(folder / "start", from_scratch(architecture, 3), RECIPE, Description("start", "1", "For tests."))
    return load_checkpoint(folder / "start")


def test_mome_starts_as_a_copy_so_that_the_next_fold_starts_from_the_same(start: Checkpoint) -> None:
    before = digest(start.network)
    network = starting_network(NetworkKind.MOME, start, HEADS, seed=1)
    assert network is not start.network and digest(network) == before
    with torch.no_grad():
        next(network.parameters()).add_(1)
    assert digest(start.network) == before


@pytest.mark.parametrize(
    ("kind", "early", "late", "sparse"),
    [
        (NetworkKind.MLP_ADAPTER, EarlyAdapter.EXPERT_PER_MODALITY, LateAdapter.SHARED, 2),
        (NetworkKind.NO_EXPERTS, EarlyAdapter.NONE, LateAdapter.NONE, 2),
        (NetworkKind.BEIT3, EarlyAdapter.NONE, LateAdapter.NONE, 0),
    ],
)
def test_an_ablation_keeps_every_tensor_that_it_has_too(
    start: Checkpoint, kind: NetworkKind, early: EarlyAdapter, late: LateAdapter, sparse: int
) -> None:
    network = starting_network(kind, start, HEADS, seed=1)
    assert isinstance(network, Mome)
    a = network.architecture
    assert (a.early_adapter, a.late_adapter, a.sparse_layers) == (early, late, sparse)
    for layer in range(4):
        (place, number), (was, earlier) = (
            ("early", layer) if layer < border else ("late", layer - border) for border in (sparse, 2)
        )
        ours = network.get_parameter(f"{place}.{number}.attention.qkv.weight")
        assert torch.equal(ours, start.network.get_parameter(f"{was}.{earlier}.attention.qkv.weight"))
    assert torch.equal(network.heads["malignancy"].weight, start.network.heads["malignancy"].weight)
    volumes = {m: torch.zeros(1, *a.volume_shape(m)) for m in Modality}
    assert network.eval()(volumes)[HEADS[0].endpoint].shape == (1, 2)


def test_scratch_takes_the_sizes_only(start: Checkpoint) -> None:
    network = starting_network(NetworkKind.NO_EXPERTS, start, HEADS, seed=9, scratch=True)
    again = starting_network(NetworkKind.NO_EXPERTS, start, HEADS, seed=9, scratch=True)
    assert digest(network) == digest(again)
    assert not torch.equal(network.get_parameter("cls_position_D"), start.network.cls_position_D)


def test_another_question_gets_a_new_head_and_keeps_the_rest(start: Checkpoint) -> None:
    network = starting_network(NetworkKind.MOME, start, heads_named(["molecular_subtype"]), seed=1)
    assert network.heads["triple_negative"].weight.shape[0] == 4  # type: ignore[union-attr]
    assert torch.equal(network.get_parameter("norm.weight"), start.network.get_parameter("norm.weight"))


@pytest.mark.parametrize("kind", RESNETS)
def test_resnets_begin_anew_on_the_start_s_recipe(start: Checkpoint, kind: NetworkKind) -> None:
    network = starting_network(kind, start, HEADS, seed=1, resnet_widths=(4, 6))
    assert isinstance(network, ResNetFusion) and begins_anew(kind, scratch=False)
    assert network.architecture.recipe == start.recipe
    assert network.architecture.fusion is (Fusion.FEATURE if kind is NetworkKind.FEATURE_FUSION else Fusion.LATE)
    expected = {"dce": ("DCE",), "t2": ("T2",), "dwi": ("DWI",)}.get(kind.rpartition("-")[2], tuple(Modality))
    assert network.architecture.modalities == expected
    assert network.architecture.stage_blocks == (3, 4)
    assert digest(network) == digest(starting_network(kind, start, HEADS, seed=1, resnet_widths=(4, 6)))


def test_the_published_resnet_has_the_published_size(start: Checkpoint) -> None:
    with torch.device("meta"):
        network = starting_network(NetworkKind.RESNET34_T2, start, HEADS, seed=1)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters == pytest.approx(63.47e6, rel=2e-3)  # one channel (spec: 63.47 M)


def test_mome_does_not_start_from_resnets(start: Checkpoint, tmp_path: Path) -> None:
    network = starting_network(NetworkKind.RESNET34_DCE, start, HEADS, seed=1, resnet_widths=(4,))
    save_checkpoint(tmp_path / "resnet", network, start.recipe, Description("resnet", "1", "For tests."))
    with pytest.raises(TrainingRefused, match="resnet holds ResNets; mome starts from"):
        starting_network(NetworkKind.MOME, load_baseline(tmp_path / "resnet"), HEADS, seed=1)
