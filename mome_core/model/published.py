"""Weights that others publish, as a network of ours: the MOME authors' training checkpoints and BEiT-3.

Pickles are read with `weights_only=True`, safetensors as they are. Every key is used, or ignored for a reason that is
listed, or the file is refused by that key's name. Sizes come from the tensors' shapes; what no tensor tells (volume
sizes, heads) is given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import (
    BASE,
    SUBTYPE,
    Architecture,
    EarlyAdapter,
    Head,
    HeadKind,
    LateAdapter,
    TokenizerNorm,
)
from mome_core.model.beit3 import HEAD_WIDTH, MULTIWAY, backbone_layer, mome_from_beit3, names_in, our_layer
from mome_core.model.checkpoint import build_empty, network_with
from mome_core.model.experts import JOINT
from mome_core.model.mome import Mome
from mome_core.model.published_keys import StateDict, read_keys
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

MOME_KIND, BEIT3_KIND = "MOME training checkpoint", "BEiT-3 backbone"
_BRANCH = {Modality.DCE: "A", Modality.DWI: "B", Modality.T2: "C"}
_EMBED = {modality: f"beit3.{modality.lower()}_embed" for modality in Modality}
_LAYER = re.compile(r"beit3\.encoder\.layers\.(\d+)\.")

_ADAPTER = {"down": "D_fc1", "up": "D_fc2", "norm": "norm"}
_MIXTURE = {"phi_AES": "phi", "weight_EAA": "experts.weight", "bias_EA": "experts.bias"}


@dataclass(frozen=True, slots=True, eq=False)
class ImportedNetwork:
    """A network with published values, and where they came from.

    Parameters
    ----------
    kind
        MOME_KIND or BEIT3_KIND.
    sha256
        Of the file.
    used, ignored
        Names of the file's tensors; each ignored one with the reason.
    """

    network: Mome
    recipe: Recipe
    kind: str
    sha256: str
    used: tuple[str, ...]
    ignored: Mapping[str, str]

    @property
    def statement(self) -> str:
        """What is known of the model, one sentence."""
        if self.kind == BEIT3_KIND:
            return "Untrained: a BEiT-3 backbone to start training from; its answers mean nothing."
        return "Published MOME weights; the file does not say what they were trained and validated on."


def import_published(
    path: Path, recipe: Recipe | None = None, *, heads: int | None = None, endpoint: Endpoint = Endpoint.MALIGNANCY
) -> ImportedNetwork:
    """Read a published file of either kind, recognised by its keys.

    Parameters
    ----------
    recipe
        Volume sizes; None for the paper's. Token counts in the file must agree with them.
    heads
        Attention heads; None for width / 64, as in BEiT-3.
    endpoint
        What the file's head answers; files do not say. Four classes are always the subtyping task.
    """
    keys = read_keys(path)
    if f"{_EMBED[Modality.DCE]}.cls_token" in keys.tensors:
        kind, network = MOME_KIND, _mome_from(keys, recipe, heads, endpoint)
    elif (names := names_in(keys)) is not None:
        kind, network = BEIT3_KIND, mome_from_beit3(keys, names, recipe, heads, endpoint)
    else:
        raise CheckpointRefused(
            f"{path.name} is neither a MOME training checkpoint nor a BEiT-3 file, in Microsoft's or timm's names"
        )
    keys.require_all_accounted()
    recipe = replace(recipe or Recipe(), dce_phases=network.architecture.dce_channels)
    digest = _file_digest(path)
    return ImportedNetwork(network, recipe, kind, digest, tuple(keys.used), keys.ignored)


def _mome_from(keys: StateDict, recipe: Recipe | None, heads: int | None, endpoint: Endpoint) -> Mome:
    """The authors' network: three equal copies of the backbone become one."""
    a = _architecture_of(keys, heads, endpoint)
    a = a.for_recipe(replace(recipe or Recipe(), dce_phases=a.dce_channels))
    weights = _embeddings(keys, a)
    for layer in range(a.layers):
        weights |= backbone_layer(keys, MULTIWAY, a, layer) | _adapter_layer(keys, a, layer)
        _require_equal_branches(keys, layer)
    head = f"heads.{a.answers[0].endpoint.value}"
    weights |= keys.take_affine("norm", "fc_norm")
    weights |= {f"{head}.weight": keys.take("head.weight")}
    if a.head_kind is HeadKind.LINEAR:
        weights |= {f"{head}.bias": keys.take("head.bias")}
    return network_with(build_empty(a), weights)


