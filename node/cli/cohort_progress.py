"""What every command over a cohort prints while it works: train, evaluate, recalibrate, promote."""

from __future__ import annotations

import typer

from mome_core.training.dataset import ExcludedCase
from mome_core.training.run_state import EpochReport
from node.cli.progress import ProgressLine
from node.training_report import TrainingProgress


class PrintedProgress(TrainingProgress):
    """Progress on stderr, and a line for each case that cannot be used and for each epoch."""

    def __init__(self) -> None:
        self.line = ProgressLine()

    def step(self, stage: str, done: int, planned: int) -> None:
        """So many of so many steps of a stage are done."""
        self.line.show(stage, done, planned)

    def excluded(self, case: ExcludedCase) -> None:
        """A case cannot be used."""
        self.line.end()
        typer.echo(f"excluded {case.name}: {case.reason}", err=True)

    def epoch(self, model: str, report: EpochReport, epochs: int) -> None:
        """One epoch of a model is over."""
        self.line.end()
        text = f"{model}: epoch {report.epoch + 1}/{epochs}: loss {report.loss:.4f}"
        typer.echo(f"{text}, AUROC {report.mean_auroc:.4f}{' (best)' if report.best else ''}", err=True)
