"""`mome-node model ...` for a site: which model answers, what a candidate must prove, and the way back."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mome_core.training.bundle import non_commercial
from mome_core.training.cohort import not_measured, read_manifest, rows_of_split
from node.cases import CACHE, endpoint_named
from node.cli.cohort_progress import PrintedProgress
from node.cli.common import counted
from node.cli.options import CacheOption, Config, EndpointOption, Json, WorkersOption
from node.errors import NodeError
from node.locked_cases import lock_cases
from node.models import open_decisions
from node.promotion import (
    KeptModel,
    PromotionPlan,
    PromotionReport,
    begin_shadow,
    data_licences,
    end_shadow,
    kept_models,
    roll_back,
)
from node.promotion import promote as examine_and_promote
from node.settings import load_settings
from node.storage.decisions import Decision
from node.storage.overview import Overview
from node.watching.drift import ModelReport, model_report

_MOST_SHOWN = 20
_Bundle = Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder, shipped name, or beginning of a digest.")]
_ShadowBundle = Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder, shipped name, or digest.")]
_LockManifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="Cases that no candidate may learn from.")]
_SplitOption = Annotated[str, typer.Option("--split", help="Only these cases, e.g. test.", show_default="all")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Examine only; it counts as an attempt.")]
_Vouch = Annotated[bool, typer.Option("--vouch", help="I know that the bundle was trained on no locked patient.")]


def list_models(config: Config = None, as_json: Json = False) -> None:
    """The active model, those below it, the shadow, and every decision with its date and author.

    Example: mome-node model list
    """
    settings = load_settings(config)
    decisions = open_decisions(settings)
    models, taken = kept_models(settings, decisions), decisions.decisions()
    if as_json:
        typer.echo(json.dumps({"models": [asdict(each) for each in models], "decisions": [asdict(d) for d in taken]}))
    else:
        _print_models(sorted(models, key=lambda each: each.role), taken)


def lock(
    manifest: _LockManifest,
    split: _SplitOption = "",
    endpoint: EndpointOption = "malignancy",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lock the cases that candidates are judged by: labels and images must not change, or are locked anew.

    Example: mome-node model lock cohort.csv --split test
    """
    measured = endpoint_named(endpoint)
    locked = lock_cases(load_settings(config), manifest, split, measured, by=getpass.getuser(), now=time.time())
    if as_json:
        typer.echo(json.dumps(asdict(locked)))
    else:
        typer.echo(f"{counted(locked.cases, 'case')} of {manifest} locked ({locked.digest[:12]})")
    if left_out := not_measured(rows_of_split(read_manifest(manifest), split), measured):
        typer.echo(left_out, err=True)


