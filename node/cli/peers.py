"""Commands that talk to peers, and the one that takes instances from a folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.cli.common import clock, open_ledger
from node.cli.options import Config, Json
from node.errors import SettingsError
from node.settings import load_settings
from node.settings_file import with_caller
from node.storage.health import HealthStore
from node.storage.overview import Overview

Name = Annotated[str, typer.Argument(help="Name of a destination in the settings.")]
Folder = Annotated[Path, typer.Argument(help="Folder with DICOM files.", exists=True, file_okay=False)]


def list_peers(config: Config = None, as_json: Json = False) -> None:
    """Destinations with their last echo, and the callers that were turned away last.

    Example: mome-node peers list
    """
    settings, engine = load_settings(config), open_ledger(config).engine
    echoes, rejections = HealthStore(engine).echoes(), Overview(engine).rejections()
    if as_json:
        told = {
            "echoes": [asdict(each) for each in echoes.values()],
            "rejections": [asdict(each) for each in rejections],
        }
        typer.echo(json.dumps(told))
        return
    for each in settings.destinations:
        echo_ = echoes.get(each.name)
        words = "never called" if echo_ is None else echo_.reason or f"answered at {clock(echo_.at)}"
        typer.echo(f"{each.name:<16}{each.ae_title}@{each.host}:{each.port}  {words}")
    for rejection in rejections:
        typer.echo(f"turned away {clock(rejection.at)}  {rejection.detail}")


def allow(
    ae_title: Annotated[str, typer.Argument(help="AE title of the caller.")],
    address: Annotated[str, typer.Option(help="Its address, added when the settings list networks.")] = "",
    config: Config = None,
) -> None:
    """Let a caller send to this node: edits the settings file; reload the node afterwards.

    Example: mome-node peers allow MRI2 --address 10.0.0.7 --config /etc/mome-node/mome-node.toml
    """
    if config is None:
        raise SettingsError("name the settings file with --config; there is nothing else to edit")
    dicom = load_settings(config).dicom
    if not dicom.callers and not dicom.networks:
        typer.echo("everyone may send already; nothing changed")
        return
    text = with_caller(config.read_text("utf-8"), ae_title, address)
    temporary = config.with_name(config.name + ".new")
    temporary.write_text(text, "utf-8")
    load_settings(temporary)
    temporary.chmod(config.stat().st_mode & 0o777)
    temporary.replace(config)
    typer.echo(f"{ae_title} may send after a reload: systemctl reload mome-node (or SIGHUP to mome-node serve)")
