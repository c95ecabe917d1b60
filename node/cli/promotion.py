"""`mome-node model ...` for a site: which model answers, what a candidate must prove, and the way back."""

from __future__ import annotations

import getpass
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.results import Endpoint
from mome_core.training.cohort import GROUPS, Row, read_manifest
from mome_core.training.errors import TrainingRefused
from mome_core.training.gate import Check, GateRules, LockedCases, examine
from node.cli.options import Config, Json
from node.cli.train import CACHE, CacheOption, WorkersOption, content_of, endpoint_of, prepared
from node.errors import NodeError, NotReady
from node.models import Registry, bundle_in_use, described
from node.settings import Settings, load_settings
from node.storage.decisions import Act, Decision, ModelDecisions, lock_of, promoted, shadow_of
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.watching.drift import Watch, watch_models

MOST_SHOWN = 20
BundleName = Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder, shipped name, or beginning of a digest.")]


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """What these commands work with."""

    settings: Settings
    registry: Registry
    book: ModelDecisions


def list_models(config: Config = None, as_json: Json = False) -> None:
    """The active model, those below it, the shadow, and every decision with its date and author.

    Example: mome-node model list
    """
    desk = open_desk(config)
    decisions = desk.book.decisions()
    active = described(bundle_in_use(desk.settings, desk.book))["manifest_sha256"]
    shadow = shadow_of(decisions)
    roles = dict.fromkeys(desk.registry.digests(), "kept") | dict.fromkeys(promoted(decisions), "earlier")
    roles |= ({shadow.digest: "shadow"} if shadow else {}) | {active: "active"}
    models = [model_line(desk, digest, role) for digest, role in roles.items()]
    if as_json:
        typer.echo(json.dumps({"models": models, "decisions": [asdict(each) for each in decisions]}))
        return
    print_models(sorted(models, key=lambda each: each["role"]), decisions)


