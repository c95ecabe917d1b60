"""A model bundle is whole, or it is refused with a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from calibrations import calibrated
from mome_core.calibration import Call, WithheldCode
from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.estimator import Augmentation, Estimator
from mome_core.model.architecture import Architecture, Head
from mome_core.model.build import build_network, with_architecture
from mome_core.model.bundle_files import MANIFEST, WEIGHTS, manifest_digest
from mome_core.model.checkpoint import (
    Description,
    known_answer,
    load_checkpoint,
    save_checkpoint,
)
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 32, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)
DESCRIPTION = Description("test", "1", "Knows nothing.", {"seed": 1})
READ_BY = (calibrated(), calibrated(Estimator(Augmentation.NONE)))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    save_checkpoint(tmp_path / "model", build_network(SMALL), RECIPE, DESCRIPTION, READ_BY)
    return tmp_path / "model"


def volumes() -> dict[Modality, torch.Tensor]:
    return {modality: torch.randn(1, *SMALL.volume_shape(modality)) for modality in Modality}


def test_a_bundle_gives_back_what_was_saved(bundle: Path) -> None:
    torch.manual_seed(1)
    network = build_network(SMALL).eval()
    checkpoint = load_checkpoint(bundle)
    given = volumes()
    assert torch.equal(checkpoint.network(given)[Endpoint.MALIGNANCY], network(given)[Endpoint.MALIGNANCY])
    assert (checkpoint.architecture, checkpoint.recipe, checkpoint.estimators) == (SMALL, RECIPE, READ_BY)
    assert not checkpoint.network.training
    assert not list(checkpoint.network.trainable_parameters())
    assert "RESEARCH USE ONLY" in (bundle / "MODEL_CARD.md").read_text()


def test_a_loaded_bundle_repeats_its_known_answer(bundle: Path) -> None:
    checkpoint = load_checkpoint(bundle)
    assert known_answer(checkpoint.network) == checkpoint.manifest["known_answer"]
    with torch.no_grad():
        next(checkpoint.network.parameters()).add_(0.1)
    assert known_answer(checkpoint.network) != checkpoint.manifest["known_answer"]


def test_saving_again_replaces_the_whole_bundle(bundle: Path) -> None:
    before = load_checkpoint(bundle).identity
    torch.manual_seed(2)
    after = save_checkpoint(bundle, build_network(SMALL), RECIPE, replace(DESCRIPTION, version="2"))
    assert load_checkpoint(bundle).identity == after != before
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["model"]


def test_half_precision_storage_is_stated_and_close(bundle: Path, tmp_path: Path) -> None:
    whole = load_checkpoint(bundle)
    save_checkpoint(tmp_path / "half", whole.network, RECIPE, DESCRIPTION, READ_BY, half=True)
    half = load_checkpoint(tmp_path / "half")
    assert half.manifest["weights"]["dtype"] == "float16"
    assert (tmp_path / "half" / WEIGHTS).stat().st_size < 0.7 * (bundle / WEIGHTS).stat().st_size
    given = volumes()
    assert torch.allclose(
        half.network(given)[Endpoint.MALIGNANCY], whole.network(given)[Endpoint.MALIGNANCY], atol=1e-3
    )


def test_another_estimator_is_taken_only_from_those_that_the_bundle_was_validated_with(bundle: Path) -> None:
    checkpoint = load_checkpoint(bundle)
    assert checkpoint.estimator.name == "flips-log-odds"
    assert checkpoint.estimator_first("none")[0].estimator == Estimator(Augmentation.NONE)
    with pytest.raises(ValueError, match="was not validated with the estimator 'published'; it was with: flips-log"):
        checkpoint.estimator_first("published")


def test_a_bundle_from_before_estimators_shows_its_score_and_withholds_its_call(bundle: Path) -> None:
    def older(manifest: dict[str, object]) -> None:
        del manifest["estimators"]
        manifest["endpoints"] = {"malignancy": {"threshold": 0.3, "temperature": 2.0}}

    edit(bundle, older, forge=True)
    checkpoint = load_checkpoint(bundle)
    assert checkpoint.estimator == Estimator()
    calibrations = checkpoint.calibrations(Endpoint.MALIGNANCY)
    assert calibrations.base_rate is None
    for calibration in calibrations.coalitions.values():
        assert (calibration.slope, calibration.withheld) == (0.5, WithheldCode.NOT_CALIBRATED)
        assert calibration.shows_score and calibration.call(0.99) is Call.WITHHELD


def test_a_bundle_that_was_not_calibrated_calls_nothing(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model", build_network(SMALL), RECIPE, DESCRIPTION)
    calibrations = load_checkpoint(tmp_path / "model").calibrations(Endpoint.MALIGNANCY)
    assert {each.withheld for each in calibrations.coalitions.values()} == {WithheldCode.NOT_CALIBRATED}


def flip_a_bit(bundle: Path) -> None:
    content = bytearray((bundle / WEIGHTS).read_bytes())
    content[-3] ^= 1
    (bundle / WEIGHTS).write_bytes(content)


def truncate(bundle: Path) -> None:
    (bundle / WEIGHTS).write_bytes((bundle / WEIGHTS).read_bytes()[:-100])


def edit(bundle: Path, change: Callable[[dict[str, object]], None], *, forge: bool) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    change(manifest)
    if forge:
        manifest["manifest_sha256"] = manifest_digest(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def wider(manifest: dict[str, object]) -> None:
    manifest["architecture"]["ffn_width"] = 64  # type: ignore[index]


def odd_heads(manifest: dict[str, object]) -> None:
    manifest["architecture"]["heads"] = 3  # type: ignore[index]


def other_sizes(manifest: dict[str, object]) -> None:
    manifest["recipe"]["t2_size"] = [48, 32, 16]  # type: ignore[index]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(flip_a_bit, "SHA-256 differs", id="one bit of the weights"),
        pytest.param(truncate, "SHA-256 differs", id="truncated weights"),
        pytest.param(lambda b: (b / WEIGHTS).unlink(), "no readable model.safetensors", id="no weights"),
        pytest.param(lambda b: (b / MANIFEST).unlink(), "is not a model bundle", id="no manifest"),
        pytest.param(lambda b: (b / MANIFEST).write_text("{"), "not JSON", id="broken manifest"),
        pytest.param(lambda b: (b / MANIFEST).write_text("{}"), "another program or version", id="foreign manifest"),
        pytest.param(lambda b: edit(b, wider, forge=False), "changed after it was written", id="edited manifest"),
        pytest.param(lambda b: edit(b, wider, forge=True), "the architecture needs", id="wrong architecture"),
        pytest.param(lambda b: edit(b, odd_heads, forge=True), "not describe a valid architecture", id="impossible"),
        pytest.param(lambda b: edit(b, other_sizes, forge=True), "T2: the network takes", id="other volumes"),
    ],
)
def test_a_spoiled_bundle_is_refused_with_a_sentence(bundle: Path, spoil: Callable[[Path], object], said: str) -> None:
    spoil(bundle)
    with pytest.raises(CheckpointRefused, match=said):
        load_checkpoint(bundle)


def test_weights_that_are_not_numbers_are_refused_by_name(tmp_path: Path) -> None:
    network = build_network(SMALL)
    network.norm.bias.data[0] = float("nan")
    save_checkpoint(tmp_path / "model", network, RECIPE, DESCRIPTION)
    with pytest.raises(CheckpointRefused, match=r"norm\.bias holds a value that is not a finite number"):
        load_checkpoint(tmp_path / "model")


def test_a_new_question_keeps_every_tensor_the_heads_of_the_old_questions_too() -> None:
    network = build_network(SMALL)
    asked_too = Head(Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE)
    both = with_architecture(network, replace(SMALL, answers=(*SMALL.answers, asked_too)))
    assert all(torch.equal(both.state_dict()[name], tensor) for name, tensor in network.state_dict().items())
    other = with_architecture(network, replace(SMALL, answers=(asked_too,)))
    assert set(other(volumes())) == {Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE}
