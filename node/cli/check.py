"""The command that tests an installation before anyone relies on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.options import Config, Json
from node.exit_codes import Exit
from node.service.ledger_lock import failing, is_alive
from node.settings import load_settings

if TYPE_CHECKING:
    from node.watching.self_test import SelfTestResult


def check(
    config: Config = None,
    as_json: Json = False,
    alive: Annotated[
        bool, typer.Option("--alive", help="Only whether supervisor and listener run: asks no database and no port.")
    ] = False,
    ready: Annotated[
        bool, typer.Option("--ready", help="Only whether every process has a recent heartbeat and the disk has room.")
    ] = False,
) -> None:
    """Self-test: settings, disk, database, model and its seconds per study, PACS echo; exit code 5 when one fails.

    --alive and --ready are for the probes of containers, and quick. They ask neither the dashboard nor the DICOM port:
    nobody who floods these has the node restarted. Example: mome-node check --config mome-node.toml
    """
    settings = load_settings(config)
    if alive or ready:
        dead = [] if not alive or is_alive(settings) else ["supervisor"]
        found = dead + (failing(settings) if ready else [])
        typer.echo(json.dumps(found) if as_json else ", ".join(found) or "ok")
        raise typer.Exit(Exit.NOT_READY if found else Exit.OK)
    from node.watching.self_test import run_self_test  # loads torch: seconds, which no probe has

    results = []
    for each in run_self_test(settings):
        results.append(each)
        if not as_json:
            _print_result(each)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in results]))
    if not all(each.passed for each in results if each.required):
        raise typer.Exit(Exit.NOT_READY)


def _print_result(result: SelfTestResult) -> None:
    failed = ("FAILED", "red") if result.required else ("warning", "yellow")
    word, colour = ("ok", "green") if result.passed else failed
    typer.secho(f"{word:<8}", fg=colour, nl=False)
    typer.echo(f"{result.name:<18}{result.found}")
