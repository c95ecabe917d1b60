"""Commands that list: the studies and their states, the node on one screen, the instances that are stored."""

from __future__ import annotations

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

from node.cli.common import open_ledger
from node.cli.options import Config, Json
from node.jobs import JobState
from node.settings import load_settings
from node.settings_sections import GatherSettings
from node.states import StudyState
from node.storage.health import ALIVE_SECONDS, HealthStore
from node.storage.overview import Overview
from node.storage.records import StudyRecord
from node.words import STATE_WORDS, local_time


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
    if state and state not in StudyState.__members__:
        raise typer.BadParameter(f"one of {', '.join(StudyState)}", param_hint="--state")
    overview, states = Overview(open_ledger(config).engine), [StudyState(state)] if state else []
    gather = load_settings(config).gather
    if watch:
        _follow(lambda rows: _worklist_table(overview.worklist(states, limit=min(limit, rows)), gather))
        return
    found = overview.worklist(states, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
    else:
        Console().print(_worklist_table(found, gather) if found else "no study has arrived yet")


def _worklist_table(studies: Sequence[StudyRecord], gather: GatherSettings) -> Table:
    """The worklist for a terminal; a study that is arriving says when it will be complete."""
    table = Table("study", "state", "since", "rev", "instances", box=None, header_style="bold")
    table.add_column("why", overflow="fold")
    for each in studies:
        reason = each.reason
        if each.state is StudyState.RECEIVING and not reason:
            at = gather.complete_at(each.state_since, each.last_received_at, each.missing)
            left = f"complete in {max(0.0, at - time.time()):.0f} s"
            reason = f"{each.awaits}; {left}" if each.awaits else left
        words = f"[{_STATE_STYLES[each.state]}]{STATE_WORDS[each.state]}[/]"
        numbers = (str(each.revision), str(each.instances))
        table.add_row(str(each.id), words, local_time(each.state_since), *numbers, escape(reason))
    return table


_STATE_STYLES = {
    StudyState.RECEIVING: "blue",
    StudyState.STABLE: "yellow",
    StudyState.ANALYZING: "blue",
    StudyState.ANALYZED: "yellow",
    StudyState.DELIVERED: "green",
    StudyState.FAILED: "bold red",
    StudyState.INELIGIBLE: "magenta",
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
    ledger, gather = open_ledger(config), load_settings(config).gather
    overview, health = Overview(ledger.engine), HealthStore(ledger.engine)

    def render(rows: int) -> Group:
        lines = [*_alert_lines(health), *_process_lines(health), *_queue_lines(overview)]
        newest = overview.worklist(limit=max(5, rows - len(lines) - 3))
        return Group("[bold]MOME Node[/] - research use only", *lines, "", _worklist_table(newest, gather))

    _follow(render)


def _alert_lines(health: HealthStore) -> list[str]:
    """What needs a person."""
    return [f"[bold red]{escape(each.message)}[/], since {local_time(each.raised_at)}" for each in health.alerts()]


def _process_lines(health: HealthStore) -> list[str]:
    """Each process and when it was last alive."""
    now, lines = time.time(), []
    for each in health.heartbeats():
        word = "[green]alive[/]" if now - each.at < ALIVE_SECONDS else "[bold red]silent[/]"
        lines.append(f"{each.part:<12}{word:<20}{each.node}, {now - each.at:.0f} s ago")
    return lines


def _queue_lines(overview: Overview) -> list[str]:
    """Each queue that holds something."""
    lines = []
    for each in overview.queues():
        style = "bold red" if each.state is JobState.DEAD else "yellow"
        lines.append(f"[{style}]{each.jobs:>5} {each.state}[/]  {each.kind} {escape(each.destination)}")
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
