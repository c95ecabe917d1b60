"""Where a run is, as files: another run's or a damaged state is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mome_core.training.errors import TrainingRefused
from mome_core.training.loop import train
from mome_core.training.optimizer import trained_tensors
from mome_core.training.run_state import (
    EpochReport,
    RunProgress,
    read_best,
    read_state,
    remove_unfinished,
    write_best,
    write_state,
)
from mome_core.training.start import from_scratch
from training_examples import QUICK, SMALL, task


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


def report(epoch: int, auroc: float, *, best: bool = False) -> EpochReport:
    return EpochReport(epoch, 1e-3, 0.5, {"malignancy": auroc}, auroc, best)


def test_a_run_ends_with_its_last_epoch_or_when_patience_does() -> None:
    config = replace(QUICK, epochs=9, patience=2)
    waiting = RunProgress(epoch=3, history=[report(0, 0.6), report(1, 0.8), report(2, 0.8)])
    assert not waiting.finished(config)
    waiting.history.append(report(3, 0.7))
    assert waiting.finished(config)  # a tie is no rise
    assert not waiting.finished(replace(config, patience=None))
    assert RunProgress(epoch=9).finished(replace(config, patience=None))


def test_the_best_epoch_is_the_last_that_was_called_best() -> None:
    history = [report(0, 0.6, best=True), report(1, 0.8, best=True), report(2, 0.7)]
    assert RunProgress(history=history).best_epoch == 1


def test_an_epoch_ends_with_its_losses_forgotten_and_its_passes_counted_on() -> None:
    progress = RunProgress(epoch=2, batch=5, passes=17)
    progress.add_loss(0.5)
    progress.add_loss(1.5)
    assert progress.losses == [2.0, 2]
    progress.end_epoch()
    assert (progress.epoch, progress.batch, progress.passes, progress.losses) == (3, 0, 17, [0.0, 0.0])


def test_a_state_gives_back_values_moments_waiting_gradients_and_progress(tmp_path: Path) -> None:
    first, second = (trained_tensors(from_scratch(SMALL, seed), None, QUICK) for seed in (1, 2))
    for parameter in first.parameters.values():
        parameter.grad = torch.ones_like(parameter)
    first.optimizer.step()
    progress = RunProgress(1, 2, 6, [1.5, 3], [report(0, 0.6, best=True)])
    write_state(tmp_path, "this run", progress, first)
    assert read_state(tmp_path, "this run", second, gradients=True) == progress
    for name, parameter in first.parameters.items():
        other = second.parameters[name]
        assert torch.equal(parameter, other) and torch.equal(other.grad, torch.ones_like(other))
        assert torch.equal(first.optimizer.state[parameter]["exp_avg"], second.optimizer.state[other]["exp_avg"])
    assert (tmp_path / "history.jsonl").read_text().count("\n") == 1
    with pytest.raises(TrainingRefused, match="holds another training"):
        read_state(tmp_path, "other run", second, gradients=True)


def test_a_process_that_is_not_the_main_one_takes_up_neither_gradients_nor_losses(tmp_path: Path) -> None:
    first, second = (trained_tensors(from_scratch(SMALL, seed), None, QUICK) for seed in (1, 2))
    for parameter in first.parameters.values():
        parameter.grad = torch.ones_like(parameter)
    write_state(tmp_path, "run", RunProgress(losses=[4.0, 2]), first)
    progress = read_state(tmp_path, "run", second, gradients=False)
    assert progress is not None and progress.losses == [0.0, 0.0]
    assert all(parameter.grad is None for parameter in second.parameters.values())


def test_the_best_values_come_back_and_half_written_files_go(tmp_path: Path) -> None:
    tensors = trained_tensors(from_scratch(SMALL, 1), None, QUICK)
    write_best(tmp_path, tensors)
    assert all(torch.equal(read_best(tmp_path)[name], value) for name, value in tensors.values().items())
    (tmp_path / "state.safetensors.77.partial").write_bytes(b"half")
    remove_unfinished(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["best.safetensors"]
    assert read_state(tmp_path, "run", tensors, gradients=True) is None
