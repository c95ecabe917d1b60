"""One layer of the backbone."""

from __future__ import annotations

import torch
from torch import nn

from mome_core.model.encoder import GeluAndNorm


def test_the_lean_gelu_and_norm_has_the_gradients_of_the_two_steps() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 5), (5,), (5,))]
    expected = nn.functional.layer_norm(nn.functional.gelu(inputs[0]), (5,), inputs[1], inputs[2])
    assert torch.allclose(GeluAndNorm.apply(*inputs), expected)
    assert torch.autograd.gradcheck(GeluAndNorm.apply, inputs)