def promote(
    bundle: _Bundle,
    dry_run: _DryRun = False,
    vouch: _Vouch = False,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a candidate answer if it passes every check on the locked cases; a running node needs no restart.

    A candidate that was trained or chosen on a locked patient is refused. Every examination is an attempt, dry runs
    too, and each attempt on the same cases meets a wider interval than the one before. --vouch is recorded with your
    name; it is for bundles that do not say what they were trained on, such as published weights.

    Example: mome-node model promote models/ours
    """
    plan, settings = PromotionPlan(bundle, dry_run, vouch, cache, workers), load_settings(config)
    _show_licences(data_licences(settings, bundle))
    report = examine_and_promote(settings, plan, PrintedProgress(), by=getpass.getuser(), now=time.time())
    typer.echo(json.dumps(report.to_json())) if as_json else _print_checks(report)
    require_passed(report)
    if not as_json:
        name = f"{report.candidate.name} {report.candidate.version}"
        typer.echo(f"{name} passes; nothing was changed" if dry_run else f"{name} answers from the next study on")


def _show_licences(licences: Sequence[str]) -> None:
    """Under which licences the candidate's data are, before anything is examined."""
    if non_commercial(licences):
        typer.echo("NOT FOR COMMERCIAL USE: a licence of the data that it was trained on forbids it", err=True)
    for each in licences:
        typer.echo(f"trained on data under {each}", err=True)


def rollback(config: Config = None, as_json: Json = False) -> None:
    """Let the model before the active one answer again; a running node needs no restart.

    Example: mome-node model rollback
    """
    model = roll_back(load_settings(config), by=getpass.getuser(), now=time.time())
    typer.echo(json.dumps(asdict(model)) if as_json else f"{model.active} {model.version} answers again")


def shadow(
    bundle: _ShadowBundle = "",
    stop: Annotated[bool, typer.Option("--stop", help="End the shadow.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a candidate answer beside the active model on live studies; nothing of it is delivered. See: model report

    Example: mome-node model shadow models/ours
    """
    if bool(bundle) == stop:
        raise typer.BadParameter("name a bundle to begin, or --stop to end", param_hint="BUNDLE")
    settings, by, now = load_settings(config), getpass.getuser(), time.time()
    digest = begin_shadow(settings, bundle, by=by, now=now) if bundle else ""
    if stop and not end_shadow(settings, by=by, now=now):
        raise typer.BadParameter("no shadow is on", param_hint="--stop")
    words = f"{digest[:12]} answers beside the active model from now on" if digest else "the shadow is off"
    typer.echo(json.dumps({"shadow": digest}) if as_json else words)


def report(
    days: Annotated[float, typer.Option("--days", min=0.01, help="How far back the answers are looked at.")] = 7.0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """How the models do: drift and readers' verdicts for each scanner, and how far the shadow agrees.

    Example: mome-node model report --days 7
    """
    settings = load_settings(config)
    found = model_report(settings, Overview(open_decisions(settings).engine), time.time(), days)
    typer.echo(json.dumps(asdict(found))) if as_json else _print_report(found, days)


def require_passed(report: PromotionReport) -> None:
    """Raise NodeError naming what failed, if anything did."""
    if report.failed:
        name = f"{report.candidate.name} {report.candidate.version}"
        reasons = "; ".join(f"{check.name}: {check.words}" for check in report.failed)
        raise NodeError(f"{name} is not promoted. {reasons}. Train it further, or on more of these patients")


def _print_models(models: Sequence[KeptModel], decisions: Sequence[Decision]) -> None:
    """The models, and who decided what about them."""
    table = Table("role", "model", "digest", "started from", box=None, title="RESEARCH USE ONLY", title_justify="left")
    for each in models:
        table.add_row(each.role, f"{each.name} {each.version}", each.digest[:12], each.started_from[:12] or "-")
    Console().print(table)
    history = Table("decided (UTC)", "what", "digest", "by", "outcome", box=None)
    for decision in decisions:
        moment = datetime.fromtimestamp(decision.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        history.add_row(moment, decision.act, decision.digest[:12], decision.by, decision.outcome)
    if decisions:
        Console().print(history)


def _print_checks(report: PromotionReport) -> None:
    """Each check with its figures, and the how manieth attempt on these cases this was."""
    attempt = f"attempt {report.attempt} on these cases" if report.attempt else "not measured: see the first check"
    title = f"RESEARCH USE ONLY\n{attempt}"
    table = Table("check", "", "figures", box=None, title=title, title_justify="left")
    for check in report.checks:
        table.add_row(check.name, "[green]passed[/]" if check.passed else "[red]FAILED[/]", check.words)
    Console().print(table)


def _print_report(found: ModelReport, days: float) -> None:
    """Drift of the active model, then the shadow beside it."""
    console = Console()
    console.print(_drift_table(found, days))
    if not found.drift:
        console.print("no answers in this period")
    console.print(_verdict_table(found) if found.verdicts else "no reader's verdict in this period")
    for each in found.reports:
        console.print(
            f"shadow {found.shadow['name']} {found.shadow['version']}, {each.endpoint}: "
            f"{counted(each.studies, 'study', 'studies')}, {each.agreement:.0%} agree, shift {each.shift:+.3f}, "
            f"correlation {each.correlation:.2f}"
        )
        for uid, active, answered in each.disagreements[:_MOST_SHOWN]:
            console.print(f"  {uid}: active {active:.1%}, shadow {answered:.1%}")
    for uid, reason in found.unanswered[:_MOST_SHOWN]:
        console.print(f"  {uid}: the shadow gave no answer: {reason}", markup=False)


def _verdict_table(found: ModelReport) -> Table:
    columns = ("scanner", "endpoint", "score", "agree", "disagree", "wrong side", "not usable")
    table = Table(*columns, box=None, title="readers' verdicts, by score band", title_justify="left")
    for line in found.verdicts:
        counts = (line.agree, line.disagree, line.wrong_side, line.not_usable)
        table.add_row(line.scanner, line.endpoint, f"{line.low:.0%} to {line.high:.0%}", *map(str, counts))
    return table


def _drift_table(found: ModelReport, days: float) -> Table:
    title = f"RESEARCH USE ONLY\n{found.active['name']} {found.active['version']}, answers of the last {days:g} days"
    columns = ("scanner", "endpoint", "answers", "median", "PSI", "KS", "outside", "")
    table = Table(*columns, box=None, title=title, title_justify="left")
    for line in found.drift:
        numbers = ("-" if each is None else f"{each:.2f}" for each in (line.stability, line.distance))
        word = "[yellow]the answers have moved[/]" if line.has_moved else ""
        shares = (f"{line.median:.1%}", *numbers, f"{line.outside:.0%}")
        table.add_row(line.scanner, line.endpoint, str(line.answers), *shares, word)
    return table
