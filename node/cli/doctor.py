"""The command that examines the node's surroundings."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.options import Config, Json
from node.exit_codes import Exit
from node.settings import load_settings
from node.watching.doctor import Finding, Verdict, examine


def doctor(
    config: Config = None,
    phantom: Annotated[
        bool, typer.Option("--phantom", help="Also send a synthetic study through the node and find it in the PACS.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine AE title, port, disk, clock, GPU and every PACS, and say what to do; exit code 5 when one fails.

    Example: mome-node doctor --config mome-node.toml --phantom
    """
    colours = {Verdict.WELL: "green", Verdict.ADVICE: "yellow", Verdict.ILL: "red", Verdict.UNKNOWN: "blue"}
    findings: list[Finding] = []
    for each in examine(load_settings(config), with_phantom=phantom):
        findings.append(each)
        if not as_json:
            typer.secho(f"{each.verdict:<8}", fg=colours[each.verdict], nl=False)
            typer.echo(f"{each.name:<24}{each.found}")
            if each.do:
                typer.echo(f"{'':<8}{'':<24}-> {each.do}")
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings]))
    if any(each.verdict is Verdict.ILL for each in findings):
        raise typer.Exit(Exit.NOT_READY)