def _architecture_of(keys: StateDict, heads: int | None, endpoint: Endpoint) -> Architecture:
    """Sizes and variants that the shapes and names of a MOME training checkpoint tell, on the paper's volumes."""
    layers = _layer_count(keys)
    joint = [i for i in range(layers) if f"{_layer_name(i)}.MLP_Adapter.D_fc1.weight" in keys.tensors]
    sparse_layers = joint[0] if joint else layers
    mixture = f"{_layer_name(sparse_layers)}.MLP_Adapter.moe.phi" in keys.tensors
    width = keys.shape_of(f"{_EMBED[Modality.DCE]}.cls_token")[2]
    adapter = f"{_layer_name(sparse_layers)}.MLP_Adapter"
    sizes = keys.shape_of(f"{adapter}.moe.phi")[1:] if mixture else (BASE.soft_experts, BASE.soft_slots)
    classes = keys.shape_of("head.weight")[0]
    stem = f"{_EMBED[Modality.DCE]}.stem"
    return Architecture(
        width=width,
        heads=heads or max(1, width // HEAD_WIDTH),
        ffn_width=keys.shape_of(f"{_layer_name(0)}.ffn.A.fc1.weight")[0],
        layers=layers,
        sparse_layers=sparse_layers,
        adapter_width=keys.shape_of(f"{adapter}.D_fc1.weight")[0],
        soft_experts=sizes[0],
        soft_slots=sizes[1],
        stem_widths=(keys.shape_of(f"{stem}.0.weight")[0], keys.shape_of(f"{stem}.3.weight")[0]),
        dce_channels=keys.shape_of(f"{stem}.0.weight")[1],
        answers=(replace(SUBTYPE) if classes == SUBTYPE.classes else Head(endpoint, classes),),
        sub_layer_norm=f"{_layer_name(0)}.ffn.A.ffn_layernorm.weight" in keys.tensors,
        tokenizer_norm=TokenizerNorm.BATCH if f"{stem}.1.weight" in keys.tensors else TokenizerNorm.INSTANCE,
        head_kind=HeadKind.LINEAR if "head.bias" in keys.tensors else HeadKind.COSINE,
        early_adapter=EarlyAdapter.EXPERT_PER_MODALITY,
        late_adapter=LateAdapter.SOFT_MIXTURE if mixture else LateAdapter.SHARED,
    )


def _embeddings(keys: StateDict, a: Architecture) -> dict[str, Tensor]:
    """Tokenizers, positional tables and CLS."""
    weights: dict[str, Tensor] = {"cls_D": keys.take(f"{_EMBED[Modality.DCE]}.cls_token").flatten()}
    for modality in Modality:
        for layer, place in enumerate((0, 3, 6)):
            stem = f"{_EMBED[modality]}.stem"
            ours = f"tokenizers.{modality.value}"
            weights[f"{ours}.convolutions.{layer}.weight"] = keys.take(f"{stem}.{place}.weight")
            if a.tokenizer_norm is TokenizerNorm.BATCH:
                for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                    weights[f"{ours}.batch_norms.{layer}.{part}"] = keys.take(f"{stem}.{place + 1}.{part}")
        table = keys.take(f"beit3.encoder.embed_positions.{_BRANCH[modality]}.weight")
        if modality is Modality.DCE:  # row 0 is never used, row 1 is CLS
            weights["cls_position_D"], table = table[1], table[2:]
        _require_tokens(modality, len(table), a)
        weights[f"positions.{modality.value}"] = table
    return weights


def _require_tokens(modality: Modality, count: int, a: Architecture) -> None:
    """Raise CheckpointRefused when the positional table is of other volumes."""
    if count != a.tokens(modality):
        size = "x".join(str(n) for n in a.volume_shape(modality)[1:])
        raise CheckpointRefused(
            f"{modality}: the file has {count} positions, volumes of {size} make {a.tokens(modality)} tokens; "
            f"give the sizes it was trained with, e.g. --sizes dce=64x64x32,t2=64x64x16,dwi=64x32x16"
        )


def _adapter_layer(keys: StateDict, a: Architecture, layer: int) -> dict[str, Tensor]:
    """The adapters of one layer: three experts in an early one, one adapter in a late one."""
    ours, theirs = f"{our_layer(a, layer)}.adapters", f"{_layer_name(layer)}.MLP_Adapter"
    early = layer < a.sparse_layers
    pairs = {f"{ours}.{m.value}": f"{theirs}.{_BRANCH[m]}" for m in Modality} if early else {f"{ours}.{JOINT}": theirs}
    weights: dict[str, Tensor] = {}
    for our_adapter, their_adapter in pairs.items():
        for our_name, their_name in _ADAPTER.items():
            weights |= keys.take_affine(f"{our_adapter}.{our_name}", f"{their_adapter}.{their_name}")
    if not early and a.late_adapter is LateAdapter.SOFT_MIXTURE:
        for our_name, their_name in _MIXTURE.items():
            weights[f"{ours}.{JOINT}.mixture.{our_name}"] = keys.take(f"{theirs}.moe.{their_name}")
    return weights


def _require_equal_branches(keys: StateDict, layer: int) -> None:
    """Account for copies B and C of a layer's backbone; CheckpointRefused names the first that differs from A."""
    prefix = f"{_layer_name(layer)}."
    for name in [name for name in keys.used if name.startswith(prefix) and ".A." in name and "MLP_Adapter" not in name]:
        for copy in (name.replace(".A.", ".B."), name.replace(".A.", ".C.")):
            if copy not in keys.tensors:
                raise CheckpointRefused(f"the file lacks {copy}")
            if not torch.equal(keys.tensors[copy], keys.tensors[name]):
                raise CheckpointRefused(
                    f"{copy} differs from {name}: this model was not trained on a frozen pretrained backbone "
                    f"(published loading fails silently when sizes mismatch), so it cannot be stored once"
                )
            keys.ignored[copy] = "equal to branch A, stored once"


def _layer_name(layer: int) -> str:
    return f"beit3.encoder.layers.{layer}"


def _layer_count(keys: StateDict) -> int:
    return 1 + max(int(found[1]) for name in keys.tensors if (found := _LAYER.match(name)))


def _file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
