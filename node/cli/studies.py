"""Commands that look at studies and act on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.options import Config, Json, StudyUid

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from node.settings import Gather
    from node.storage.health import HealthStore
    from node.storage.ledger.ledger import Ledger
    from node.storage.overview import Overview
    from node.storage.records import StudyDetail, StudyRecord


def list_studies(
    config: Config = None,
    state: Annotated[str, typer.Option(help="Only studies in this state, e.g. FAILED.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and show every change, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """The worklist: every study, its state, and why.

    Example: mome-node studies list --state FAILED
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from node.settings import load_settings
    from node.states import StudyState
    from node.storage.overview import Overview

    if state and state not in StudyState.__members__:
        raise typer.BadParameter(f"one of {', '.join(StudyState)}", param_hint="--state")
    overview, states = Overview(open_ledger(config).engine), [StudyState(state)] if state else []
    gather = load_settings(config).gather
    if watch:
        follow(lambda rows: worklist_table(overview.worklist(states, limit=min(limit, rows)), gather))
        return
    found = overview.worklist(states, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
    else:
        Console().print(worklist_table(found, gather) if found else "no study has arrived yet")


def worklist_table(studies: Sequence[StudyRecord], gather: Gather) -> Table:
    """The worklist for a terminal; a study that is arriving says when it will be complete."""
    import time

    from rich.markup import escape
    from rich.table import Table

    table = Table("study", "state", "since", "rev", "instances", box=None, header_style="bold")
    table.add_column("uid", overflow="fold")
    table.add_column("reason", overflow="fold")
    for each in studies:
        reason = each.reason
        if each.state == "RECEIVING" and not reason:
            at = gather.complete_at(each.state_since, each.last_received_at, each.missing)
            left = f"complete in {max(0.0, at - time.time()):.0f} s"
            reason = f"{each.awaits}; {left}" if each.awaits else left
        words = f"[{STATE_STYLES[each.state]}]{each.state}[/]"
        numbers = (str(each.revision), str(each.instances))
        table.add_row(str(each.id), words, clock(each.state_since), *numbers, each.study_instance_uid, escape(reason))
    return table


STATE_STYLES = {
    "RECEIVING": "blue",
    "STABLE": "yellow",
    "ANALYZING": "blue",
    "ANALYZED": "yellow",
    "DELIVERED": "green",
    "FAILED": "bold red",
    "INELIGIBLE": "magenta",
}


def follow(render: Callable[[int], RenderableType], seconds: float = 1.0) -> None:
    """Draw again every second until Ctrl-C; `render` is told how many lines there are."""
    import time

    from rich.console import Console
    from rich.live import Live

    console = Console()
    try:
        with Live(render(console.height - 3), console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while True:
                time.sleep(seconds)
                live.update(render(console.height - 3), refresh=True)
    except KeyboardInterrupt:
        return


def top(config: Config = None) -> None:
    """Processes, queues, alerts and the newest studies on one screen, until Ctrl-C.

    Example: mome-node top --config mome-node.toml
    """
    from rich.console import Group

    from node.settings import load_settings
    from node.storage.health import HealthStore
    from node.storage.overview import Overview

    ledger, gather = open_ledger(config), load_settings(config).gather
    overview, watch = Overview(ledger.engine), HealthStore(ledger.engine)

    def render(rows: int) -> Group:
        told = [*alert_lines(watch), *process_lines(watch), *queue_lines(overview)]
        newest = overview.worklist(limit=max(5, rows - len(told) - 3))
        return Group("[bold]MOME Node[/] - research use only", *told, "", worklist_table(newest, gather))

    follow(render)


def alert_lines(watch: HealthStore) -> list[str]:
    """What needs a person."""
    from rich.markup import escape

    return [f"[bold red]{escape(each.words)}[/], since {clock(each.raised_at)}" for each in watch.alerts()]


def process_lines(watch: HealthStore) -> list[str]:
    """Each process and when it was last alive."""
    import time

    from node.watching.metrics import ALIVE_SECONDS

    now, lines = time.time(), []
    for each in watch.heartbeats():
        word = "[green]alive[/]" if now - each.at < ALIVE_SECONDS else "[bold red]silent[/]"
        lines.append(f"{each.part:<12}{word:<20}{each.node}, {now - each.at:.0f} s ago")
    return lines


def queue_lines(overview: Overview) -> list[str]:
    """Each queue that holds something."""
    from rich.markup import escape

    lines = []
    for each in overview.queues():
        style = "bold red" if each.state == "dead" else "yellow"
        lines.append(f"[{style}]{each.jobs:>5} {each.state}[/]  {each.kind} {escape(each.destination)}")
    return lines


def show(uid: StudyUid, config: Config = None, as_json: Json = False) -> None:
    """Everything about one study: timeline, scores, objects, deliveries and their receipts.

    Example: mome-node studies show 1.2.840.113619.2.1
    """
    import json
    from dataclasses import asdict

    detail = open_ledger(config).reading.study(uid)
    if as_json:
        typer.echo(json.dumps(asdict(detail)))
    else:
        print_study(detail)


def print_study(detail: StudyDetail) -> None:
    """The study for a person at a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    study = detail.study
    console.print(f"[bold]{study.state}[/]  study {study.study_instance_uid}, revision {study.revision}")
    if study.reason:
        console.print(f"[yellow]{escape(study.reason)}[/]")
    moments = Table("when", "what", "detail", box=None, header_style="bold")
    for each in detail.timeline:
        moments.add_row(clock(each.at), f"{each.event} -> {each.to_state}", escape(each.detail))
    console.print(moments)
    summary = detail.summary.get("lines")
    for line in summary if isinstance(summary, list) else []:
        console.print(escape(str(line)))
    jobs = Table("job", "destination", "state", "attempts", "objects kept", "reason", box=None, header_style="bold")
    for job in detail.jobs:
        kept = sum(receipt.kept for receipt in job.receipts)
        answered = f"{kept} of {len(job.receipts)}" if job.receipts else ""
        jobs.add_row(job.kind, escape(job.destination), job.state, str(job.attempts), answered, escape(job.reason))
    console.print(jobs)


def explain(uid: StudyUid, config: Config = None, as_json: Json = False) -> None:
    """Say which role each series of a stored study plays, and why, whether or not it could be analysed.

    Example: mome-node studies explain 1.2.840.113619.2.1
    """
    import json

    from dicom_io.headers.read import read_series_headers
    from dicom_io.study.classify import assign_roles
    from node.cli.assemble import print_rows, site_rules
    from node.settings import load_settings

    root = load_settings(config).storage.root
    paths = [root / path for _, _, path in open_ledger(config).reading.instances(uid)]
    if not paths:
        raise LookupError("no study with this Study Instance UID; see: mome-node studies list")
    told = [
        {
            "series_number": each.series.number,
            "series_instance_uid": each.series.series_uid,
            "description": each.series.description,
            "role": str(each.role),
            "confidence": each.confidence,
            "why": each.refused or each.why,
        }
        for each in assign_roles(read_series_headers(paths), site_rules(config)).roles
    ]
    if as_json:
        typer.echo(json.dumps(told))
    else:
        shown = ("series_number", "role", "description", "why")
        print_rows(list(shown), [[str(each[key]) for key in shown] for each in told])


def reprocess(uid: StudyUid, config: Config = None) -> None:
    """Analyse a study anew, as its next revision.

    Example: mome-node studies reprocess 1.2.840.113619.2.1
    """
    import time

    open_ledger(config).operator.requeue(uid, time.time())
    typer.echo("queued; watch it with: mome-node studies show " + uid)


def redeliver(uid: StudyUid, config: Config = None) -> None:
    """Send the result objects of a study again, the same instances.

    Example: mome-node studies redeliver 1.2.840.113619.2.1
    """
    import time

    from node.settings import load_settings

    names = [each.name for each in load_settings(config).destinations]
    open_ledger(config).operator.redeliver(uid, names, time.time())
    typer.echo(f"queued for {', '.join(names)}; watch it with: mome-node studies show {uid}")


def fetch(
    uid: StudyUid,
    archive: Annotated[str, typer.Option("--from", help="Destination in the settings, or AETITLE@HOST:PORT.")],
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Give up after this long.")] = 1800.0,
    config: Config = None,
) -> None:
    """Have a PACS send a study, or what is missing of it, to this node (C-MOVE); the node must be serving.

    Example: mome-node studies fetch 1.2.840.113619.2.1 --from pacs
    """
    from dicom_io.network.retrieve import move_study
    from node.cli.peers import find_remote
    from node.cli.train import progress
    from node.errors import NodeError
    from node.settings import load_settings

    settings = load_settings(config)
    ours = settings.dicom.ae_title
    moved = move_study(
        ours,
        find_remote(settings, archive),
        uid,
        destination=ours,
        seconds=seconds,
        progress=lambda done, planned: progress(f"{done} of {planned} instances", last=done == planned),
    )
    if moved.status or moved.failed:
        raise NodeError(
            f"{archive} sent {moved.completed} instances, and could not send {moved.failed} "
            f"(status {moved.status:04X}); does it know the address of {ours}, and is the node serving?"
        )
    if not moved.completed:
        raise NodeError(f"{archive} has no such study")
    typer.echo(f"{moved.completed} instances sent; watch the study with: mome-node studies show {uid}")


def force(uid: StudyUid, config: Config = None) -> None:
    """Declare a study complete now, without waiting for the settle time.

    Example: mome-node studies force 1.2.840.113619.2.1
    """
    import time

    open_ledger(config).operator.force(uid, time.time())
    typer.echo("declared complete; watch it with: mome-node studies show " + uid)


def list_instances(config: Config = None, as_json: Json = False) -> None:
    """Every instance that is safely stored; with --json one object on each line.

    Example: mome-node instances list --json
    """
    import json

    from node.settings import load_settings

    root = load_settings(config).storage.root
    for uid, sha256, path in open_ledger(config).reading.instances():
        place = str(root / path)
        line = {"sop_instance_uid": uid, "sha256": sha256, "path": place}
        typer.echo(json.dumps(line) if as_json else f"{sha256[:12]}  {uid}  {place}")


def open_ledger(config: Config) -> Ledger:
    """The ledger that the settings name."""
    from node.settings import load_settings
    from node.storage.archive import Archive
    from node.storage.ledger.ledger import Ledger

    settings = load_settings(config)
    Archive(settings.storage.root)
    return Ledger(settings.database_url)


def clock(seconds: float) -> str:
    """Local time for people."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
