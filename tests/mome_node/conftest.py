"""One phantom at a prompt, read and analysed once."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="session", autouse=True)
def state(prompt: Path) -> Iterator[Path]:
    """The folder that keeps who this user's device is, away from the one of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(prompt / "state"))
        yield prompt / "state" / "mome-node"


@pytest.fixture(scope="session")
def study(prompt: Path) -> Study:
    return mome_node.read_study(prompt / "study")


@pytest.fixture(scope="session")
def model() -> Checkpoint:
    return mome_node.open_bundle("demo", device="cpu")


@pytest.fixture(scope="session")
def analysis(study: Study, model: Checkpoint) -> Analysis:
    return mome_node.analyze(study, model)
