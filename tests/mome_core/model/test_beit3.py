"""BEiT-3 in the names of its public copies: one backbone, every key accounted for, nothing else taken for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from benchmarks.baseline.layout import Sizes, synthetic_state
from mome_core.errors import CheckpointRefused
from mome_core.model.published import import_published
from mome_core.preprocessing.recipe import Recipe

RECIPE = Recipe(dce_size=(32, 48, 32), dwi_size=(32, 32, 16), t2_size=(48, 32, 16), dce_phases=3)
SIZES = Sizes(
    width=48,
    heads=4,
    ffn_width=96,
    layers=10,
    sparse_layers=9,
    adapter_width=12,
    experts=6,
    slots=2,
    stem=(8, 12),
    dce_channels=3,
    tokens=(12, 4, 6),
)
State = dict[str, torch.Tensor]


def microsoft() -> State:
    """Microsoft's file: a vision branch A, a language branch B, inputs and heads of other tasks."""
    state = {
        name: tensor.half()
        for name, tensor in synthetic_state(replace(SIZES)).items()
        if ".layers." in name and ".C." not in name and "MLP_Adapter" not in name
    }
    others = (
        "beit3.text_embed.weight",
        "beit3.vision_embed.cls_token",
        "beit3.vision_embed.mask_token",
        "beit3.vision_embed.proj.weight",
        "beit3.vision_embed.proj.bias",
        "beit3.encoder.embed_positions.A.weight",
        "beit3.encoder.embed_positions.B.weight",
        "beit3.encoder.layer_norm.A.weight",
        "mlm_head.weight",
        "mim_head.bias",
        "logit_scale",
    )
    return state | {name: torch.zeros(3) for name in others}


def vision_only() -> State:
    """A copy without the language branch."""
    return {name: tensor for name, tensor in microsoft().items() if ".B." not in name and "text" not in name}


def without_branches() -> State:
    """A copy whose names have lost the A."""
    return {name.replace(".A.", "."): tensor for name, tensor in vision_only().items()}


_TIMM = {
    "beit3.encoder.layers.": "blocks.",
    "self_attn_layer_norm.A": "norm1",
    "final_layer_norm.A": "norm2",
    "ffn.A.ffn_layernorm": "mlp.norm",
    "ffn.A": "mlp",
    "self_attn": "attn",
}


def renamed(name: str) -> str:
    for theirs, timms in _TIMM.items():
        name = name.replace(theirs, timms)
    return name.replace(".A.", ".")


def timm_own() -> State:
    """The names of timm's first BEiT-3: query, key and value apart, torchscale's names in the attention."""
    state = {}
    for name, tensor in vision_only().items():
        if ".layers." in name:
            state[renamed(name)] = tensor
    others = ("cls_token", "pos_embed.weight", "patch_embed.proj.weight", "patch_embed.proj.bias", "fc_norm.weight")
    return state | {name: torch.zeros(3) for name in (*others, "fc_norm.bias", "head.weight", "head.bias")}


def timm() -> State:
    """The names of `timm/beit3_base_patch16_224.*`: a vision transformer with inner norms."""
    state = timm_own()
    state["pos_embed"] = state.pop("pos_embed.weight")
    for layer in range(10):
        place = f"blocks.{layer}.attn"
        for part in ("weight", "bias"):
            state[f"{place}.qkv.{part}"] = torch.cat([state.pop(f"{place}.{each}_proj.{part}") for each in "qkv"])
            state[f"{place}.norm.{part}"] = state.pop(f"{place}.inner_attn_ln.{part}")
            state[f"{place}.proj.{part}"] = state.pop(f"{place}.out_proj.{part}")
    return state


def written(folder: Path, state: State, kind: str = "pth") -> Path:
    path = folder / f"beit3.{kind}"
    if kind == "safetensors":
        safetensors.torch.save_file({n: t.contiguous() for n, t in state.items()}, path)
    else:
        torch.save({"model": state}, path)
    return path


