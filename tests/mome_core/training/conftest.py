"""A small model that has learned something, for the tests that compare models."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint
from mome_core.training.bundle import write_bundle
from mome_core.training.loop import train
from mome_core.training.start import from_scratch
from mome_core.training.task import Task
from training_examples import QUICK, RECIPE, SMALL, examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Checkpoint:
    task = Task(from_scratch(SMALL, seed=1), RECIPE, examples(folder, 32), examples(folder, 8, first=100), QUICK)
    write_bundle(folder / "trained", task, train(task, folder / "run"), Description("trained", "1", "Knows noise."))
    return load_checkpoint(folder / "trained")
