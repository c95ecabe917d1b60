"""`mome-node model recalibrate`: a bundle for this site's prevalence and scanners."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.calibration_card import calibration_card
from mome_core.training.cohort import not_measured, read_manifest, rows_of_split
from mome_core.training.recalibrate import Recalibration
from node.cases import CACHE
from node.cli.cohort_progress import PrintedProgress
from node.cli.common import counted
from node.cli.options import CacheOption, CohortManifest, Json, WorkersOption
from node.models import find_bundle
from node.recalibration import RecalibrationPlan, recalibrate_bundle

_Model = Annotated[str, typer.Option("--model", help="Bundle to calibrate: folder or shipped name.")]
_Out = Annotated[Path, typer.Option("--out", help="Bundle to write.")]
_SplitOption = Annotated[str, typer.Option("--split", help="Only these cases, e.g. validation.", show_default="all")]
_Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, ...")]


def recalibrate(
    manifest: CohortManifest,
    out: _Out,
    model: _Model = "demo",
    split: _SplitOption = "",
    device: _Device = "auto",
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    as_json: Json = False,
) -> None:
    """Calibrate a model on a site's own labelled studies: its prevalence, its scanners; the weights stay.

    Slope, intercept and operating point of every set of modalities are chosen anew, by the bundle's own estimators, and
    written as a new bundle that names its parent. At least 100 patients that are new to the model are needed, 20 of
    each class; use cases as they come, for their share of cancers becomes the prevalence.
    Then: mome-node model promote OUT

    Example: mome-node model recalibrate cohort.csv --model models/ours --out models/ours-here
    """
    plan = RecalibrationPlan(find_bundle(model), out, split, device, cache, workers)
    rows = read_manifest(manifest)
    if left_out := not_measured(rows_of_split(rows, split)):
        typer.echo(left_out, err=True)
    found = recalibrate_bundle(rows, plan, PrintedProgress())
    typer.echo(json.dumps(_report(out, found))) if as_json else _print(out, found)


def _report(out: Path, found: Recalibration) -> dict[str, object]:
    identity = found.identity
    return {
        "bundle": str(out),
        "model": identity.name,
        "version": identity.version,
        "sha256": identity.sha256,
        "cases": found.cases,
        "left_out_as_seen": found.seen,
        "estimators": [each.to_json() for each in found.estimators],
    }


def _print(out: Path, found: Recalibration) -> None:
    identity = found.identity
    typer.echo("RESEARCH USE ONLY - not for clinical use.")
    typer.echo(f"{out}: {identity.name} {identity.version}, calibrated on {counted(found.cases, 'case')}")
    if found.seen:
        typer.echo(f"left out, because the model has seen them: {counted(found.seen, 'case')}")
    typer.echo(calibration_card(found.estimators[0]))
