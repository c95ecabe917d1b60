"""The command that examines the node's surroundings."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.options import Config, Json
from node.exit_codes import Exit
from node.settings import load_settings
from node.watching.doctor import examine
from node.watching.findings import Finding, FindingLevel

_COLOURS = {
    FindingLevel.OK: "green",
    FindingLevel.ADVICE: "yellow",
    FindingLevel.FAILED: "red",
    FindingLevel.UNKNOWN: "blue",
}


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
    findings: list[Finding] = []
    for each in examine(load_settings(config), with_phantom=phantom):
        findings.append(each)
        if not as_json:
            typer.secho(f"{each.level:<8}", fg=_COLOURS[each.level], nl=False)
            typer.echo(f"{each.name:<24}{each.message}")
            if each.hint:
                typer.echo(f"{'':<8}{'':<24}-> {each.hint}")
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings]))
    if any(each.level is FindingLevel.FAILED for each in findings):
        raise typer.Exit(Exit.NOT_READY)
