"""What must hold of the network whatever its weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mome_core.case import Modality
from mome_core.model.architecture import BASE, LARGE, Architecture, EarlyAdapter, LateAdapter
from mome_core.model.initialise import LINEAR_STD
from mome_core.model.mome import Mome
from mome_core.results import Endpoint

SMALL = Architecture(
    width=32,
    heads=4,
    ffn_width=64,
    layers=4,
    sparse_layers=2,
    adapter_width=8,
    soft_experts=5,
    stem_widths=(4, 8),
    dce_channels=2,
    dce_grid=(2, 2, 2),
    dwi_grid=(2, 1, 1),
    t2_grid=(2, 2, 1),
)


def trained(a: Architecture = SMALL) -> Mome:
    """A network whose adapters and heads say something, as after training."""
    torch.manual_seed(0)
    network = Mome(a)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    network.freeze()
    return network


def volumes(a: Architecture = SMALL, batch: int = 3) -> dict[Modality, torch.Tensor]:
    torch.manual_seed(1)
    return {modality: torch.randn(batch, *a.volume_shape(modality)) for modality in Modality}


def logits(network: Mome, given: dict[Modality, torch.Tensor]) -> torch.Tensor:
    return network(given)[Endpoint.MALIGNANCY]


def test_permuting_the_batch_permutes_the_answers() -> None:
    network, given, order = trained(), volumes(), [2, 0, 1]
    permuted = {modality: volume[order] for modality, volume in given.items()}
    assert torch.allclose(logits(network, permuted), logits(network, given)[order], atol=1e-6)


@pytest.mark.parametrize("absent", list(Modality))
def test_an_absent_modality_is_as_if_its_weights_were_never_loaded(absent: Modality) -> None:
    network = trained()
    given = {modality: volume for modality, volume in volumes().items() if modality is not absent}
    before = logits(network, given)
    for name, parameter in network.named_parameters():
        if f"tokenizers.{absent}." in name or name == f"positions.{absent}":
            parameter.fill_(float("nan"))
        if f"adapters.{absent}." in name and absent is not Modality.DCE:  # CLS goes by the DCE's expert without DCE too
            parameter.fill_(float("nan"))
    assert torch.equal(logits(network, given), before)


def test_five_runs_give_the_same_bits() -> None:
    network, given = trained(), volumes()
    first = logits(network, given)
    assert all(torch.equal(logits(network, given), first) for _ in range(4))


def test_stages_put_together_are_the_forward_pass() -> None:
    network, given = trained(), volumes()
    tokens = {modality: network.modality_stage(modality, volume) for modality, volume in given.items()}
    assert torch.equal(network.joint_stage(tokens)[Endpoint.MALIGNANCY], logits(network, given))
    without_dce = {modality: tokens[modality] for modality in (Modality.DWI, Modality.T2)}
    answer = network.joint_stage(without_dce, network.cls_alone(3))[Endpoint.MALIGNANCY]
    assert torch.equal(answer, network.joint_stage(without_dce)[Endpoint.MALIGNANCY])


def test_the_order_in_which_modalities_are_given_does_not_matter() -> None:
    network, given = trained(), volumes()
    assert torch.equal(logits(network, dict(reversed(given.items()))), logits(network, given))


def test_the_answer_does_not_see_the_scale_of_a_modality() -> None:
    network, given = trained(), volumes()
    scaled = given | {Modality.T2: 7 * given[Modality.T2]}
    assert torch.allclose(logits(network, scaled), logits(network, given), atol=1e-4)


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_agree_with_finite_differences_and_recomputing_changes_nothing(recompute: bool) -> None:
    network = trained().double()
    network.recompute = recompute
    given = {modality: volume[:1].double().requires_grad_() for modality, volume in volumes().items()}
    log_odds = network.log_odds(Endpoint.MALIGNANCY, network(given)[Endpoint.MALIGNANCY])
    gradients = dict(zip(given, torch.autograd.grad(log_odds.sum(), list(given.values())), strict=True))
    for modality, volume in given.items():
        direction, step = torch.randn_like(volume), 1e-5
        ends = []
        for sign in (1, -1):
            moved = given | {modality: (volume + sign * step * direction).detach()}
            ends.append(network.log_odds(Endpoint.MALIGNANCY, network(moved)[Endpoint.MALIGNANCY]))
        slope = ((ends[0] - ends[1]) / (2 * step)).item()
        assert (gradients[modality] * direction).sum().item() == pytest.approx(slope, rel=1e-4)


def test_what_the_paper_trains_is_counted_right_at_full_size() -> None:
    with torch.device("meta"):
        base, large = Mome(BASE), Mome(LARGE)
    never_used = 768  # row 0 of the published table of positions, which we do not keep
    assert sum(p.numel() for p in base.parameters()) == 120_458_114 - never_used
    assert sum(p.numel() for _, p in base.trainable_parameters()) == 35_311_490 - never_used
    assert len(large.early) + len(large.late) == 24
    base.train_everything()
    assert len(list(base.trainable_parameters())) == len(list(base.parameters()))


def test_initial_values_are_the_published_ones() -> None:
    torch.manual_seed(0)
    network = Mome(replace(SMALL, width=64))
    linear = network.early[0].attention.qkv.weight
    assert linear.abs().max() <= LINEAR_STD
    assert linear.std().item() == pytest.approx(0.0108, rel=0.05)
    late = network.late[0].adapters["joint"]
    assert late.up.weight.abs().max() == late.up.bias.abs().max() == 0
    assert late.mixture.phi_AES.abs().max() <= 5**-0.5
    assert late.mixture.weight_EAA.abs().max() <= 1 / 8
    assert network.heads["malignancy"].weight.abs().max() <= LINEAR_STD / 1000
    assert network.cls_D.abs().max() == 0


@pytest.mark.parametrize("early", list(EarlyAdapter))
@pytest.mark.parametrize("late", list(LateAdapter))
def test_every_choice_of_adapters_answers_and_saves_unshared_tensors(early: EarlyAdapter, late: LateAdapter) -> None:
    network = trained(replace(SMALL, early_adapter=early, late_adapter=late))
    assert torch.isfinite(logits(network, volumes())).all()
    tensors = [tensor.data_ptr() for tensor in network.state_dict().values()]
    assert len(set(tensors)) == len(tensors)


def test_stochastic_depth_drops_whole_samples_in_training_only() -> None:
    network = trained(replace(SMALL, drop_path=0.9))
    given = {modality: volume[:1].expand(64, *volume.shape[1:]) for modality, volume in volumes().items()}
    assert logits(network, given).std(dim=0).max() < 1e-5
    network.train()
    assert logits(network, given).std(dim=0).max() > 1e-3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "at least one modality"),
        ({Modality.T2: torch.zeros(1, 1, 32, 32, 32)}, r"T2: expected a volume \('batch', 1, 32, 32, 16\)"),
        ({Modality.DWI: torch.zeros(1, 2, 32, 16, 16)}, "DWI: expected"),
    ],
)
def test_input_of_another_shape_is_refused_by_name(given: dict[Modality, torch.Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trained()(given)
