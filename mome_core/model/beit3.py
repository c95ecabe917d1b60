"""The BEiT-3 backbone in the names that its public copies use: Microsoft's file, and timm's conversions of it.

Microsoft (torchscale) writes a vision branch A and a language branch B, which some copies leave out, with or without
the A; timm writes the vision branch alone, in the names of its vision transformer (`timm/beit3_base_patch16_224.*`,
usually safetensors) or, before that, of a model of its own. Every tensor is used, or ignored for a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import BASE, Architecture, Head
from mome_core.model.build import build_network
from mome_core.model.checkpoint import build_empty, network_with
from mome_core.model.mome import Mome
from mome_core.model.published_keys import StateDict
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

HEAD_WIDTH = 64  # of BEiT-3, base and large


@dataclass(frozen=True, slots=True)
class _BackboneNames:
    """What a kind of file calls the tensors of one layer, without `.weight` and `.bias`.

    Parameters
    ----------
    layer
        Before every name; {layer} is the number.
    qkv
        Query, key and value, or all three as one.
    parts
        Our name -> theirs.
    ignored
        Pattern of a name -> why MOME does not use the tensor.
    """

    layer: str
    qkv: tuple[str, ...]
    parts: Mapping[str, str]
    ignored: Mapping[str, str]

    def of_layer(self, layer: int, name: str) -> str:
        """A name in the file."""
        return f"{self.layer.format(layer=layer)}.{name}"

    def layers_in(self, keys: StateDict) -> int:
        """How many layers the file has."""
        pattern = re.compile(re.escape(self.layer).replace(r"\{layer\}", r"(\d+)") + r"\.")
        return 1 + max((int(found[1]) for name in keys.tensors if (found := pattern.match(name))), default=-1)

    def are_in(self, keys: StateDict) -> bool:
        """Whether the file is of this kind: the inner norms are what makes a vision transformer a BEiT-3."""
        needed = (self.qkv[0], self.parts["attention.inner_norm"], self.parts["ffn.inner_norm"])
        return all(f"{self.of_layer(0, name)}.weight" in keys.tensors for name in needed)


_OTHER_TASKS = {
    r"(mlm_head|mim_head|language_head|vision_head|head|fc_norm|norm|pooler)\..*|logit_scale": "head of another task"
}


def _torchscale(branch: str) -> _BackboneNames:
    """Microsoft's names; `branch` is .A, or nothing in copies without branches."""
    attention = {"attention.out": "out_proj", "attention.inner_norm": "inner_attn_ln"}
    ffn = {"ffn.up": "fc1", "ffn.inner_norm": "ffn_layernorm", "ffn.down": "fc2"}
    return _BackboneNames(
        layer="beit3.encoder.layers.{layer}",
        qkv=tuple(f"self_attn.{letter}_proj{branch}" for letter in "qkv"),
        parts={
            "attention_norm": f"self_attn_layer_norm{branch}",
            "ffn_norm": f"final_layer_norm{branch}",
            **{ours: f"self_attn.{theirs}{branch}" for ours, theirs in attention.items()},
            **{ours: f"ffn{branch}.{theirs}" for ours, theirs in ffn.items()},
        },
        ignored={
            r"beit3\.text_embed\..*": "language input",
            r"beit3\.vision_embed\..*": "input of natural images",
            r"beit3\.encoder\.embed_positions\..*": "positions of natural images and text",
            r"beit3\.encoder\.layers\.\d+\..*\.B\..*": "language branch",
            r"beit3\.encoder\.layer_norm\..*": "final norm, which MOME does not use",
            **_OTHER_TASKS,
        },
    )


def _timm(qkv: tuple[str, ...], out: str, inner_norm: str) -> _BackboneNames:
    """timm's names; the attention's differ between its versions."""
    return _BackboneNames(
        layer="blocks.{layer}",
        qkv=tuple(f"attn.{each}" for each in qkv),
        parts={
            "attention_norm": "norm1",
            "attention.out": f"attn.{out}",
            "attention.inner_norm": f"attn.{inner_norm}",
            "ffn_norm": "norm2",
            "ffn.up": "mlp.fc1",
            "ffn.inner_norm": "mlp.norm",
            "ffn.down": "mlp.fc2",
        },
        ignored={
            r"cls_token|patch_embed\..*": "input of natural images",
            r"pos_embed(\.weight)?": "positions of natural images",
            **_OTHER_TASKS,
        },
    )


MULTIWAY = _torchscale(".A")
_KINDS = (
    MULTIWAY,
    _torchscale(""),
    _timm(("qkv",), "proj", "norm"),
    _timm(("q_proj", "k_proj", "v_proj"), "out_proj", "inner_attn_ln"),
)


def names_in(keys: StateDict) -> _BackboneNames | None:
    """How this file names a BEiT-3 backbone; None when it holds none."""
    return next((names for names in _KINDS if names.are_in(keys)), None)


def mome_from_beit3(
    keys: StateDict, names: _BackboneNames, recipe: Recipe | None, heads: int | None, endpoint: Endpoint
) -> Mome:
    """MOME with a BEiT-3 backbone (its vision branch) and everything else untrained."""
    for name in keys.tensors:
        reason = next((why for pattern, why in names.ignored.items() if re.fullmatch(pattern, name)), None)
        if reason:
            keys.ignored[name] = reason
    layers = names.layers_in(keys)
    if layers <= BASE.sparse_layers:
        raise CheckpointRefused(f"BEiT-3 has 12 or 24 layers, the file has {layers}")
    ffn_width, width = keys.shape_of(f"{names.of_layer(0, names.parts['ffn.up'])}.weight")
    a = replace(
        BASE.for_recipe(recipe or Recipe()),
        width=width,
        ffn_width=ffn_width,
        heads=heads or width // HEAD_WIDTH,
        layers=layers,
        adapter_width=width // 4,
        answers=(Head(endpoint),),
    )
    weights: dict[str, Tensor] = dict(build_network(a).state_dict())
    for layer in range(a.layers):
        weights |= backbone_layer(keys, names, a, layer)
    return network_with(build_empty(a), weights)


def backbone_layer(keys: StateDict, names: _BackboneNames, a: Architecture, layer: int) -> dict[str, Tensor]:
    """One layer of the backbone under our names; query, key and value become one map."""
    ours = our_layer(a, layer)
    weights: dict[str, Tensor] = {}
    for part in ("weight", "bias"):
        rows = [keys.take(f"{names.of_layer(layer, each)}.{part}") for each in names.qkv]
        weights[f"{ours}.attention.qkv.{part}"] = torch.cat(rows)
    for our_name, their_name in names.parts.items():
        if a.sub_layer_norm or "inner_norm" not in our_name:
            weights |= keys.take_affine(f"{ours}.{our_name}", names.of_layer(layer, their_name))
    return weights


def our_layer(a: Architecture, layer: int) -> str:
    """Where our network keeps a layer that others number through."""
    return f"early.{layer}" if layer < a.sparse_layers else f"late.{layer - a.sparse_layers}"
