"""`mome-node train`: a site's own model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.cohort import read_manifest
from mome_core.training.questions import heads_named
from mome_core.training.start import NetworkKind
from node.cases import CACHE
from node.cli.cohort_progress import PrintedProgress
from node.cli.common import counted
from node.cli.options import CacheOption, CohortManifest, Json, WorkersOption
from node.engines.choice import EngineName, EngineOptions, engine_named
from node.models import find_bundle
from node.training import TrainingPlan, train_models, training_config
from node.training_report import TrainingReport

_Network = Annotated[NetworkKind, typer.Option("--network", help="MOME, an ablation, or a ResNet.")]
_Endpoints = Annotated[list[str] | None, typer.Option("--endpoint", help="What is learned; repeat it for several.")]
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
_Engine = Annotated[
    EngineName | None, typer.Option("--engine", help="Train the folds side by side: processes here, or Ray.")
]
_Processes = Annotated[int, typer.Option("--processes", min=0, help="With --engine: side by side; 0: what there is.")]
_Gpus = Annotated[float, typer.Option("--gpus", min=0, help="With --engine ray: graphics cards of each fold.")]
_Address = Annotated[str, typer.Option("--ray-address", help="With --engine ray: auto or HOST:PORT; else one here.")]
_DeviceName = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1 ...")]


def train(
    manifest: CohortManifest,
    out: _Out,
    network: _Network = NetworkKind.MOME,
    start: _Start = "demo",
    scratch: _Scratch = False,
    endpoint: _Endpoints = None,
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
    engine: _Engine = None,
    processes: _Processes = 0,
    gpus: _Gpus = 0.0,
    ray_address: _Address = "",
    as_json: Json = False,
) -> None:
    """Train a model on a cohort of studies (DICOM or NIfTI), starting from a bundle; killed, it continues.

    Defaults are the published protocol. Without a column `split` one fold is held out and scored once by the finished
    model; one part of the rest chooses epoch, calibration and operating point (OUT.split.csv says who was where).
    --all-folds does so for every fold (nested cross-validation) and gives mean and SD over the folds.
    Endpoints are columns of the CSV; molecular_subtype has four classes. ResNets take the start's recipe only.
    Several GPUs or hosts for one model: torchrun --nproc-per-node 2 -m node.cli.main train ...
    For the folds of --all-folds: --engine local or ray (docs/batch.md); give --threads, which no engine may change.

    Example: mome-node train cohort.csv --out models/ours --start models/mome
    """
    heads = heads_named(endpoint or ["malignancy"])
    plan = TrainingPlan(
        start=find_bundle(start),
        heads=heads,
        config=training_config(config, heads, epochs=epochs, threads=threads),
        out=out,
        network=network,
        run=run,
        scratch=scratch,
        folds=folds,
        inner_folds=inner_folds,
        fold=None if all_folds else fold - 1,
        device=device,
        cache=cache,
        workers=workers,
    )
    rows = read_manifest(manifest)
    if all_folds and any(row.split for row in rows):
        raise typer.BadParameter(
            f"{manifest} says who is for what; folds need it without splits", param_hint="--all-folds"
        )
    if engine is not None and not all_folds:
        raise typer.BadParameter("it trains the folds of --all-folds side by side", param_hint="--engine")
    chosen = None if engine is None else engine_named(engine, processes, EngineOptions(ray_address, gpus))
    report = train_models(rows, plan, PrintedProgress(), chosen)
    if report is not None:
        typer.echo(json.dumps(report.to_json())) if as_json else _print_report(report)


def _print_report(report: TrainingReport) -> None:
    """Each model, what the fold that was held out says of it, and all folds together."""
    for each in report.models:
        typer.echo(f"{each.bundle}: validation AUROC {each.validation_auroc:.3f} (chose the epoch; not a test)")
        for endpoint, fold in each.held_out.items():
            auroc = f"AUROC {fold.figures['auroc']:.3f}" if fold.figures else "one class only, no AUROC"
            withheld = f", no call for {fold.withheld}" if fold.withheld else ""
            typer.echo(f"  {endpoint}: {counted(fold.cases, 'case')} held out, {auroc}{withheld}")
        if each.split:
            typer.echo(f"  who was where: {each.split}")
    for endpoint, found in report.cross_validation.items():
        mean = found.mean["auroc"]
        typer.echo(
            f"{endpoint}: nested cross-validation, {len(report.models)} folds: AUROC {mean} (mean and SD over the "
            f"folds; 95 % of the mean {mean.low:.3f} to {mean.high:.3f})"
        )
        withheld = f"; no call for {found.withheld}" if found.withheld else ""
        typer.echo(f"  all {found.cases} cases, calibrated fold by fold: AUROC {found.pooled['auroc']}{withheld}")
