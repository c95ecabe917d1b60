"""Synthetic weights in the layout of the authors' training checkpoints, from the key table of the specification."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BRANCHES = "ABC"  # DCE with CLS, DWI, T2


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the shapes of a checkpoint depend on; the defaults are the published base model's."""

    width: int = 768
    heads: int = 12
    ffn_width: int = 3072
    layers: int = 12
    sparse_layers: int = 9
    adapter_width: int = 192
    experts: int = 128
    slots: int = 1
    stem: tuple[int, int] = (64, 128)
    dce_channels: int = 6
    tokens: tuple[int, int, int] = (3072, 256, 1152)  # DCE, DWI, T2
    classes: int = 2


def key_table(s: Sizes) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor by name."""
    table: dict[str, tuple[int, ...]] = {"beit3.dce_embed.cls_token": (1, 1, s.width)}
    for name, channels in (("dce", s.dce_channels), ("dwi", 1), ("t2", 1)):
        before = channels
        for place, after in zip((0, 3, 6), (*s.stem, s.width), strict=True):
            table[f"beit3.{name}_embed.stem.{place}.weight"] = (after, before, 3, 3, 3)
            before = after
    rows = (s.tokens[0] + 2, s.tokens[1], s.tokens[2])
    for branch, count in zip(BRANCHES, rows, strict=True):
        table[f"beit3.encoder.embed_positions.{branch}.weight"] = (count, s.width)
    for layer in range(s.layers):
        table |= layer_table(s, f"beit3.encoder.layers.{layer}", sparse=layer < s.sparse_layers)
    affine(table, "fc_norm", (s.width,))
    affine(table, "head", (s.classes, s.width))
    return table


def layer_table(s: Sizes, layer: str, *, sparse: bool) -> dict[str, tuple[int, ...]]:
    """Shapes of one layer's tensors."""
    table: dict[str, tuple[int, ...]] = {}
    for branch in BRANCHES:
        for letter in ("k_proj", "v_proj", "q_proj", "out_proj"):
            affine(table, f"{layer}.self_attn.{letter}.{branch}", (s.width, s.width))
        affine(table, f"{layer}.self_attn.inner_attn_ln.{branch}", (s.width,))
        affine(table, f"{layer}.self_attn_layer_norm.{branch}", (s.width,))
        affine(table, f"{layer}.ffn.{branch}.fc1", (s.ffn_width, s.width))
        affine(table, f"{layer}.ffn.{branch}.fc2", (s.width, s.ffn_width))
        affine(table, f"{layer}.ffn.{branch}.ffn_layernorm", (s.ffn_width,))
        affine(table, f"{layer}.final_layer_norm.{branch}", (s.width,))
    for adapter in [f"{layer}.MLP_Adapter.{branch}" for branch in BRANCHES] if sparse else [f"{layer}.MLP_Adapter"]:
        affine(table, f"{adapter}.norm", (s.width,))
        affine(table, f"{adapter}.D_fc1", (s.adapter_width, s.width))
        affine(table, f"{adapter}.D_fc2", (s.width, s.adapter_width))
    if not sparse:
        table[f"{layer}.MLP_Adapter.moe.phi"] = (s.adapter_width, s.experts, s.slots)
        table[f"{layer}.MLP_Adapter.moe.experts.weight"] = (s.experts, s.adapter_width, s.adapter_width)
        table[f"{layer}.MLP_Adapter.moe.experts.bias"] = (s.experts, s.adapter_width)
    return table


def affine(table: dict[str, tuple[int, ...]], name: str, shape: tuple[int, ...]) -> None:
    table[f"{name}.weight"] = shape
    table[f"{name}.bias"] = shape[:1]


def synthetic_state(s: Sizes, seed: int = 0) -> dict[str, Tensor]:
    """Random values of a plausible scale for every key; the three copies of the backbone are equal, as in training."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for name, shape in key_table(s).items():
        copied = ".layers." in name and "MLP_Adapter" not in name
        first = name.replace(".B.", ".A.").replace(".C.", ".A.")
        if copied and first in state:
            state[name] = state[first].clone()
        else:
            state[name] = plausible(name, shape, generator)
    return state


def plausible(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Norm gains around 1, weights by their fan-in, so that activations stay of order one."""
    noise = torch.randn(shape, generator=generator)
    if "norm" in name or "_ln" in name:
        return 1 + 0.1 * noise if name.endswith("weight") else 0.1 * noise
    if len(shape) == 1 or name.endswith(("embed_positions", "cls_token")) or "embed_positions" in name:
        return 0.1 * noise
    fan_in = shape[1] if "experts" in name else shape[0] if "phi" in name else noise[0].numel()
    return noise / fan_in**0.5
