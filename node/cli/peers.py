"""Commands that talk to peers, and the one that takes instances from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.options import Config, Json

if TYPE_CHECKING:
    from dicom_io.network.scu import Remote
    from node.settings import Settings

Name = Annotated[str, typer.Argument(help="Name of a destination in the settings.")]
Folder = Annotated[Path, typer.Argument(help="Folder with DICOM files.", exists=True, file_okay=False)]


def echo(name: Name, config: Config = None) -> None:
    """C-ECHO a destination; exit code 4 when it does not answer.

    Example: mome-node echo pacs --config mome-node.toml
    """
    from dicom_io.network.scu import echo as c_echo
    from node.settings import load_settings

    settings = load_settings(config)
    seconds = c_echo(settings.dicom.ae_title, find_remote(settings, name))
    typer.echo(f"{name} answers ({1000 * seconds:.0f} ms)")


def send(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", help="Destination in the settings, or AETITLE@HOST:PORT.")],
    config: Config = None,
) -> None:
    """C-STORE every DICOM file of a folder to a destination.

    Example: mome-node send ./study --to MOMENODE@127.0.0.1:11112
    """
    from rich.progress import track

    from dicom_io.network.scu import send as c_store
    from node.errors import NodeError
    from node.settings import load_settings

    settings = load_settings(config)
    paths = dicom_files(folder)
    answers = c_store(settings.dicom.ae_title, find_remote(settings, to), paths)
    refused = [each for each in track(answers, total=len(paths), description="sending") if not each.kept]
    if refused:
        statuses = ", ".join(sorted({f"{each.status:04X}" for each in refused}))
        raise NodeError(f"{to} refused {len(refused)} of {len(paths)} instances (status {statuses})")
    typer.echo(f"{to} took {len(paths)} instances")


def ingest(folder: Folder, config: Config = None) -> None:
    """Take every DICOM file of a folder as if it had been received.

    Example: mome-node ingest /media/cd --config mome-node.toml
    """
    import time

    from rich.progress import track

    from dicom_io.encoding.part10 import NotAnInstance, copy_instance
    from dicom_io.files import files_under
    from node.settings import load_settings
    from node.storage.archive import Archive
    from node.storage.ledger.ledger import Ledger

    settings = load_settings(config)
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    counts: dict[str, int] = {}
    for path in track(sorted(files_under(folder)), description="ingesting"):
        try:
            received = copy_instance(path, archive.temporary_path())
        except NotAnInstance as error:
            typer.echo(f"left out: {path.name}: {error}", err=True)
            counts["left out"] = counts.get("left out", 0) + 1
            continue
        stored = archive.keep_received([(received, settings.dicom.ae_title)])
        (verdict,) = ledger.receiving.instances_stored(stored, time.time())
        counts[verdict] = counts.get(verdict, 0) + 1
    typer.echo(", ".join(f"{count} {what}" for what, count in counts.items()) or "no file in this folder")


def list_peers(config: Config = None, as_json: Json = False) -> None:
    """Destinations with their last echo, and the callers that were turned away last.

    Example: mome-node peers list
    """
    import json
    from dataclasses import asdict

    from node.cli.studies import clock, open_ledger
    from node.settings import load_settings
    from node.storage.health import HealthStore
    from node.storage.overview import Overview

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
    from node.errors import SettingsError
    from node.settings import load_settings, with_caller

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


def find_remote(settings: Settings, name: str) -> Remote:
    """A destination by name, or AETITLE@HOST:PORT."""
    from dicom_io.network.scu import RemoteAE
    from node.errors import SettingsError

    for each in settings.destinations:
        if each.name == name:
            return each
    ae_title, _, address = name.partition("@")
    host, _, port = address.rpartition(":")
    if ae_title and host and port.isdigit():
        return RemoteAE(name, ae_title, host, int(port))
    known = ", ".join(each.name for each in settings.destinations) or "none"
    raise SettingsError(f"no destination {name} (known: {known}), and it is not AETITLE@HOST:PORT")


def dicom_files(folder: Path) -> list[Path]:
    """Files with a DICOM preamble, in order of their names."""
    from dicom_io.files import files_under

    return [each for each in sorted(files_under(folder)) if is_dicom(each)]


def is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
