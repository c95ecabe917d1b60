"""`mome-node evaluate`: what a model is worth on labelled studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mome_core.training.cohort import read_manifest
from mome_core.training.metrics import spelled
from mome_core.training.report import MeasuredModel
from node.cases import CACHE, endpoint_named
from node.cli.options import CacheOption, CohortManifest, EndpointOption, Json, WorkersOption
from node.cli.train import PrintedProgress
from node.evaluation import (
    EvaluationPlan,
    EvaluationReport,
    evaluate_models,
    write_cases,
    write_figures,
    write_page,
)
from node.models import find_bundle

_Model = Annotated[str, typer.Option("--model", help="Bundle: folder or shipped name.")]
_Against = Annotated[str, typer.Option("--against", help="A second bundle to compare with.")]
_SplitOption = Annotated[str, typer.Option("--split", help="Only these cases, e.g. test.", show_default="all")]
_Repeats = Annotated[int, typer.Option("--repeats", min=100, help="Bootstrap draws of patients.")]
_Page = Annotated[Path | None, typer.Option("--report", help="HTML page to write.")]
_Figures = Annotated[Path | None, typer.Option("--figures", help="CSV to write: every number.")]
_Cases = Annotated[Path | None, typer.Option("--cases", help="CSV to write: each case with its score.")]
_Choose = Annotated[str, typer.Option("--choose", help="Split that BI-RADS 4's point is chosen on.")]


def evaluate(
    manifest: CohortManifest,
    model: _Model = "demo",
    against: _Against = "",
    endpoint: EndpointOption = "malignancy",
    split: _SplitOption = "",
    repeats: _Repeats = 1000,
    report: _Page = None,
    figures: _Figures = None,
    cases: _Cases = None,
    choose: _Choose = "validation",
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    as_json: Json = False,
) -> None:
    """Measure a model on labelled studies: every figure with its 95 % interval by a bootstrap over patients.

    The first line says whether this is a test at all: how many of the cases taught the model, or chose its epoch or
    operating point. Columns age, bpe, bi_rads, field_strength, site and vendor give groups of patients, reader_...
    columns readers to compare with, bi_rads the BI-RADS 4 findings that could be downgraded.

    Example: mome-node evaluate cohort.csv --model models/ours --against demo --split test --report page.html
    """
    bundles = tuple(find_bundle(name) for name in (model, against) if name)
    plan = EvaluationPlan(bundles, endpoint_named(endpoint), split, repeats, choose, cache=cache, workers=workers)
    found = evaluate_models(read_manifest(manifest), plan, PrintedProgress())
    if report:
        write_page(report, found)
    if cases:
        write_cases(cases, found.measured[0])
    if figures:
        write_figures(figures, found)
    typer.echo(json.dumps(found.to_json())) if as_json else _print_report(found)


def _print_report(report: EvaluationReport) -> None:
    """Every figure with its interval, and which of two models is better."""
    console = Console()
    for model in report.measured:
        color = "" if model.exposure.is_test else "bold red"
        console.print(model.exposure.headline(model.identity.name), style=color, markup=False, soft_wrap=True)
    console.print("RESEARCH USE ONLY - not for clinical use.")
    for model in report.measured:
        console.print(_figures_table(model))
    for test, found in report.comparison.items():
        difference = found.difference
        console.print(
            f"{test}: AUROC {found.first:.3f} against {found.second:.3f}, difference {difference.value:+.3f} "
            f"({difference.low:+.3f} to {difference.high:+.3f}), p = {found.p_value:.4f}"
        )


def _figures_table(model: MeasuredModel) -> Table:
    about = model.evaluation
    cases = f"{len(about.examples)} cases, {int(about.truth.sum())} positive"
    title = f"{model.identity.name}: {about.endpoint}, {cases}"
    table = Table("figure", "value", "95 % interval", title=title, title_justify="left", box=None)
    for name, figure in about.figures.items():
        table.add_row(spelled(name), f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}")
    for modalities, auroc in about.subsets.items():
        table.add_row(f"AUROC of {modalities} alone", f"{auroc:.3f}", "")
    return table
