"""The command that tests an installation before anyone relies on it."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from node.cli.options import Config, Json
from node.exit_codes import Exit
from node.settings import load_settings
from node.watching.self_test import SelfTestResult, run_self_test


def check(config: Config = None, as_json: Json = False) -> None:
    """Self-test: settings, disk, database, model and its seconds per study, PACS echo; exit code 5 when one fails.

    Example: mome-node check --config mome-node.toml
    """
    results = []
    for each in run_self_test(load_settings(config)):
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
