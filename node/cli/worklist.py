"""Commands that list: the studies and their states, the node on one screen, the instances that are stored."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mome_core.calibration import Call
from node.audit import AuditEvent, AuditFields
from node.cli.common import open_ledger
from node.cli.options import Config, Json
from node.cli.tables import print_protocol
from node.jobs import JobState
from node.next_step import next_step
from node.patient_search import RowLabels, study_search
from node.search_key import SearchKey
from node.settings import Settings, load_settings
from node.states import StudyState
from node.storage.analysis_queue import analysis_queue
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.storage.worklist import Worklist, WorklistRow
from node.words import JOB_KIND_WORDS, JOB_STATE_WORDS, STATE_WORDS, duration, local_time
from sr_templates.dicom.text import percent


def list_studies(
    config: Config = None,
    state: Annotated[str, typer.Option(help="Only studies in this state, e.g. FAILED.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and show every change, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """The worklist: every study, its state, its score, and what happens next or why nothing does; no patient.

    Example: mome-node studies list --state FAILED
    """
    if state and state not in StudyState.__members__:
        raise typer.BadParameter(f"one of {', '.join(StudyState)}", param_hint="--state")
    settings, ledger = load_settings(config), open_ledger(config)
    view, states = _View(settings, ledger), [StudyState(state)] if state else []
    if watch:
        _follow(lambda rows: view.table(states, min(limit, rows)) or "no study has arrived yet")
        return
    if as_json:
        found = Worklist(ledger.engine).rows(states, limit=limit)
        typer.echo(json.dumps([asdict(each.study) for each in found]))
    else:
        Console().print(view.table(states, limit) or "no study has arrived yet")


def find(
    text: Annotated[str, typer.Argument(help="What to look for; asked for when it is left out.")] = "",
    config: Config = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Find studies by accession number, patient ID, name, date, scanner, number, UID or part of it; it is audited.

    What stands on a command line stays in the shell's history: without TEXT the command asks for it.

    Example: mome-node studies find 2026-11-29
    """
    settings, ledger = load_settings(config), open_ledger(config)
    key = SearchKey.open(settings.storage.search_key_path)
    sought = text.strip() or typer.prompt("Find", hide_input=False).strip()
    found = Worklist(ledger.engine).rows(search=study_search(sought, key, patients=True), limit=limit)
    person = f"command line ({getpass.getuser()})"
    words, fields = f"{person}: search, {len(found)} found", AuditFields(person=person, count=len(found))
    ledger.audit.record(AuditEvent.SEARCHED, time.time(), words, fields=fields)
    labels = [RowLabels.unsealed(key, each.labels) for each in found]
    if as_json:
        pairs = zip(found, labels, strict=True)
        typer.echo(json.dumps([asdict(row.study) | asdict(label) for row, label in pairs]))
        return
    if not found:
        raise LookupError("no study fits; names are found by their beginnings, numbers only as a whole")
    console = Console()
    console.print(_View(settings, ledger).table_of(found, labels))
    for row in found if len(found) == 1 else ():
        print_protocol(row.summary.protocol if row.summary else (), console)


class _View:
    """The worklist for a terminal."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.gather, self.engine = settings.gather, ledger.engine
        self.key = SearchKey.open(settings.storage.search_key_path)

    def table(self, states: Sequence[StudyState], limit: int) -> Table | None:
        """The newest studies in these states, without their patients; None when there is none."""
        found = Worklist(self.engine).rows(states, limit=limit)
        labels = [RowLabels.unsealed(self.key, each.labels).without_patient() for each in found]
        return self.table_of(found, labels) if found else None

    def table_of(self, rows: Sequence[WorklistRow], labels: Sequence[RowLabels]) -> Table:
        """These studies; texts of strangers are printed as they are, never read as markup."""
        now = time.time()
        queue = analysis_queue(self.engine, now)
        with_patient = any(each.patient_id or each.patient_name for each in labels)
        titles = ("study", *(("patient",) if with_patient else ()), "date", "scanner", "state", "score")
        table = Table(*titles, box=None, header_style="bold")
        table.add_column("next, or why not", overflow="fold")
        for row, label in zip(rows, labels, strict=True):
            step = next_step(row.study, row.jobs, queue, self.gather, now)
            left = f" in {duration(step.until - now)}" if step.until else ""
            patient = (_plain(" ".join((label.patient_name, label.patient_id)).strip()),) if with_patient else ()
            state = f"[{_STATE_STYLES[row.study.state]}]{STATE_WORDS[row.study.state]}[/]"
            texts = (*patient, _plain(label.study_date), _plain(row.scanner))
            table.add_row(str(row.study.id), *texts, state, _scores(row), escape(step.words + left))
        return table


def _plain(text: str) -> Text:
    return Text("".join(c if c.isprintable() else "?" for c in text))


def _scores(row: WorklistRow) -> str:
    """Each score with its call."""
    scores = row.summary.scores if row.summary else ()
    return ", ".join(
        "withheld"
        if each.probability is None
        else f"{percent(each.probability)} {'no call' if each.call is Call.WITHHELD else each.call}"
        for each in scores
    )


_STATE_STYLES = {
    StudyState.RECEIVING: "blue",
    StudyState.STABLE: "yellow",
    StudyState.ANALYZING: "blue",
    StudyState.ANALYZED: "yellow",
    StudyState.DELIVERED: "green",
    StudyState.FAILED: "bold red",
    StudyState.INELIGIBLE: "magenta",
    StudyState.CANCELLED: "magenta",
}


def _follow(render: Callable[[int], RenderableType], seconds: float = 1.0) -> None:
    """Draw again every second until Ctrl-C; `render` gets the number of lines."""
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
    ledger = open_ledger(config)
    overview, health, view = Overview(ledger.engine), HealthStore(ledger.engine), _View(load_settings(config), ledger)

    def render(rows: int) -> Group:
        lines = [*_alert_lines(health), *_process_lines(health), *_queue_lines(overview)]
        newest = view.table((), max(5, rows - len(lines) - 3))
        return Group("[bold]MOME Node[/] - research use only", *lines, "", newest or "no study has arrived yet")

    _follow(render)


def _alert_lines(health: HealthStore) -> list[str]:
    """What needs a person."""
    return [f"[bold red]{escape(each.message)}[/], since {local_time(each.raised_at)}" for each in health.alerts()]


def _process_lines(health: HealthStore) -> list[str]:
    """Each process and when it was last alive."""
    now, lines = time.time(), []
    for each in health.heartbeats():
        word = "[green]alive[/]" if each.is_alive(now) else "[bold red]silent[/]"
        lines.append(f"{each.part:<12}{word:<20}{each.node}, {now - each.at:.0f} s ago")
    return lines


def _queue_lines(overview: Overview) -> list[str]:
    """Each queue that holds something."""
    lines = []
    for each in overview.queues():
        style = "bold red" if each.state is JobState.DEAD else "yellow"
        words = f"{JOB_KIND_WORDS[each.kind]} {escape(each.destination)}"
        lines.append(f"[{style}]{each.jobs:>5} {JOB_STATE_WORDS[each.state]}[/]  {words}")
    return lines


def list_instances(config: Config = None, as_json: Json = False) -> None:
    """Every instance that is safely stored; with --json one object on each line.

    Example: mome-node instances list --json
    """
    root = load_settings(config).storage.root
    for uid, sha256, path in open_ledger(config).reading.instances():
        place = str(root / path)
        line = {"sop_instance_uid": uid, "sha256": sha256, "path": place}
        typer.echo(json.dumps(line) if as_json else f"{sha256[:12]}  {uid}  {place}")
