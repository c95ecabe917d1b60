"""The tokenizers."""

from __future__ import annotations

import torch
from torch import nn

from mome_core.model.embedding import NormaliseAndRectify


def test_the_fused_norm_is_instance_norm_and_relu_with_its_gradient() -> None:
    x = torch.randn(2, 3, 9, 4, 5, dtype=torch.float64, requires_grad=True)
    expected = nn.functional.relu(nn.functional.instance_norm(x))
    assert torch.allclose(NormaliseAndRectify.apply(x * 1), expected)
    assert torch.autograd.gradcheck(lambda x: NormaliseAndRectify.apply(x * 1), x)
