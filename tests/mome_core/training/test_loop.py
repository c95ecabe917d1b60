"""Training: the published protocol, one class refused, killed and resumed to the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mome_core.case import Modality
from mome_core.compute import Precision
from mome_core.errors import NumericsFault
from mome_core.model.checkpoint import Description, load_checkpoint
from mome_core.preprocessing.recipe import TrainingRange
from mome_core.results import Endpoint
from mome_core.training.augment import augment, kept_modalities
from mome_core.training.bundle import write_bundle
from mome_core.training.config import (
    FOLLOW_UP_TASK,
    Flips,
    Optimizer,
    Parts,
    TrainingConfig,
    config_from_json,
)
from mome_core.training.errors import TrainingRefused
from mome_core.training.loop import Task, digest, epoch_batches, train
from mome_core.training.loss import class_weights, endpoint_loss
from mome_core.training.optimizer import build_optimizer, select_parts
from mome_core.training.predict import log_odds
from mome_core.training.run_state import EpochReport
from mome_core.training.start import from_scratch
from places import ROOT
from training_examples import QUICK, RECIPE, SMALL, examples, task


def test_the_defaults_are_the_published_protocol() -> None:
    config = TrainingConfig()
    assert (config.epochs, config.batch_size, config.accumulation) == (100, 1, 32)
    assert (config.optimizer, config.weight_decay) == (Optimizer.ADAM, 5e-4)
    assert config.learning_rate_of(0) == pytest.approx(1e-4)
    assert config.learning_rate_of(50) == pytest.approx((1e-4 + 1e-6) / 2)
    assert () not in config.flips.axes
    assert FOLLOW_UP_TASK.epochs == 200
    assert FOLLOW_UP_TASK.class_weighted


def test_a_config_survives_being_written_and_read() -> None:
    config = replace(QUICK, flips=Flips.GROUP, precision=Precision.BFLOAT16, patience=3)
    assert config_from_json(config.to_json()) == config


def test_an_unknown_or_impossible_number_of_a_config_is_named() -> None:
    with pytest.raises(TrainingRefused, match="no 'epoch'"):
        config_from_json({"epoch": 3})
    with pytest.raises(TrainingRefused, match="epochs must be at least 1"):
        config_from_json({"epochs": 0})


def test_the_frozen_backbone_gets_no_gradient_and_no_place_in_the_optimizer() -> None:
    network = from_scratch(SMALL, seed=1)
    select_parts(network, Parts.PUBLISHED)
    trained = dict(network.trainable_parameters())
    assert not any(".attention." in name or ".ffn." in name for name in trained)
    assert any("adapters" in name for name in trained)
    assert any("tokenizers" in name for name in trained)
    optimizer = build_optimizer(trained.values(), TrainingConfig())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in trained.values()}


def test_class_weights_are_those_of_the_paper() -> None:
    assert class_weights([0, 0, 0, 1], classes=2).tolist() == pytest.approx([2 * 1 / 4, 2 * 3 / 4])


def test_a_weight_counts_even_in_a_batch_of_one() -> None:
    logits = {Endpoint.MALIGNANCY: torch.tensor([[0.3, -0.2]])}
    labels: list[Mapping[Endpoint, int]] = [{Endpoint.MALIGNANCY: 1}]
    plain = endpoint_loss(logits, labels, {})
    weighted = endpoint_loss(logits, labels, {Endpoint.MALIGNANCY: torch.tensor([0.5, 1.5])})
    assert weighted.item() == pytest.approx(1.5 * plain.item())


def test_a_case_without_a_label_of_an_endpoint_adds_nothing_to_its_loss() -> None:
    logits = {Endpoint.MALIGNANCY: torch.tensor([[2.0, 0.0], [0.0, 2.0]])}
    assert endpoint_loss(logits, [{}, {}], {}).item() == 0.0


def test_augmentation_mirrors_all_modalities_alike_and_keeps_every_voxel() -> None:
    arrays = {m: np.ones((RECIPE.channels(m), 5, 6, 7), np.float32) for m in Modality}
    versions = augment(arrays, RECIPE, QUICK, np.random.default_rng(0))
    for modality, version in versions.items():
        assert version.shape[1:] == RECIPE.size(modality)
        assert version.sum() == arrays[modality].sum()


def test_artefacts_change_a_case_and_are_drawn_from_the_pass_alone() -> None:
    rng = np.random.default_rng(1)
    arrays = {m: rng.normal(size=(RECIPE.channels(m), 12, 12, 12)).astype(np.float32) for m in Modality}
    clean, first, again, other = (
        augment(arrays, RECIPE, replace(QUICK, artefacts=share), np.random.default_rng(seed))
        for share, seed in ((0.0, 7), (1.0, 7), (1.0, 7), (1.0, 8))
    )
    for modality in Modality:
        assert np.isfinite(first[modality]).all() and first[modality].dtype == np.float32
        assert np.array_equal(first[modality], again[modality])
        assert not np.array_equal(np.sort(first[modality].ravel()), np.sort(clean[modality].ravel()))
        assert not np.array_equal(first[modality], other[modality])


def test_modality_dropout_never_drops_all() -> None:
    rng = np.random.default_rng(0)
    assert {len(kept_modalities(tuple(Modality), 0.9, rng)) for _ in range(200)} >= {1, 2}


def test_batches_hold_cases_with_the_same_modalities(tmp_path: Path) -> None:
    mixed = examples(tmp_path, 5) + examples(tmp_path, 5, first=50, modalities=(Modality.T2,))
    batches = epoch_batches(mixed, QUICK, epoch=0)
    assert all(len({example.modalities for example in batch}) == 1 for batch in batches)
    assert sorted(example.name for batch in batches for example in batch) == sorted(example.name for example in mixed)
    assert epoch_batches(mixed, QUICK, epoch=1) != batches


def test_one_class_and_shared_patients_are_refused(tmp_path: Path) -> None:
    cases = examples(tmp_path, 8)
    positive = [case for case in cases if case.labels[Endpoint.MALIGNANCY]]
    network = from_scratch(SMALL, seed=1)
    with pytest.raises(TrainingRefused, match="both are needed"):
        Task(network, RECIPE, positive[:2], positive[2:], QUICK)
    with pytest.raises(TrainingRefused, match="in the training and the validation split"):
        Task(network, RECIPE, cases, [replace(cases[0], name="again"), cases[1]], QUICK)
    with pytest.raises(TrainingRefused, match="validation split has no case"):
        Task(network, RECIPE, cases, [], QUICK)


def test_training_learns_and_the_bundle_gives_the_same_answers(tmp_path: Path) -> None:
    learning = task(tmp_path, replace(QUICK, epochs=6, patch_loss=0.5, accumulation=1))
    reports: list[EpochReport] = []
    outcome = train(learning, tmp_path / "run", reports.append)
    assert len(reports) == 6
    assert outcome.best_auroc == max(report.mean_auroc for report in reports)
    assert outcome.best_epoch == max(r.epoch for r in reports if r.mean_auroc == outcome.best_auroc)  # ties: later
    before = log_odds(outcome.network, learning.validation, RECIPE)
    write_bundle(tmp_path / "bundle", learning, outcome, Description("small", "1", "knows noise"))
    checkpoint = load_checkpoint(tmp_path / "bundle")
    after = log_odds(checkpoint.network, learning.validation, checkpoint.recipe)
    assert np.array_equal(before[Endpoint.MALIGNANCY], after[Endpoint.MALIGNANCY])
    assert checkpoint.manifest["provenance"]["config"]["epochs"] == 6
    assert checkpoint.recipe.quality.trained_on == TrainingRange(field_strength_t=(1.5, 8.5))


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    still = replace(QUICK, epochs=50, learning_rate=1e-12, final_learning_rate=0.0, patience=2)
    quiet = task(tmp_path, still)
    outcome = train(quiet, tmp_path / "run")
    assert len(outcome.history) == 3
    assert outcome.best_epoch == 2  # a tie goes to the later epoch


def test_a_loss_that_is_not_a_number_names_the_cases(tmp_path: Path) -> None:
    sick = task(tmp_path)
    with torch.no_grad():
        sick.network.cls_D.fill_(float("nan"))
    with pytest.raises(NumericsFault, match=r"epoch 1, pass 1 \(case"):
        train(sick, tmp_path / "run")


def test_a_directory_of_another_run_is_refused(tmp_path: Path) -> None:
    train(task(tmp_path, replace(QUICK, epochs=1)), tmp_path / "run")
    with pytest.raises(TrainingRefused, match="holds another training"):
        train(task(tmp_path, replace(QUICK, epochs=2)), tmp_path / "run")


def test_a_state_that_was_damaged_is_refused_with_the_way_out(tmp_path: Path) -> None:
    train(task(tmp_path, replace(QUICK, epochs=1)), tmp_path / "run")
    state = tmp_path / "run" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(TrainingRefused, match="to begin anew"):
        train(task(tmp_path, replace(QUICK, epochs=1)), tmp_path / "run")


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("after_epochs", [1, 2])
def test_a_run_cut_short_and_resumed_ends_with_the_same_weights(tmp_path: Path, after_epochs: int) -> None:
    config = replace(QUICK, patch_loss=0.5, accumulation=3)  # passes left over at the end of an epoch
    unbroken = train(task(tmp_path, config), tmp_path / "unbroken").network

    def cut(report: EpochReport) -> None:
        if report.epoch + 1 == after_epochs:
            raise PowerCut

    with pytest.raises(PowerCut):
        train(task(tmp_path, config), tmp_path / "cut", cut)
    resumed = train(task(tmp_path, config), tmp_path / "cut").network
    assert digest(resumed) == digest(unbroken)
    assert (tmp_path / "cut" / "history.jsonl").read_text() == (tmp_path / "unbroken" / "history.jsonl").read_text()


SCRIPT = """
import sys
sys.path.insert(0, {support!r})
from pathlib import Path
from dataclasses import replace
import torch; torch.set_num_threads(1)
from training_examples import QUICK, task
from mome_core.training.loop import digest, train
from mome_core.training.distributed import process_group
config = replace(QUICK, epochs=12, checkpoint_every=2)
say = print if process_group().is_main else lambda *words, **how: None
network = train(task(Path({folder!r}), config), Path({run!r}), lambda r: say(r.epoch, flush=True)).network
if process_group().is_main:
    print(digest(network), flush=True)
