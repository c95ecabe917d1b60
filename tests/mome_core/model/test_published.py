"""Importing published weights: every key accounted for, and the same answer as the model written out plainly."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch

from benchmarks.baseline import plain
from benchmarks.baseline.layout import Sizes, key_table, synthetic_state
from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import HeadKind, TokenizerNorm
from mome_core.model.published import ImportedNetwork, import_published
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

RECIPE = Recipe(dce_size=(32, 48, 32), dwi_size=(32, 32, 16), t2_size=(48, 32, 16), dce_phases=3)
SIZES = Sizes(
    width=48,
    heads=4,
    ffn_width=96,
    layers=5,
    sparse_layers=3,
    adapter_width=12,
    experts=6,
    slots=2,
    stem=(8, 12),
    dce_channels=3,
    tokens=(12, 4, 6),
)
State = dict[str, torch.Tensor]
SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(Modality, size)]


@pytest.fixture(scope="module")
def published() -> State:
    return synthetic_state(SIZES)


def written(folder: Path, content: object) -> Path:
    path = folder / "model.th"
    torch.save(content, path)
    return path


def imported(folder: Path, state: State) -> ImportedNetwork:
    return import_published(written(folder, {"epoch": 3, "state_dict": state, "optimizer": {}}), RECIPE, heads=4)


def volumes(seed: int = 0) -> dict[Modality, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {modality: (2, RECIPE.channels(modality), *RECIPE.size(modality)) for modality in Modality}
    return {modality: torch.randn(shape, generator=generator) for modality, shape in shapes.items()}


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_logits_equal_the_plain_model_for_every_subset(
    published: State, tmp_path: Path, subset: tuple[Modality, ...]
) -> None:
    given = {modality: volumes()[modality] for modality in subset}
    network = imported(tmp_path, published).network
    ours = network(given)[Endpoint.MALIGNANCY]
    theirs = plain.forward(published, {m.lower(): v for m, v in given.items()}, heads=4, sparse_layers=3)
    assert (ours - theirs).norm() / theirs.norm() < 1e-5


def test_the_full_size_key_table_has_the_published_count_of_tensors_and_parameters() -> None:
    shapes = key_table(Sizes()).values()
    assert len(shapes) == 926
    assert sum(torch.Size(shape).numel() for shape in shapes) == 290_751_362


def test_every_key_is_used_or_ignored_for_a_reason(published: State, tmp_path: Path) -> None:
    result = imported(tmp_path, published)
    assert result.kind == "MOME training checkpoint"
    assert set(result.used) | set(result.ignored) == published.keys() | {"epoch", "optimizer"}
    assert not set(result.used) & set(result.ignored)
    assert set(result.ignored.values()) == {"not a weight", "equal to branch A, stored once"}


def test_the_module_prefix_of_a_wrapped_model_changes_nothing(published: State, tmp_path: Path) -> None:
    plain_names = imported(tmp_path, published)
    prefixed = imported(tmp_path, {f"module.{name}": tensor for name, tensor in published.items()})
    assert prefixed.used == plain_names.used


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_become_float32(published: State, tmp_path: Path, dtype: torch.dtype) -> None:
    network = imported(tmp_path, {name: tensor.to(dtype) for name, tensor in published.items()}).network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(lambda s: s.pop("fc_norm.bias"), "fc_norm.bias", id="a missing key"),
        pytest.param(lambda s: s.update(extra=torch.zeros(2)), "extra", id="an unknown key"),
        pytest.param(
            lambda s: s["beit3.encoder.layers.2.ffn.C.fc1.weight"].add_(1),
            "layers.2.ffn.C.fc1",
            id="copies that differ",
        ),
        pytest.param(
            lambda s: s.update({"beit3.encoder.embed_positions.B.weight": torch.zeros(8, 48)}), "DWI", id="other sizes"
        ),
        pytest.param(lambda s: s.update({"fc_norm.bias": torch.zeros(64)}), "norm.bias", id="another width"),
        pytest.param(lambda s: s["head.bias"].fill_(float("nan")), "heads.malignancy.bias", id="a NaN"),
    ],
)
def test_a_file_is_refused_by_the_name_of_what_is_wrong(published: State, tmp_path: Path, change, named: str) -> None:
    state = {name: tensor.clone() for name, tensor in published.items()}
    change(state)
    with pytest.raises(CheckpointRefused, match=named):
        imported(tmp_path, state)


def test_a_truncated_file_and_one_that_holds_code_are_refused(published: State, tmp_path: Path) -> None:
    path = written(tmp_path, {"state_dict": published})
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointRefused, match=r"damaged|not a PyTorch file"):
        import_published(path, RECIPE)
    with pytest.raises(CheckpointRefused, match="more than tensors"):
        import_published(written(tmp_path, {"state_dict": {"x": Path("x")}}), RECIPE)


def test_the_batch_norm_tokenizer_and_the_cosine_head_are_recognised(published: State, tmp_path: Path) -> None:
    state = dict(published)
    del state["head.bias"]
    for name in ("dce", "dwi", "t2"):
        for place, width in ((1, 8), (4, 12), (7, 48)):
            stem = f"beit3.{name}_embed.stem.{place}"
            state |= {f"{stem}.{part}": torch.ones(width) for part in ("weight", "bias", "running_mean", "running_var")}
            state[f"{stem}.num_batches_tracked"] = torch.tensor(5)
    result = imported(tmp_path, state)
    assert result.network.architecture.tokenizer_norm is TokenizerNorm.BATCH
    assert result.network.architecture.head_kind is HeadKind.COSINE
    logits = result.network(volumes())[Endpoint.MALIGNANCY]
    assert (logits.abs() <= state["head.weight"].norm(dim=1)).all()


def test_four_classes_are_the_subtyping_task(tmp_path: Path) -> None:
    network = imported(tmp_path, synthetic_state(replace(SIZES, classes=4))).network
    logits = network(volumes())[Endpoint.TRIPLE_NEGATIVE]
    assert torch.allclose(network.probability(Endpoint.TRIPLE_NEGATIVE, logits), logits.softmax(1)[:, 3])
