"""Commands that rescue and copy what the node keeps."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Annotated

import typer

from node.backup import back_up
from node.backup import restore as fill
from node.cli.common import counted, uid_of
from node.cli.options import Config, StudyName
from node.service.ledger_lock import LedgerLock
from node.service.recovery import recover as rebuild
from node.service.retention import purge_study
from node.settings import load_settings
from node.storage.ledger.ledger import Ledger

_Backup = Annotated[Path, typer.Argument(help="Folder of the backup.")]


def recover(config: Config = None) -> None:
    """Rebuild the ledger from the files, after it was damaged or lost; stop the node first.

    Every file is examined. Studies are analysed again; their results keep their UIDs, so no PACS gets them twice. With
    [[ae_titles]] in the settings this node, and every other that runs on its ledger, is paused first: which of them a
    study called is in no file.

    Example: mome-node recover --config mome-node.toml
    """
    settings = load_settings(config)
    with LedgerLock(settings):
        found = rebuild(settings, time.time())
    if found.damaged_ledger is not None:
        typer.echo(f"the damaged ledger is kept as {found.damaged_ledger}")
    typer.echo(f"{found.adopted} instances adopted, {found.known} were known, {len(found.unusable)} files unusable")
    for path in found.unusable:
        typer.echo(f"unusable: {path}", err=True)
    if found.paused:
        typer.echo(
            "the node is paused: which AE title each study called is lost, so all are answered as for the whole node, "
            "by its models and to its destinations. End those for which that is wrong (mome-node queue cancel), then "
            "go on: mome-node queue resume"
        )


def purge(
    study: StudyName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Delete one study from this node for good, whatever its state: images, results, rows; it is audited.

    Nothing is withdrawn: what a PACS has of it stays there (first: mome-node retract), and backups keep their copies.

    Example: mome-node studies purge 812 --yes
    """
    settings = load_settings(config)
    uid = uid_of(Ledger(settings.database_url), study)
    if not yes:
        typer.confirm(f"delete study {study} with its images and results?", abort=True)
    number, files = purge_study(settings, uid, getpass.getuser(), time.time())
    typer.echo(f"study {number} is gone: {counted(files, 'file')} deleted; PACS and backups have their own copies")


def backup(folder: _Backup, config: Config = None) -> None:
    """Copy ledger, instances and results into a folder while the node runs; later runs add only what is new.

    Example: mome-node backup /mnt/backup/mome-node --config mome-node.toml
    """
    added, total = back_up(load_settings(config), folder)
    typer.echo(f"{folder}: ledger copied, {added} of {total} files added")


def restore(folder: _Backup, config: Config = None) -> None:
    """Fill an empty storage root from a backup, on this host or another; every instance is verified.

    Example: mome-node restore /mnt/backup/mome-node --config mome-node.toml
    """
    settings = load_settings(config)
    typer.echo(f"{settings.storage.root}: {fill(folder, settings)} instances restored and verified")