def lock(
    manifest: Annotated[Path, typer.Argument(metavar="COHORT.csv", help="Cases that no candidate may learn from.")],
    split: Annotated[str, typer.Option("--split", help="Only these cases, e.g. test.", show_default="all")] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", help="A column of the CSV.")] = "malignancy",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lock the cases that candidates are judged by: labels and images must not change, or are locked anew.

    Example: mome-node model lock cohort.csv --split test
    """
    desk = open_desk(config)
    terms = {"manifest": str(manifest.absolute()), "split": split, "endpoint": endpoint_of(endpoint).value}
    rows = locked_rows(terms)
    decide(desk, Act.LOCKED, digest_of(rows), terms | {"cases": len(rows)})
    account = {"cases": len(rows), "digest": digest_of(rows)} | terms
    typer.echo(json.dumps(account) if as_json else f"{len(rows)} cases of {manifest} locked ({digest_of(rows)[:12]})")


def promote(
    bundle: BundleName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Examine only; change nothing.")] = False,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a candidate answer if it passes every check on the locked cases; a running node needs no restart.

    Example: mome-node model promote models/ours
    """
    desk = open_desk(config)
    place, in_use = desk.registry.find(bundle), bundle_in_use(desk.settings, desk.book)
    candidate, active = load_checkpoint(place), load_checkpoint(in_use)
    require_another(candidate, active)
    lock_, cases = locked_cases(desk, candidate, active, cache, workers)
    demanded = desk.settings.promotion
    rules = GateRules(demanded.margin, demanded.subgroup_margin, demanded.fewest)
    checks = examine(candidate, active, cases, rules)
    passed = all(check.passed for check in checks)
    account = {
        "candidate": asdict(candidate.identity),
        "active": asdict(active.identity),
        "locked": lock_.digest,
        "checks": [check.to_json() for check in checks],
        "passed": passed,
        "promoted": passed and not dry_run,
    }
    if passed and not dry_run:
        before = desk.registry.add(in_use)
        decide(desk, Act.PROMOTED, desk.registry.add(place), account | {"before": before})
    typer.echo(json.dumps(account)) if as_json else print_checks(checks)
    say_verdict(candidate, checks, dry_run=dry_run, as_json=as_json)


def rollback(config: Config = None, as_json: Json = False) -> None:
    """Let the model before the active one answer again; a running node needs no restart.

    Example: mome-node model rollback
    """
    desk = open_desk(config)
    stack = promoted(desk.book.decisions())
    if len(stack) < 2:
        raise NotReady("nothing was promoted, so there is no model to go back to; see: mome-node model list")
    manifest = described(desk.registry.bundle(stack[-2]))
    decide(desk, Act.ROLLED_BACK, stack[-2], {"from": stack[-1]})
    account = {"active": manifest["name"], "version": manifest["version"], "sha256": manifest["weights"]["sha256"]}
    typer.echo(json.dumps(account) if as_json else f"{manifest['name']} {manifest['version']} answers again")


def shadow(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder, shipped name, or digest.")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="End the shadow.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let a candidate answer beside the active model on live studies; nothing of it is delivered. See: model report

    Example: mome-node model shadow models/ours
    """
    desk = open_desk(config)
    running = shadow_of(desk.book.decisions())
    if bool(bundle) == stop:
        raise typer.BadParameter("name a bundle to begin, or --stop to end", param_hint="BUNDLE")
    if stop and running is None:
        raise typer.BadParameter("no shadow is on", param_hint="--stop")
    if running is not None:
        decide(desk, Act.UNSHADOWED, running.digest, {})
    digest = "" if stop else desk.registry.add(desk.registry.find(bundle))
    if digest:
        decide(desk, Act.SHADOWED, digest, {})
    said = f"{digest[:12]} answers beside the active model from now on" if digest else "the shadow is off"
    typer.echo(json.dumps({"shadow": digest}) if as_json else said)


def report(
    days: Annotated[float, typer.Option("--days", min=0.01, help="How far back the answers are looked at.")] = 7.0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """How the models do: drift of the active one for each scanner, and the shadow's agreement with it.

    Example: mome-node model report --days 7
    """
    desk = open_desk(config)
    watch = watch_models(desk.settings, Overview(desk.book.engine), time.time(), days)
    typer.echo(json.dumps(asdict(watch))) if as_json else print_watch(watch, days)


# --- what the commands share


def open_desk(config: Path | None) -> Desk:
    """The settings, the bundles, and the decisions; the ledger is brought up to date."""
    settings = load_settings(config)
    return Desk(settings, Registry(settings.storage.root), ModelDecisions(Ledger(settings.database_url).engine))


def decide(desk: Desk, act: Any, digest: str, evidence: dict[str, Any]) -> None:
    """Write down what was decided, by whom and when."""
    desk.book.decide(act, digest, getpass.getuser(), evidence, time.time())


def require_another(candidate: Checkpoint, active: Checkpoint) -> None:
    """Raise NotReady when the candidate is the active model."""
    if candidate.identity == active.identity:
        raise NotReady(f"{active.identity.name} {active.identity.version} is the active model; there is nothing to do")


def locked_rows(terms: dict[str, Any]) -> list[Row]:
    """The labelled rows that were locked, as the manifest says now."""
    asked = Endpoint(terms["endpoint"])
    rows = [row for row in read_manifest(Path(terms["manifest"])) if terms["split"] in ("", row.split)]
    labelled = [row for row in rows if asked in row.labels]
    if len({row.labels[asked] for row in labelled}) < 2:
        raise TrainingRefused(
            f"{len(labelled)} cases with a label of {asked}: both classes are needed to judge a model"
        )
    return labelled


def digest_of(rows: list[Row]) -> str:
    """SHA-256 over labels, patients and the content of every image."""
    told = []
    for row in rows:
        labels = {endpoint.value: label for endpoint, label in row.labels.items()}
        told.append([row.name, row.patient, labels, dict(row.facts), content_of(row.folder)])
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def locked_cases(
    desk: Desk, candidate: Checkpoint, active: Checkpoint, cache: Path, workers: int
) -> tuple[Decision, LockedCases]:
    """The locked cases, prepared for both models; raises NotReady when there are none, or they were changed."""
    lock_ = lock_of(desk.book.decisions())
    if lock_ is None:
        raise NotReady(
            "no cases are locked to judge a candidate by; first: mome-node model lock COHORT.csv --split test"
        )
    rows = locked_rows(lock_.evidence)
    if digest_of(rows) != lock_.digest:
        raise NotReady(
            f"labels or images of {lock_.evidence['manifest']} were changed after they were locked; "
            "put them back, or lock them again (which is audited)"
        )
    new, _ = prepared(rows, candidate.recipe, cache, workers)
    old, _ = prepared(rows, active.recipe, cache, workers)
    by_name = {row.name: row for row in rows}
    groups = {column: tuple(by_name[each.name].group(column) for each in new) for column in GROUPS}
    return lock_, LockedCases(Endpoint(lock_.evidence["endpoint"]), new, old, groups)


def say_verdict(candidate: Checkpoint, checks: tuple[Check, ...], *, dry_run: bool, as_json: bool) -> None:
    """What came of it; raises NodeError naming what failed."""
    name = f"{candidate.identity.name} {candidate.identity.version}"
    if failed := [check for check in checks if not check.passed]:
        reasons = "; ".join(f"{check.name}: {check.words}" for check in failed)
        raise NodeError(f"{name} is not promoted. {reasons}. Train it further, or on more of these patients")
    if not as_json:
        typer.echo(f"{name} passes; nothing was changed" if dry_run else f"{name} answers from the next study on")


def model_line(desk: Desk, digest: str, role: str) -> dict[str, Any]:
    """One model of the list."""
    bundle = bundle_in_use(desk.settings, desk.book) if role == "active" else desk.registry.bundle(digest)
    manifest = described(bundle)
    return {
        "role": role,
        "digest": digest,
        "name": manifest["name"],
        "version": manifest["version"],
        "sha256": manifest["weights"]["sha256"],
        "started_from": manifest["provenance"].get("started_from", ""),
        "statement": manifest["statement"],
    }


def print_models(models: list[dict[str, Any]], decisions: list[Decision]) -> None:
    """Two tables for a person."""
    table = Table("role", "model", "digest", "started from", box=None, title="RESEARCH USE ONLY", title_justify="left")
    for each in models:
        table.add_row(
            each["role"], f"{each['name']} {each['version']}", each["digest"][:12], each["started_from"][:12] or "-"
        )
    Console().print(table)
    history = Table("decided (UTC)", "what", "digest", "by", box=None)
    for decision in decisions:
        moment = datetime.fromtimestamp(decision.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        history.add_row(moment, decision.act, decision.digest[:12], decision.by)
    if decisions:
        Console().print(history)


def print_checks(checks: tuple[Check, ...]) -> None:
    """Each check with its figures."""
    table = Table("check", "", "figures", box=None, title="RESEARCH USE ONLY", title_justify="left")
    for check in checks:
        table.add_row(check.name, "[green]passed[/]" if check.passed else "[red]FAILED[/]", check.words)
    Console().print(table)


def print_watch(watch: Watch, days: float) -> None:
    """Drift and shadow for a person."""
    console = Console()
    title = f"RESEARCH USE ONLY\n{watch.active['name']} {watch.active['version']}, answers of the last {days:g} days"
    columns = ("scanner", "endpoint", "answers", "median", "PSI", "KS", "outside", "")
    drift = Table(*columns, box=None, title=title, title_justify="left")
    for line in watch.drift:
        numbers = ("-" if each is None else f"{each:.2f}" for each in (line.stability, line.distance))
        word = "[yellow]the answers have moved[/]" if line.has_moved else ""
        shares = (f"{line.median:.1%}", *numbers, f"{line.outside:.0%}")
        drift.add_row(line.scanner, line.endpoint, str(line.answers), *shares, word)
    console.print(drift)
    if not watch.drift:
        console.print("no answer in this time")
    for each in watch.reports:
        console.print(
            f"shadow {watch.shadow['name']} {watch.shadow['version']}, {each.endpoint}: {each.studies} studies, "
            f"{each.agreement:.0%} agree, shift {each.shift:+.3f}, correlation {each.correlation:.2f}"
        )
        for uid, active, shadow_ in each.disagreements[:MOST_SHOWN]:
            console.print(f"  {uid}: active {active:.1%}, shadow {shadow_:.1%}")
    for uid, reason in watch.unanswered[:MOST_SHOWN]:
        console.print(f"  {uid}: the shadow gave no answer: {reason}", markup=False)