"""
ALONE, TOGETHER = (), ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def begin(folder: Path, run: str, how: tuple[str, ...]) -> subprocess.Popen[str]:
    """A process of its own, or two of them under torchrun, that trains; it prints epochs and the weights' digest."""
    script = folder / f"{run}.py"
    script.write_text(SCRIPT.format(support=str(ROOT / "tests" / "support"), folder=str(folder), run=str(folder / run)))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *how, str(script)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, start_new_session=True
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [pytest.param(ALONE, id="alone"), pytest.param(TOGETHER, id="torchrun with 2", marks=pytest.mark.exhaustive)]
)
def test_a_run_killed_anywhere_and_started_again_ends_with_the_same_weights(
    tmp_path: Path, how: tuple[str, ...]
) -> None:
    examples(tmp_path, 8), examples(tmp_path, 4, first=100)  # once, not by two processes at the same time
    whole = begin(tmp_path, "whole", how).communicate()[0].split()[-1]
    rng = np.random.default_rng(5)
    for _ in range(5):
        process = begin(tmp_path, "killed", how)
        assert process.stdout is not None
        process.stdout.readline()  # training has begun
        time.sleep(float(rng.uniform(0.0, 0.3)))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert begin(tmp_path, "killed", how).communicate()[0].split()[-1] == whole


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    examples(tmp_path, 8), examples(tmp_path, 4, first=100)
    begin(tmp_path, "one", ALONE).communicate()
    begin(tmp_path, "two", TOGETHER).communicate()
    one, two = (
        [json.loads(line)["loss"] for line in (tmp_path / run / "history.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert two == pytest.approx(one, rel=1e-4)