COPIES = [
    pytest.param(microsoft, "pth", id="Microsoft"),
    pytest.param(vision_only, "pth", id="no language branch"),
    pytest.param(without_branches, "safetensors", id="no branches"),
    pytest.param(timm, "safetensors", id="timm, safetensors"),
    pytest.param(timm, "bin", id="timm, pickled"),
    pytest.param(timm_own, "safetensors", id="timm's first model"),
]


@pytest.mark.parametrize(("copy", "kind"), COPIES)
def test_every_public_copy_gives_the_same_backbone_and_accounts_for_every_key(copy, kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)  # what is not in the file is drawn
    state = copy()
    result = import_published(written(tmp_path, state, kind), RECIPE, heads=4)
    assert result.kind == "BEiT-3 backbone"
    assert set(result.used) | set(result.ignored) == state.keys()
    assert not set(result.used) & set(result.ignored)
    torch.manual_seed(1)
    reference = import_published(written(tmp_path, microsoft()), RECIPE, heads=4).network
    for name, tensor in result.network.state_dict().items():
        assert torch.equal(tensor, reference.state_dict()[name]), name


def test_the_rest_of_the_network_is_untrained(tmp_path: Path) -> None:
    state = timm()
    network = import_published(written(tmp_path, state, "safetensors"), RECIPE, heads=4).network
    assert torch.equal(network.get_parameter("early.1.attention.qkv.weight"), state["blocks.1.attn.qkv.weight"].float())
    assert torch.equal(network.get_parameter("late.0.ffn.inner_norm.bias"), state["blocks.9.mlp.norm.bias"].float())
    assert network.get_parameter("early.1.adapters.T2.up.weight").abs().max() == 0


def test_a_vision_transformer_without_inner_norms_is_no_beit3(tmp_path: Path) -> None:
    plain = {name: tensor for name, tensor in timm().items() if ".attn.norm." not in name and ".mlp.norm." not in name}
    with pytest.raises(CheckpointRefused, match="neither a MOME training checkpoint nor a BEiT-3 file"):
        import_published(written(tmp_path, plain, "safetensors"), RECIPE, heads=4)


@pytest.mark.parametrize("copy", [microsoft, timm], ids=["Microsoft", "timm"])
def test_a_layer_of_another_width_and_a_key_of_nobody_are_refused_by_name(copy, tmp_path: Path) -> None:
    wider = copy()
    name = next(n for n in wider if "s.1." in n and n.endswith("fc1.weight") and ".B." not in n)
    with pytest.raises(CheckpointRefused, match=r"ffn\.up\.weight"):
        import_published(written(tmp_path, wider | {name: torch.zeros(96, 64)}), RECIPE, heads=4)
    with pytest.raises(CheckpointRefused, match=r"the file holds blocks\.1\.gamma_1, which the model does not use"):
        import_published(written(tmp_path, copy() | {"blocks.1.gamma_1": torch.zeros(48)}), RECIPE, heads=4)


def test_too_few_layers_are_refused(tmp_path: Path) -> None:
    few = {name: tensor for name, tensor in timm().items() if not name.startswith("blocks.9.")}
    with pytest.raises(CheckpointRefused, match="12 or 24 layers, the file has 9"):
        import_published(written(tmp_path, few, "safetensors"), RECIPE, heads=4)


def test_a_torn_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, timm(), "safetensors")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointRefused, match="damaged or truncated"):
        import_published(path, RECIPE)


def test_the_full_size_names_of_timm_are_those_of_its_vision_transformer() -> None:
    """12 layers of 8 modules with weight and bias each, as `timm.create_model("beit3_base_patch16_224")` lists them."""
    names = {name for name in timm() if name.startswith("blocks.0.")}
    modules = ("norm1", "attn.qkv", "attn.norm", "attn.proj", "norm2", "mlp.fc1", "mlp.norm", "mlp.fc2")
    assert names == {f"blocks.0.{module}.{part}" for module in modules for part in ("weight", "bias")}
