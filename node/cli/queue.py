"""Commands of the queue: what waits in which order, hold it back, let it go on, end it."""

from __future__ import annotations

import getpass
import json
import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from node.cli.common import open_ledger, uid_of
from node.cli.options import Config, Json, StudyName
from node.errors import NotReady
from node.holding import hold_destination, hold_node, release_destination, resume_node
from node.jobs import UNFINISHED, Priority
from node.settings import Settings, load_settings
from node.storage.health import HealthStore
from node.storage.holds import HoldKind
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.words import hold_words, local_time

_POLL_SECONDS = 0.5
_Why = Annotated[str, typer.Option("--why", help="Reason, shown on every page and in the audit trail.")]
_Destination = Annotated[
    str, typer.Argument(metavar="DESTINATION", help="Name of a destination, or of an HL7 or FHIR receiver.")
]


def list_queue(config: Config = None, as_json: Json = False) -> None:
    """What is held back, and every open or failed job in the order in which they are claimed.

    Example: mome-node queue list
    """
    ledger = open_ledger(config)
    holds, jobs = ledger.holds.current(), Overview(ledger.engine).jobs(UNFINISHED)
    if as_json:
        typer.echo(json.dumps({"holds": [asdict(each) for each in holds], "jobs": [asdict(each) for each in jobs]}))
        return
    for hold in holds:
        typer.echo(f"{hold_words(hold)}, since {local_time(hold.since)}")
    if not jobs:
        typer.echo("nothing is waiting, running or failed")
        return
    table = Table("study", "job", "state", "priority", "attempts", "reason", box=None, header_style="bold")
    for each in jobs:
        job = f"{each.kind} {escape(each.destination)}"
        table.add_row(str(each.study_id), job, each.state, each.priority, str(each.attempts), escape(each.reason))
    Console().print(table)


def pause(why: _Why = "", config: Config = None) -> None:
    """Begin no analysis and no delivery on this node until `queue resume`, also after a restart; reception goes on.

    Example: mome-node queue pause --why "new disk"
    """
    hold_node(load_settings(config), open_ledger(config), HoldKind.PAUSE, getpass.getuser(), why)
    typer.echo("paused; what is running is finished. Go on with: mome-node queue resume")


def resume(config: Config = None) -> None:
    """Let this node work again after `queue pause` or `queue drain`.

    Example: mome-node queue resume
    """
    resume_node(load_settings(config), open_ledger(config), getpass.getuser())
    typer.echo("this node works again")


def drain(
    why: _Why = "",
    wait: Annotated[bool, typer.Option("--wait", help="Return when nothing is in hand any more.")] = False,
    config: Config = None,
) -> None:
    """As `queue pause`, and reject associations for now, until the node is stopped or `queue resume`.

    Senders repeat later, or elsewhere. Example: mome-node queue drain --wait && systemctl stop mome-node
    """
    settings, ledger = load_settings(config), open_ledger(config)
    if not _is_alive(settings, ledger):
        raise NotReady("this node is not running; there is nothing to drain")
    hold_node(settings, ledger, HoldKind.DRAIN, getpass.getuser(), why)
    while wait and not is_drained(settings, ledger):
        time.sleep(_POLL_SECONDS)
    typer.echo("drained; stop the node, or: mome-node queue resume" if wait else "draining; see: mome-node queue list")


def _is_alive(settings: Settings, ledger: Ledger) -> bool:
    """Whether the node's listener has a recent heartbeat."""
    beat = HealthStore(ledger.engine).listener(settings.node_name)
    return beat is not None and beat.is_alive(time.time())


def is_drained(settings: Settings, ledger: Ledger) -> bool:
    """Whether a node that is to drain has no association and no job left; one that does not run has neither.

    Raises NotReady when the drain was ended meanwhile.
    """
    node = settings.node_name
    beat = HealthStore(ledger.engine).listener(node)
    if beat is None or not beat.is_alive(time.time()):
        return True
    hold = ledger.holds.of_node(node)
    if hold is None or hold.kind is not HoldKind.DRAIN:
        raise NotReady("the drain was ended before the node was drained")
    closed = beat.listening_since is None and not beat.associations
    return closed and node not in {each.node for each in ledger.jobs.holders()}


def hold(destination: _Destination, why: _Why = "", config: Config = None) -> None:
    """Send nothing to a destination until `queue release`; its results wait, other destinations get theirs.

    Example: mome-node queue hold pacs --why "upgrade of the PACS"
    """
    hold_destination(load_settings(config), open_ledger(config), destination, getpass.getuser(), why)
    typer.echo(f"nothing is sent to {destination} until: mome-node queue release {destination}")


def release(destination: _Destination, config: Config = None) -> None:
    """Send to a destination again after `queue hold`.

    Example: mome-node queue release pacs
    """
    release_destination(open_ledger(config), destination, getpass.getuser())
    typer.echo(f"what waits for {destination} is sent")


def priority(
    study: StudyName,
    level: Annotated[str, typer.Argument(metavar="PRIORITY", help=f"{', '.join(Priority)}.")],
    config: Config = None,
) -> None:
    """Set how urgent a study is: STAT overtakes all that wait, LOW lets all others pass.

    Example: mome-node queue priority 812 STAT
    """
    if level.upper() not in Priority.__members__:
        raise typer.BadParameter(f"one of {', '.join(Priority)}", param_hint="PRIORITY")
    ledger, wanted = open_ledger(config), Priority(level.upper())
    ledger.operator.prioritise(uid_of(ledger, study), wanted, getpass.getuser(), time.time())
    typer.echo(f"study {study} has priority {wanted}; see: mome-node queue list")


def cancel(
    study: StudyName,
    destination: Annotated[str | None, typer.Option(help="Only the delivery to this destination.")] = None,
    config: Config = None,
) -> None:
    """End what waits, runs or has failed for a study: its analysis, or its deliveries.

    Example: mome-node queue cancel 812 --destination pacs
    """
    ledger = open_ledger(config)
    count = ledger.operator.cancel(uid_of(ledger, study), getpass.getuser(), time.time(), destination)
    typer.echo(f"{count} cancelled; take up again with: mome-node studies reprocess {study}, or redeliver")
