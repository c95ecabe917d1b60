"""`mome-node train`: a site's own model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.cohort import read_manifest
from mome_core.training.dataset import ExcludedCase
from mome_core.training.run_state import EpochReport
from node.cases import CACHE, endpoint_named
from node.cli.common import counted, progress
from node.cli.options import CacheOption, CohortManifest, EndpointOption, Json, WorkersOption
from node.models import find_bundle
from node.training import TrainingPlan, TrainingProgress, TrainingReport, train_models, training_config

_Out = Annotated[Path, typer.Option("--out", help="Bundle to write.")]
_Start = Annotated[str, typer.Option("--start", help="Bundle to start from: folder or shipped name.")]
_Scratch = Annotated[bool, typer.Option("--scratch", help="The start's sizes, but fresh values.")]
_TrainingFile = Annotated[Path | None, typer.Option("--config", help="TOML or JSON of a TrainingConfig.")]
_Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Overrides the config.")]
_Folds = Annotated[int, typer.Option("--folds", min=2, help="Folds, if the CSV has no splits.")]
_InnerFolds = Annotated[int, typer.Option("--inner-folds", min=2, help="Parts of the rest; one chooses the epoch.")]
_Fold = Annotated[int, typer.Option("--fold", min=1, help="The fold that is held out and scored once.")]
_AllFolds = Annotated[bool, typer.Option("--all-folds", help="A model for each fold, in OUT/fold-1 ...")]
_Run = Annotated[Path | None, typer.Option("--run", help="State; a killed run continues.")]
_Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Overrides the config.")]
_DeviceName = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1 ...")]


def train(
    manifest: CohortManifest,
    out: _Out,
    start: _Start = "demo",
    scratch: _Scratch = False,
    endpoint: EndpointOption = "malignancy",
    config: _TrainingFile = None,
    epochs: _Epochs = None,
    folds: _Folds = 5,
    inner_folds: _InnerFolds = 5,
    fold: _Fold = 1,
    all_folds: _AllFolds = False,
    run: _Run = None,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    threads: _Threads = None,
    device: _DeviceName = "cpu",
    as_json: Json = False,
) -> None:
    """Train a model on a cohort of studies (DICOM folders), starting from a bundle; killed, it continues.

    Defaults are the published protocol. Without a column `split` one fold is held out and scored once by the finished
    model; one part of the rest chooses epoch, calibration and operating point (OUT.split.csv says who was where).
    --all-folds does so for every fold (nested cross-validation) and gives mean and SD over the folds.
    Several GPUs or hosts: torchrun --nproc-per-node 2 -m node.cli.main train ...

    Example: mome-node train cohort.csv --out models/ours --start models/mome
    """
    learned = endpoint_named(endpoint)
    numbers = training_config(config, learned, epochs=epochs, threads=threads)
    held_out = None if all_folds else fold - 1
    plan = TrainingPlan(
        find_bundle(start), learned, numbers, out, run, scratch, folds, inner_folds, held_out, device, cache, workers
    )
    rows = read_manifest(manifest)
    if all_folds and any(row.split for row in rows):
        raise typer.BadParameter(
            f"{manifest} says who is for what; folds need it without splits", param_hint="--all-folds"
        )
    report = train_models(rows, plan, PrintedProgress())
    if report is not None:
        typer.echo(json.dumps(report.to_json())) if as_json else _print_report(report)


class PrintedProgress(TrainingProgress):
    """Progress of preparation and training on stderr, a line for each case that cannot be used and for each epoch."""

    def prepared(self, done: int, planned: int) -> None:
        """One more case is prepared, or excluded."""
        progress(f"prepared {done} of {counted(planned, 'case')}", last=done == planned)

    def excluded(self, case: ExcludedCase) -> None:
        """A case cannot be used."""
        typer.echo(f"excluded {case.name}: {case.reason}", err=True)

    def epoch(self, model: str, report: EpochReport, epochs: int) -> None:
        """One epoch of a model is over."""
        text = f"{model}: epoch {report.epoch + 1}/{epochs}: loss {report.loss:.4f}"
        typer.echo(f"{text}, AUROC {report.mean_auroc:.4f}{' (best)' if report.best else ''}", err=True)


def _print_report(report: TrainingReport) -> None:
    for each in report.models:
        typer.echo(f"{each.bundle}: validation AUROC {each.validation_auroc:.3f} (chose the epoch; not a test)")
        if each.held_out:
            typer.echo(f"  {counted(each.held_out_cases, 'case')} held out: AUROC {each.held_out['auroc']:.3f}")
            typer.echo(f"  who was where: {each.split}")
    if report.cross_validation:
        mean, pooled = report.cross_validation.mean["auroc"], report.cross_validation.pooled["auroc"]
        typer.echo(
            f"nested cross-validation, {len(report.models)} folds: AUROC {mean} (mean, SD over folds; 95 % of the mean "
            f"{mean.low:.3f} to {mean.high:.3f})"
        )
        typer.echo(f"all {report.cross_validation.cases} cases, each calibrated by its own fold: AUROC {pooled}")
