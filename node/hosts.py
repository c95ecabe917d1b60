"""This host among those that share a ledger: its archive, and its processes as the ledger knows them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from node.errors import NodeError
from node.jobs import NodePart
from node.search_key import SearchKey
from node.settings import Settings
from node.storage.archive import Archive, installation_uuid
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger


class NotHere(NodeError):
    """What is asked for lies on another host; nothing is wrong with it."""


def archive_uuid(settings: Settings) -> str:
    """The UUID of the storage root where several hosts may share a ledger; empty on SQLite, where there is one host."""
    return "" if settings.is_sqlite else str(installation_uuid(settings.storage.root))


def part_of(settings: Settings, part: str) -> NodePart:
    """A process of this node, which claims what lies on this host."""
    return NodePart(settings.node_name, part, archive_uuid(settings))


def open_storage(settings: Settings) -> tuple[Archive, Ledger]:
    """The archive, whose folders are made when they are missing, and the ledger; raises NotReady."""
    Archive(settings.storage.root)
    ledger = Ledger(settings.database_url)
    return open_archive(settings, ledger), ledger


def open_archive(settings: Settings, ledger: Ledger) -> Archive:
    """The archive of this host, whose files carry the host's number where several may share the ledger.

    Raises NotReady when it cannot be written, tells patients apart by another key than the others, or does not have
    the files that the ledger says it has.
    """
    root, key_file = settings.storage.root, settings.storage.search_key_path
    archive = Archive(root, key_file)
    if settings.is_sqlite:
        return archive
    uuid, key = archive_uuid(settings), SearchKey.open(key_file).fingerprint
    name, place = socket.gethostname(), str(root.absolute())
    number = Hosts(ledger.engine).register(settings.node_name, name, uuid, place, key, now=time.time())
    return Archive(root, key_file, number)


def images_here(ledger: Ledger, archive: Archive, study_instance_uid: str) -> list[Path]:
    """The images of a study, and what came with them, each compared with its digest.

    Raises NotHere where another host has them, IntegrityLost for one that is damaged.
    """
    _require(ledger, archive, study_instance_uid, results=False)
    stored = ledger.reading.instances(study_instance_uid, archive.uuid)
    return [archive.verified(path, sha256) for _, sha256, path in stored]


def require_results_here(ledger: Ledger, archive: Archive, study_instance_uid: str) -> None:
    """Raise NotHere where the result objects of a study lie on another host."""
    _require(ledger, archive, study_instance_uid, results=True)


def _require(ledger: Ledger, archive: Archive, study_instance_uid: str, *, results: bool) -> None:
    if not archive.uuid:
        return
    places = Hosts(ledger.engine).of_study(ledger.reading.study(study_instance_uid).study.id)
    holders = [each.host for each in places.shares if (each.results if results else each.images == places.images)]
    if holders and archive.uuid not in {each.archive for each in holders}:
        names = " and ".join(each.words(time.time()) for each in holders)
        raise NotHere(f"the {'results' if results else 'images'} of this study lie on {names}: ask there")
