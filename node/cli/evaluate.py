"""`mome-node evaluate`: what models are worth on labelled studies."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mome_core.calibration import coalition_words
from mome_core.training.cohort import not_measured
from mome_core.training.measured import MeasuredSet
from mome_core.training.metrics import spelled
from mome_core.training.readers import ReaderCut
from mome_core.training.report.conclusion import conclusion, headlines
from node.cases import CACHE, endpoint_named
from node.cli.cohort_progress import PrintedProgress
from node.cli.common import counted
from node.cli.options import CacheOption, EndpointOption, Json, WorkersOption
from node.evaluation.challenge_files import ChallengeFormat, ChallengePredictions, write_predictions
from node.evaluation.files import report_json, write_cases, write_figures, write_page
from node.evaluation.measure import EvaluationPlan, EvaluationReport, evaluate_models
from node.evaluation.sets import choosing_set, sets_named
from node.models import find_bundle

_Sets = Annotated[list[str], typer.Argument(help="Sets of cases: [NAME=]MANIFEST[:SPLIT].", metavar="SET...")]
_Models = Annotated[
    list[str], typer.Option("--model", help="Bundle: folder or shipped name; repeatable, the first in detail.")
]
_Against = Annotated[str, typer.Option("--against", help="The bundle that all others are compared with.")]
_SplitOption = Annotated[str, typer.Option("--split", help="Of sets that name none, e.g. test.", show_default="all")]
_Repeats = Annotated[int, typer.Option("--repeats", min=100, help="Bootstrap draws of patients.")]
_Page = Annotated[Path | None, typer.Option("--report", help="HTML page to write.")]
_Figures = Annotated[Path | None, typer.Option("--figures", help="CSV to write: every number.")]
_Cases = Annotated[Path | None, typer.Option("--cases", help="CSV to write: each case with its scores.")]
_Choose = Annotated[str, typer.Option("--choose", help="Split or set that BI-RADS 4's point is chosen on.")]
_Cut = Annotated[ReaderCut, typer.Option("--reader-cut", help="BI-RADS from which on a reader's call is positive.")]
_Format = Annotated[
    ChallengeFormat | None, typer.Option("--format", help="Write predictions as a challenge takes them.")
]
_Predictions = Annotated[Path, typer.Option("--predictions", help="Folder of --format.")]


def evaluate(
    sets: _Sets,
    model: _Models = ["demo"],  # noqa: B006
    against: _Against = "",
    endpoint: EndpointOption = "malignancy",
    split: _SplitOption = "",
    repeats: _Repeats = 1000,
    report: _Page = None,
    figures: _Figures = None,
    cases: _Cases = None,
    choose: _Choose = "validation",
    reader_cut: _Cut = ReaderCut.FOUR_B,
    form: _Format = None,
    predictions: _Predictions = Path("predictions"),
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    as_json: Json = False,
) -> None:
    """Measure models on labelled studies: every figure with its 95 % interval by a bootstrap over patients.

    The first line says whether this is a test at all: how many of the cases taught a model, or chose its epoch or
    operating point. Several models and several sets make one page. Columns age, bpe, bi_rads, field_strength, site and
    vendor give the table of patients and groups of them, reader_... columns readers to compare with, bi_rads the
    BI-RADS 4 findings that could be downgraded. --format writes the first model's answers to one set as ODELIA 2025
    (each study's two breasts) or MAMA-MIA 2025 (response) takes them, and prints that challenge's own metrics.

    Example: mome-node evaluate internal=a.csv:test external=b.csv --model ours --against demo --report page.html
    """
    if form:
        _require_fitting(form, endpoint, sets, predictions)
    bundles = [find_bundle(name) for name in model]
    reference = find_bundle(against) if against else bundles[0]
    measured = tuple(dict.fromkeys((*bundles, reference)))
    plan = EvaluationPlan(
        measured,
        sets_named(sets, split),
        endpoint_named(endpoint),
        measured.index(reference),
        choosing_set(choose, sets[0]) if choose != split else None,
        reader_cut,
        repeats,
        cache,
        workers,
    )
    for each in plan.sets:
        if left_out := not_measured(each.rows, plan.endpoint):
            typer.echo(f"{each.name}: {left_out}", err=True)
    found = evaluate_models(plan, PrintedProgress())
    if report:
        write_page(report, found)
    if cases:
        write_cases(cases, found)
    if figures:
        write_figures(figures, found)
    challenge = write_predictions(form, found, plan.sets[0], predictions) if form else None
    if as_json:
        typer.echo(json.dumps(report_json(found) | ({"challenge": asdict(challenge)} if challenge else {})))
        return
    _print_report(found)
    if challenge:
        _print_predictions(challenge)


def _require_fitting(form: ChallengeFormat, endpoint: str, sets: list[str], folder: Path) -> None:
    """Raise BadParameter where a challenge does not ask that, or predictions of two calls would lie side by side."""
    if endpoint != form.endpoint:
        words = f"{form} asks about {form.endpoint}: give --endpoint {form.endpoint}"
        raise typer.BadParameter(words, param_hint="--format")
    if len(sets) > 1:
        raise typer.BadParameter("predictions are of one set", param_hint="--format")
    if folder.exists():
        raise typer.BadParameter(f"{folder} exists already; name a new folder", param_hint="--predictions")


def _print_predictions(found: ChallengePredictions) -> None:
    """Where the predictions lie, the challenge's metrics, and what its form does not show."""
    typer.echo(f"{found.folder}: predictions of {counted(found.written, 'study', 'studies')}")
    for name, value in found.scores.items():
        typer.echo(f"  {name}: {value:.4f}")
    for note in found.notes:
        typer.echo(f"note  {note}")


def _print_report(report: EvaluationReport) -> None:
    """The conclusion, then every figure of every model with its interval."""
    console = Console()
    for words, is_test in headlines(report.measured):
        console.print(words, style="" if is_test else "bold red", markup=False, soft_wrap=True)
    console.print("RESEARCH USE ONLY - not for clinical use.")
    console.print(conclusion(report.measured), markup=False)
    for each in report.measured.sets:
        console.print(_figures_table(each, report.measured.reference))


def _figures_table(found: MeasuredSet, reference: str) -> Table:
    cases = f"{len(found.cases.truth)} cases, {int(found.cases.truth.sum())} positive"
    columns = [c for m in found.models for c in (escape(m.identity.name), *(["p"] if m.against else []))]
    words = escape(f"{found.cases.name}: {cases}" + (f"; p: difference from {reference}" if reference else ""))
    table = Table("figure", *columns, title=words, title_justify="left", box=None)
    for name in found.models[0].figures:
        cells = []
        for model in found.models:
            cells.append(str(model.figures[name]))
            cells += [f"{model.against[name].p_value:.4f}"] if model.against else []
        table.add_row(spelled(name), *cells)
    for each in found.models[0].coalitions[1:]:
        table.add_row(f"AUROC of {coalition_words(each.modalities)} alone", str(each.figures["auroc"]))
    return table
