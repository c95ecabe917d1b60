"""Where a run is, as files: another run's or a damaged state is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mome_core.training.errors import TrainingRefused
from mome_core.training.loop import train
from training_examples import QUICK, task


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
