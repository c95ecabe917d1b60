"""One layer of the backbone: BEiT-3's block, stored once for all modalities, with the adapters beside it.

The published code keeps three copies of these weights (one for each modality); they are frozen and equal.
B batch, T tokens, D width, H heads, F width of the feed-forward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from mome_core.model.architecture import Architecture
from mome_core.model.experts import JOINT, LAYER_NORM_EPSILON, adapters


class Attention(nn.Module):
    """Multi-head self-attention (B, T, D) -> (B, T, D) with a layer norm before the output projection (sub-LN)."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.heads = a.heads
        self.qkv = nn.Linear(a.width, 3 * a.width)
        self.inner_norm = _sub_layer_norm(a, a.width)
        self.out = nn.Linear(a.width, a.width)

    def forward(self, tokens_BTD: Tensor) -> Tensor:
        qkv_BT3Hd = self.qkv(tokens_BTD).unflatten(2, (3, self.heads, -1))
        q_BHTd, k_BHTd, v_BHTd = qkv_BT3Hd.transpose(1, 3).unbind(dim=2)
        mixed_BHTd = nn.functional.scaled_dot_product_attention(q_BHTd, k_BHTd, v_BHTd)
        out_BTD: Tensor = self.out(self.inner_norm(mixed_BHTd.transpose(1, 2).flatten(2)))
        return out_BTD


class FeedForward(nn.Module):
    """(B, T, D) -> (B, T, D): up, exact GELU, layer norm (sub-LN), down."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.up = nn.Linear(a.width, a.ffn_width)
        self.inner_norm = _sub_layer_norm(a, a.ffn_width)
        self.down = nn.Linear(a.ffn_width, a.width)

    def forward(self, tokens_BTD: Tensor) -> Tensor:
        hidden_BTF = self.up(tokens_BTD)
        if isinstance(self.inner_norm, nn.LayerNorm):
            norm = self.inner_norm
            hidden_BTF = GeluAndNorm.apply(hidden_BTF, norm.weight, norm.bias)  # type: ignore[no-untyped-call]
        else:
            hidden_BTF = nn.functional.gelu(hidden_BTF)
        out_BTD: Tensor = self.down(hidden_BTF)
        return out_BTD


class GeluAndNorm(torch.autograd.Function):
    """Layer norm of the exact GELU of (B, T, F), keeping only its input for the backward pass.

    At full size that saves 0.7 GB of an integrated-gradients step for 2 % of its time.
    """

    @staticmethod
    def forward(ctx: Any, hidden_BTF: Tensor, weight_F: Tensor, bias_F: Tensor) -> Tensor:
        ctx.save_for_backward(hidden_BTF, weight_F, bias_F)
        return _gelu_and_norm(hidden_BTF, weight_F, bias_F)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BTF: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad
        inputs = [t.detach().requires_grad_(n) for t, n in zip(ctx.saved_tensors, needed, strict=True)]
        with torch.enable_grad():
            out_BTF = _gelu_and_norm(*inputs)
        gradients = iter(torch.autograd.grad(out_BTF, [t for t in inputs if t.requires_grad], gradient_BTF))
        return tuple(next(gradients) if n else None for n in needed)


def _gelu_and_norm(hidden_BTF: Tensor, weight_F: Tensor, bias_F: Tensor) -> Tensor:
    """The norm is float32 whatever the input."""
    active_BTF = nn.functional.gelu(hidden_BTF).to(weight_F.dtype)
    return nn.functional.layer_norm(active_BTF, weight_F.shape, weight_F, bias_F, LAYER_NORM_EPSILON)


class Block(nn.Module):
    """One layer; an early one runs on the tokens of one modality, a late one on all tokens together.

    x = x + attention(norm(x));  x = x + feed_forward(g) + adapter(g)  with g = norm(x)
    """

    def __init__(self, a: Architecture, *, early: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(a.width, eps=LAYER_NORM_EPSILON)
        self.attention = Attention(a)
        self.ffn_norm = nn.LayerNorm(a.width, eps=LAYER_NORM_EPSILON)
        self.ffn = FeedForward(a)
        self.adapters = adapters(a, early=early)

    def forward(
        self, x_BTD: Tensor, expert: str = JOINT, paths_2B: Tensor | None = None, first: int | None = None
    ) -> Tensor:
        """The tokens after this layer; with `first`, only that many of the first ones (the last layer's CLS).

        Parameters
        ----------
        expert
            Which adapter: a modality's in an early layer.
        paths_2B
            Factor of the two residual branches for each sample in training (stochastic depth).
        """
        x_BTD = x_BTD + _kept(self.attention(self.attention_norm(x_BTD)), paths_2B, 0)
        g_BTD = self.ffn_norm(x_BTD)
        branch_BTD = self.ffn(g_BTD[:, :first])
        if self.adapters:
            adapter = self.adapters[expert if expert in self.adapters else JOINT]
            branch_BTD = branch_BTD + adapter(g_BTD, first=first)
        return x_BTD[:, :first] + _kept(branch_BTD, paths_2B, 1)


def _kept(branch_BTD: Tensor, paths_2B: Tensor | None, which: int) -> Tensor:
    """The residual branch as each sample of this training step keeps it."""
    return branch_BTD if paths_2B is None else branch_BTD * paths_2B[which, :, None, None]


def recomputed(step: Callable[..., Any], *arguments: Any) -> Tensor:
    """The step's output, keeping only its input for the backward pass, which then runs the step again."""
    out: Tensor = checkpoint(step, *arguments, use_reentrant=False) if torch.is_grad_enabled() else step(*arguments)
    return out


def _sub_layer_norm(a: Architecture, width: int) -> nn.Module:
    return nn.LayerNorm(width, eps=LAYER_NORM_EPSILON) if a.sub_layer_norm else nn.Identity()
