"""The published model written straight from its specification: one function after the other, no sharing, no fusing.

Three copies of the backbone, one mask of all tokens against all, score matrices in memory, float32. It reads the
tensors by the authors' names and shares no line with `mome_core.model`, so it serves as the oracle of the tests and
as the baseline of the benchmark. Absent modalities: their tokens are removed; CLS stays in branch A.

B batch, L tokens of all present modalities, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
import torch.nn.functional as f
from torch import Tensor

# ruff: noqa: PLR0917 - functions of tensors, in the order of the formulas
State = Mapping[str, Tensor]
NAMES = ("dce", "dwi", "t2")
BRANCH = dict(zip(NAMES, "ABC", strict=True))


def forward(state: State, volumes: Mapping[str, Tensor], heads: int, sparse_layers: int) -> Tensor:
    """Logits (B, classes) from padded volumes (B, C, X, Y, Z) by the names dce, dwi, t2."""
    x, labels = embed(state, volumes)
    mask = (labels[:, None] == labels[None, :])[None]
    layers = 1 + max(int(name.split(".")[3]) for name in state if ".layers." in name)
    for layer in range(layers):
        prefix = f"beit3.encoder.layers.{layer}"
        x = block(state, prefix, x, labels, heads, mask if layer < sparse_layers else None)
    feature = norm(state, "fc_norm", x[:, 0])
    return f.linear(feature, state["head.weight"], state["head.bias"])


def coalitions(state: State, volumes: Mapping[str, Tensor], heads: int, sparse_layers: int) -> dict[str, Tensor]:
    """Logits of the seven subsets, each from the start."""
    subsets = [subset for size in (1, 2, 3) for subset in combinations(volumes, size)]
    return {
        "+".join(subset): forward(state, {name: volumes[name] for name in subset}, heads, sparse_layers)
        for subset in subsets
    }


def integrated_gradients_step(state: State, volumes: Mapping[str, Tensor], heads: int, sparse_layers: int) -> None:
    """Gradient of the logit difference with respect to every voxel, through the whole graph."""
    inputs = {name: volume.clone().requires_grad_() for name, volume in volumes.items()}
    logits = forward(state, inputs, heads, sparse_layers)
    torch.autograd.grad(logits[:, 1].sum() - logits[:, 0].sum(), list(inputs.values()))


def embed(state: State, volumes: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Tokens (B, L, D) with positions, and the modality of each (L,)."""
    batch = len(next(iter(volumes.values())))
    parts, labels = [], []
    for number, name in enumerate(NAMES):
        positions = state[f"beit3.encoder.embed_positions.{BRANCH[name]}.weight"]
        tokens = []
        if name == "dce":
            tokens.append(state["beit3.dce_embed.cls_token"].expand(batch, 1, -1))
        if name in volumes:
            tokens.append(tokenize(state, f"beit3.{name}_embed.stem", volumes[name]))
        if tokens:
            part = torch.cat(tokens, dim=1)
            first = 1 if name == "dce" else 0
            parts.append(part + positions[first : first + part.shape[1]])
            labels += [number] * part.shape[1]
    return torch.cat(parts, dim=1), torch.tensor(labels, device=parts[0].device)


def tokenize(state: State, stem: str, volume: Tensor) -> Tensor:
    """Three convolutions with instance norm and ReLU, a max pooling; (B, C, X, Y, Z) -> (B, T, D)."""
    x = volume
    for place in (0, 3, 6):
        x = f.conv3d(x, state[f"{stem}.{place}.weight"], stride=2, padding=1)
        x = f.relu(f.instance_norm(x, eps=1e-5))
    x = f.max_pool3d(x, kernel_size=3, stride=2, padding=1)
    return x.flatten(2).transpose(1, 2)


def block(state: State, prefix: str, x: Tensor, labels: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    """One layer; a mask makes it a sparse one."""
    h = multiway(state, f"{prefix}.self_attn_layer_norm.{{}}", x, labels, norm)
    x = x + attention(state, f"{prefix}.self_attn", h, labels, heads, mask)
    g = multiway(state, f"{prefix}.final_layer_norm.{{}}", x, labels, norm)
    ffn = multiway(state, f"{prefix}.ffn.{{}}", g, labels, feed_forward)
    if mask is not None:
        return x + ffn + multiway(state, f"{prefix}.MLP_Adapter.{{}}", g, labels, adapter)
    return x + ffn + adapter(state, f"{prefix}.MLP_Adapter", g)


def multiway(state: State, name: str, x: Tensor, labels: Tensor, step) -> Tensor:  # type: ignore[no-untyped-def]
    """Every modality through its own copy."""
    parts = [step(state, name.format("ABC"[n]), x[:, labels == n]) for n in range(3) if (labels == n).any()]
    return torch.cat(parts, dim=1)


def attention(state: State, prefix: str, h: Tensor, labels: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    batch, length, width = h.shape
    q, k, v = (multiway(state, f"{prefix}.{letter}_proj.{{}}", h, labels, linear) for letter in "qkv")
    q = q * (width // heads) ** -0.5
    q, k, v = (t.view(batch, length, heads, -1).transpose(1, 2).reshape(batch * heads, length, -1) for t in (q, k, v))
    scores = torch.bmm(q, k.transpose(1, 2))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    mixed = torch.bmm(scores.softmax(dim=-1), v)
    mixed = mixed.view(batch, heads, length, -1).transpose(1, 2).reshape(batch, length, width)
    mixed = multiway(state, f"{prefix}.inner_attn_ln.{{}}", mixed, labels, norm)
    return multiway(state, f"{prefix}.out_proj.{{}}", mixed, labels, linear)


def feed_forward(state: State, prefix: str, g: Tensor) -> Tensor:
    hidden = norm(state, f"{prefix}.ffn_layernorm", f.gelu(linear(state, f"{prefix}.fc1", g)))
    return linear(state, f"{prefix}.fc2", hidden)


def adapter(state: State, prefix: str, g: Tensor) -> Tensor:
    hidden = f.gelu(linear(state, f"{prefix}.D_fc1", g))
    if f"{prefix}.moe.phi" in state:
        hidden = mixture(state, f"{prefix}.moe", hidden)
    return norm(state, f"{prefix}.norm", linear(state, f"{prefix}.D_fc2", hidden))


def mixture(state: State, prefix: str, x: Tensor) -> Tensor:
    logits = torch.einsum("bma,aes->bmes", x, state[f"{prefix}.phi"])
    dispatch = logits.softmax(dim=1)
    combine = logits.flatten(2).softmax(dim=2).view_as(logits)
    slots = torch.einsum("bma,bmes->besa", x, dispatch)
    experts = torch.einsum("besa,eao->beso", slots, state[f"{prefix}.experts.weight"])
    experts = experts + state[f"{prefix}.experts.bias"][:, None]
    return torch.einsum("beso,bmes->bmo", experts, combine)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return f.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def norm(state: State, name: str, x: Tensor) -> Tensor:
    return f.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-5)
