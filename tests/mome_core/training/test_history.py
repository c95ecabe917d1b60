"""A run as pictures: what its history says is drawn, and shown live where TensorBoard is installed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mome_core.training.history import MetricsWriter, draw_history, epochs_of
from mome_core.training.run_state import HISTORY, EpochReport

EPOCHS = [
    EpochReport(0, 1e-3, 0.7, {"malignancy": 0.6, "triple_negative": 0.5}, 0.55, best=True),
    EpochReport(1, 5e-4, 0.4, {"malignancy": 0.9, "triple_negative": 0.7}, 0.8, best=True),
    EpochReport(2, 1e-4, 0.3, {"malignancy": 0.8, "triple_negative": 0.7}, 0.75, best=False),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / HISTORY).write_text("".join(json.dumps(asdict(epoch)) + "\n" for epoch in EPOCHS))
    return tmp_path


def test_a_run_before_its_first_epoch_has_no_history(tmp_path: Path) -> None:
    assert epochs_of(tmp_path) == []


def test_the_epochs_of_a_run_come_back(run: Path) -> None:
    assert epochs_of(run) == EPOCHS


def test_the_drawing_names_every_endpoint_and_the_best_epoch_and_is_the_same_every_time(run: Path) -> None:
    first = draw_history(run).read_text()
    assert draw_history(run).read_text() == first
    for words in ("malignancy", "triple negative", "best: epoch 2"):
        assert words in first


def test_a_continued_run_shows_its_earlier_epochs_in_tensorboard(run: Path) -> None:
    writer = MetricsWriter(run)
    writer.add(EpochReport(3, 1e-5, 0.2, {"malignancy": 0.95}, 0.95, best=True))
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    assert losses == [(n + 1, pytest.approx(value)) for n, value in enumerate((0.7, 0.4, 0.3, 0.2))]
    assert events.Scalars("auroc/malignancy")[-1].value == pytest.approx(0.95)
