"""Commands that move instances: to a peer, from a peer, and from a folder into the node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from dicom_io.encoding.part10 import copy_instance
from dicom_io.errors import NotAnInstance, PeerUnreachable
from dicom_io.files import dicom_files, files_under
from dicom_io.network.remote import Remote, RemoteAE
from dicom_io.network.scu import echo as c_echo
from dicom_io.network.scu import send as c_store
from dicom_io.network.service import Peer
from node.cli.common import open_ledger, uid_of
from node.cli.options import Config, StudyName
from node.cli.progress import ProgressLine
from node.errors import NodeError, SettingsError
from node.hosts import open_storage
from node.remedies import reason_for, status_words
from node.service.retrieval import retrieve
from node.settings import Settings, load_settings
from node.settings_sections import Destination
from node.watching.destinations import reach
from node.watching.integrations import integration_probes

_Name = Annotated[str, typer.Argument(help="A destination, [[hl7]], [[fhir]] or [[worklists]] name of the settings.")]
_Folder = Annotated[Path, typer.Argument(help="Folder with DICOM files.", exists=True, file_okay=False)]


def echo(name: _Name, config: Config = None) -> None:
    """Call whom the settings name, each by its own protocol; exit code 4 without an answer, and what to change.

    Example: mome-node echo pacs --config mome-node.toml
    """
    settings = load_settings(config)
    if name not in {each.name for each in settings.destinations}:  # a worklist may have the name of a destination
        for probe in integration_probes(settings):
            if probe.name == name:
                typer.echo(f"{name} {probe.answer()}")
                return
    ours, remote = settings.dicom.ae_title, find_remote(settings, name)
    with _told_with_remedy(remote, ours):
        seconds = reach(ours, remote) if isinstance(remote, Destination) else c_echo(ours, remote)
    typer.echo(f"{name} answers ({1000 * seconds:.0f} ms)")


def send(
    folder: _Folder,
    to: Annotated[str, typer.Option("--to", help="Destination in the settings, or AETITLE@HOST:PORT.")],
    config: Config = None,
) -> None:
    """C-STORE every DICOM file of a folder to a destination.

    Example: mome-node send ./study --to MOMENODE@127.0.0.1:11112
    """
    settings = load_settings(config)
    paths = dicom_files(folder)
    ours, remote = settings.dicom.ae_title, find_remote(settings, to)
    with _told_with_remedy(remote, ours):
        answers = track(c_store(ours, remote, paths), total=len(paths), description="sending")
        refused = [each for each in answers if not each.kept]
    if refused:
        statuses = ", ".join(status_words(each) for each in sorted({each.status for each in refused}))
        raise NodeError(f"{to} refused {len(refused)} of {len(paths)} instances ({statuses})")
    typer.echo(f"{to} took {len(paths)} instances")


def fetch(
    study: StudyName,
    archive: Annotated[str, typer.Option("--from", help="Destination in the settings, or AETITLE@HOST:PORT.")],
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Give up after this long.")] = 1800.0,
    config: Config = None,
) -> None:
    """Have a PACS send a study, or what is missing of it, to this node (C-MOVE); the node must be serving.

    Example: mome-node studies fetch 1.2.840.113619.2.1 --from pacs
    """
    settings = load_settings(config)
    remote, ledger, line = find_remote(settings, archive), open_ledger(config), ProgressLine()
    uid = uid_of(ledger, study)
    sent = retrieve(
        settings,
        ledger,
        remote,
        uid,
        seconds=seconds,
        progress=lambda done, planned: line.show("instances", done, planned),
    )
    if not sent:
        raise NodeError(f"{archive} has no such study")
    typer.echo(f"{sent} instances sent; watch the study with: mome-node studies show {study}")


def ingest(folder: _Folder, config: Config = None) -> None:
    """Take every DICOM file of a folder as if it had been received.

    Example: mome-node ingest /media/cd --config mome-node.toml
    """
    settings = load_settings(config)
    archive, ledger = open_storage(settings)
    counts: dict[str, int] = {}
    for path in track(sorted(files_under(folder)), description="ingesting"):
        try:
            received = copy_instance(path, archive.temporary_path())
        except NotAnInstance as error:
            typer.echo(f"left out: {path.name}: {error}", err=True)
            counts["left out"] = counts.get("left out", 0) + 1
            continue
        stored = archive.keep_received([(received, Peer(settings.dicom.ae_title, settings.dicom.ae_title, ""))])
        (verdict,) = ledger.receiving.instances_stored(stored, time.time())
        counts[verdict] = counts.get(verdict, 0) + 1
    typer.echo(", ".join(f"{count} {what}" for what, count in counts.items()) or "no file in this folder")


@contextmanager
def _told_with_remedy(remote: Remote, our_ae_title: str) -> Iterator[None]:
    """A peer that is not reached is told with the line of the settings to change, where it has one."""
    try:
        yield
    except PeerUnreachable as error:
        if isinstance(remote, Destination):
            raise PeerUnreachable(reason_for(error, remote, our_ae_title).words, error.fault) from None
        raise


def find_remote(settings: Settings, name: str) -> Remote:
    """A destination by name, or AETITLE@HOST:PORT."""
    for each in settings.destinations:
        if each.name == name:
            return each
    ae_title, _, address = name.partition("@")
    host, _, port = address.rpartition(":")
    if ae_title and host and port.isdigit():
        return RemoteAE(name, ae_title, host, int(port))
    known = ", ".join(each.name for each in settings.destinations) or "none"
    raise SettingsError(f"no destination {name} (known: {known}), and it is not AETITLE@HOST:PORT")
