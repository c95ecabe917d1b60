"""Commands about those we talk to: destinations and callers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from node.cli.common import open_ledger
from node.cli.options import Config, Json
from node.errors import SettingsError
from node.remedies import command_to_allow
from node.settings import load_settings
from node.settings_file import allow_caller
from node.storage.health import HealthStore
from node.storage.overview import Overview
from node.words import local_time


def list_peers(config: Config = None, as_json: Json = False) -> None:
    """Destinations with their last echo, and the connections that were rejected last.

    Example: mome-node peers list
    """
    settings, engine = load_settings(config), open_ledger(config).engine
    echoes, rejections = HealthStore(engine).echoes(), Overview(engine).rejections()
    if as_json:
        payload = {
            "echoes": [asdict(each) for each in echoes.values()],
            "rejections": [asdict(each) for each in rejections],
        }
        typer.echo(json.dumps(payload))
        return
    for each in settings.destinations:
        last = echoes.get(each.name)
        words = "no echo yet" if last is None else last.reason or f"answered at {local_time(last.at)}"
        typer.echo(f"{each.name:<16}{each.ae_title}@{each.host}:{each.port}  {words}")
    for rejection in rejections:
        typer.echo(f"rejected {local_time(rejection.at)}  {rejection.detail}")
        if remedy := command_to_allow(rejection.fields):
            typer.echo(f"  to let it send: {remedy}")


def allow(
    ae_title: Annotated[str, typer.Argument(help="AE title of the caller; left out, only its address is added.")] = "",
    address: Annotated[str, typer.Option(help="Its address, added when the settings list networks.")] = "",
    config: Config = None,
) -> None:
    """Let a caller send to this node: edits the settings file; reload the node afterwards.

    Example: mome-node peers allow MRI2 --address 10.0.0.7 --config /etc/mome-node/mome-node.toml
    """
    if config is None:
        raise SettingsError("name the settings file with --config; there is nothing else to edit")
    if allow_caller(config, ae_title, address):
        reload = "systemctl reload mome-node (or SIGHUP to mome-node serve)"
        typer.echo(f"{ae_title or address} may send after a reload: {reload}")
    else:
        typer.echo("everyone may send already; nothing changed")
