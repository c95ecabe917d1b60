"""Commands that look at studies and act on them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from node.cli.common import clock, open_ledger
from node.cli.options import Config, Json, StudyUid
from node.cli.tables import print_summary
from node.settings import load_settings
from node.storage.records import StudyDetail


def show(uid: StudyUid, config: Config = None, as_json: Json = False) -> None:
    """Everything about one study: timeline, scores, objects, deliveries and their receipts.

    Example: mome-node studies show 1.2.840.113619.2.1
    """
    detail = open_ledger(config).reading.study(uid)
    if as_json:
        summary = detail.summary.to_json() if detail.summary else {}
        typer.echo(json.dumps(asdict(detail) | {"summary": summary}))
    else:
        print_study(detail, Console())


def print_study(detail: StudyDetail, console: Console) -> None:
    """The study for a person at a terminal."""
    study = detail.study
    console.print(f"[bold]{study.state}[/]  study {study.study_instance_uid}, revision {study.revision}")
    if study.reason:
        console.print(f"[yellow]{escape(study.reason)}[/]")
    console.print(_timeline_table(detail))
    if detail.summary:
        print_summary(detail.summary, console)
    if detail.objects:
        console.print(_objects_table(detail))
    console.print(_jobs_table(detail))


def _timeline_table(detail: StudyDetail) -> Table:
    table = Table("when", "what", "detail", box=None, header_style="bold")
    for each in detail.timeline:
        table.add_row(clock(each.at), f"{each.event} -> {each.to_state}", escape(each.detail))
    return table


def _objects_table(detail: StudyDetail) -> Table:
    table = Table("result object", "file", box=None, header_style="bold")
    table.add_column("SOP Instance UID", overflow="fold")
    for each in detail.objects:
        table.add_row(each.kind, each.path, each.sop_instance_uid)
    return table


def _jobs_table(detail: StudyDetail) -> Table:
    table = Table("job", "destination", "state", "attempts", "objects kept", "reason", box=None, header_style="bold")
    for job in detail.jobs:
        kept = sum(receipt.kept for receipt in job.receipts)
        answered = f"{kept} of {len(job.receipts)}" if job.receipts else ""
        table.add_row(job.kind, escape(job.destination), job.state, str(job.attempts), answered, escape(job.reason))
    return table


def reprocess(uid: StudyUid, config: Config = None) -> None:
    """Analyse a study anew, as its next revision.

    Example: mome-node studies reprocess 1.2.840.113619.2.1
    """
    open_ledger(config).operator.requeue(uid, time.time())
    typer.echo("queued; watch it with: mome-node studies show " + uid)


def redeliver(uid: StudyUid, config: Config = None) -> None:
    """Send the result objects of a study again, the same instances.

    Example: mome-node studies redeliver 1.2.840.113619.2.1
    """
    names = [each.name for each in load_settings(config).destinations]
    open_ledger(config).operator.redeliver(uid, names, time.time())
    typer.echo(f"queued for {', '.join(names)}; watch it with: mome-node studies show {uid}")


def force(uid: StudyUid, config: Config = None) -> None:
    """Declare a study complete now, without waiting for the settle time.

    Example: mome-node studies force 1.2.840.113619.2.1
    """
    open_ledger(config).operator.force(uid, time.time())
    typer.echo("declared complete; watch it with: mome-node studies show " + uid)
