"""A run as pictures: loss and AUROC of every epoch, live in TensorBoard and at the end as a drawing."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from mome_core.training.run_state import HISTORY, EpochReport


class MetricsWriter:
    """RUN/tensorboard, where TensorBoard looks while a run goes on; nothing happens where it is not installed."""

    def __init__(self, run: Path) -> None:
        """Begin with the epochs that a continued run has had."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.writer = None
            return
        self.writer = SummaryWriter(run / "tensorboard", purge_step=0)
        for epoch in epochs_of(run):
            self.add(epoch)

    def add(self, report: EpochReport) -> None:
        """The figures of one epoch."""
        if self.writer is None:
            return
        named = {f"auroc/{endpoint}": value for endpoint, value in report.auroc.items()}
        for name, value in {"loss": report.loss, "learning_rate": report.learning_rate, **named}.items():
            self.writer.add_scalar(name, value, report.epoch + 1)
        self.writer.flush()


def epochs_of(run: Path) -> list[EpochReport]:
    """The epochs that a run has had; none before its first is over."""
    place = run / HISTORY
    return [EpochReport(**json.loads(line)) for line in place.read_text().splitlines()] if place.exists() else []


def draw_history(run: Path) -> Path:
    """Draw `history.jsonl` of a run's directory as `history.svg` beside it; gives the picture's place."""
    epochs = epochs_of(run)
    numbers = [each.epoch + 1 for each in epochs]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, ranking = figure.subplots(1, 2)
    loss.plot(numbers, [each.loss for each in epochs], "o-")
    loss.set(title="Training loss", xlabel="epoch", ylabel="loss")
    for endpoint in epochs[0].auroc:
        ranking.plot(numbers, [each.auroc[endpoint] for each in epochs], "o-", label=endpoint.replace("_", " "))
    best = max(each.epoch for each in epochs if each.best) + 1
    ranking.axvline(best, color="grey", linestyle=":", label=f"best: epoch {best}")
    ranking.set(title="Validation", xlabel="epoch", ylabel="AUROC", ylim=(0, 1.02))
    ranking.legend(fontsize="small")
    with mpl.rc_context({"svg.hashsalt": "mome"}):
        figure.savefig(run / "history.svg", metadata={"Date": None})
    return run / "history.svg"
