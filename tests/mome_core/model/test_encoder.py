"""One layer of the backbone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mome_core.model.architecture import Architecture
from mome_core.model.encoder import Attention, Block, FeedForward, GeluAndNorm, recomputed
from mome_core.model.experts import JOINT


def test_the_lean_gelu_and_norm_has_the_gradients_of_the_two_steps() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 5), (5,), (5,))]
    expected = nn.functional.layer_norm(nn.functional.gelu(inputs[0]), (5,), inputs[1], inputs[2])
    assert torch.allclose(GeluAndNorm.apply(*inputs), expected)
    assert torch.autograd.gradcheck(GeluAndNorm.apply, inputs)


SIZES = Architecture(width=12, heads=3, ffn_width=20, layers=2, sparse_layers=1, adapter_width=4, soft_experts=2)


def block(*, early: bool) -> Block:
    """A layer that says something, adapters included."""
    torch.manual_seed(0)
    made = Block(SIZES, early=early).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made


def test_attention_is_that_of_pytorch_with_a_norm_before_the_output() -> None:
    torch.manual_seed(0)
    attention, tokens = Attention(SIZES).double(), torch.randn(2, 5, 12, dtype=torch.float64)
    oracle = nn.MultiheadAttention(12, 3, batch_first=True).double()
    oracle.load_state_dict(
        {
            "in_proj_weight": attention.qkv.weight,
            "in_proj_bias": attention.qkv.bias,
            "out_proj.weight": torch.eye(12),
            "out_proj.bias": torch.zeros(12),
        }
    )
    mixed = oracle(tokens, tokens, tokens, need_weights=False)[0]
    assert torch.allclose(attention(tokens), attention.out(attention.inner_norm(mixed)))


@pytest.mark.parametrize("early", [True, False])
def test_the_first_tokens_of_a_layer_do_not_depend_on_whether_the_others_are_finished(early: bool) -> None:
    layer, tokens = block(early=early), torch.randn(2, 6, 12, dtype=torch.float64)
    expert = "DCE" if early else JOINT
    assert torch.allclose(layer(tokens, expert, first=1), layer(tokens, expert)[:, :1])


def test_an_early_layer_has_an_adapter_of_each_modality_and_a_late_one_an_adapter_of_all() -> None:
    tokens = torch.randn(1, 4, 12, dtype=torch.float64)
    early, late = block(early=True), block(early=False)
    assert not torch.allclose(early(tokens, "DCE"), early(tokens, "T2"))
    assert torch.equal(late(tokens, "DCE"), late(tokens, JOINT))


def test_a_dropped_path_leaves_the_tokens_as_they_are() -> None:
    tokens = torch.randn(2, 4, 12, dtype=torch.float64)
    paths_2B = torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    after = block(early=False)(tokens, paths_2B=paths_2B)
    assert torch.equal(after[0], tokens[0]) and not torch.allclose(after[1], tokens[1])


def test_a_step_that_is_computed_again_gives_the_same_gradient() -> None:
    layer = block(early=False)
    gradients = []
    for again in (False, True):
        tokens = torch.ones(1, 3, 12, dtype=torch.float64).cumsum(dim=1).requires_grad_()
        out = recomputed(layer, tokens) if again else layer(tokens)
        gradients.append(torch.autograd.grad(out.square().sum(), tokens)[0])
    assert torch.allclose(*gradients)


def test_without_sub_layer_norms_the_feed_forward_is_a_perceptron() -> None:
    plain = FeedForward(replace(SIZES, sub_layer_norm=False)).double()
    tokens = torch.randn(1, 3, 12, dtype=torch.float64)
    assert torch.allclose(plain(tokens), plain.down(nn.functional.gelu(plain.up(tokens))))
