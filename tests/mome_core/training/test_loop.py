"""Training: the published protocol, one class refused, killed and resumed to the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.results import Endpoint
from mome_core.training.errors import TrainingRefused
from mome_core.training.loop import digest, epoch_batches, train
from mome_core.training.run_state import EpochReport
from mome_core.training.start import from_scratch
from mome_core.training.task import Task
from places import ROOT
from training_examples import QUICK, RECIPE, SMALL, examples, task


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


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    still = replace(QUICK, epochs=50, learning_rate=1e-12, final_learning_rate=0.0, patience=2)
    learning = task(tmp_path, still)
    outcome = train(learning, tmp_path / "run")
    assert len(outcome.history) == 3
    assert outcome.best_epoch == 2  # a tie goes to the later epoch


def test_a_loss_that_is_not_a_number_names_the_cases(tmp_path: Path) -> None:
    sick = task(tmp_path)
    with torch.no_grad():
        sick.network.cls_D.fill_(float("nan"))
    with pytest.raises(NumericsFault, match=r"epoch 1, pass 1 \(case"):
        train(sick, tmp_path / "run")


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
    for _ in range(3):
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
    train(task(tmp_path, replace(QUICK, epochs=12, checkpoint_every=2)), tmp_path / "one")
    begin(tmp_path, "two", TOGETHER).communicate()
    one, two = (
        [json.loads(line)["loss"] for line in (tmp_path / run / "history.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert two == pytest.approx(one, rel=1e-4)
