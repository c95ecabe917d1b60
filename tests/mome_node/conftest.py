"""One phantom at a prompt, read and analysed once."""

from __future__ import annotations

from pathlib import Path

import pytest

import mome_node
from mome_node import Analysis, Checkpoint, Study


@pytest.fixture(scope="session")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study in `study`, as somebody at a prompt has it."""
    folder = tmp_path_factory.mktemp("prompt")
    mome_node.write_phantom(folder / "study")
    return folder


@pytest.fixture(scope="session")
def study(prompt: Path) -> Study:
    return mome_node.read_study(prompt / "study")


@pytest.fixture(scope="session")
def model() -> Checkpoint:
    return mome_node.open_bundle("demo", device="cpu")


@pytest.fixture(scope="session")
def analysis(study: Study, model: Checkpoint) -> Analysis:
    return mome_node.analyze(study, model)
