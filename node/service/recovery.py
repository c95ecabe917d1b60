"""Rebuilds the ledger from the archive: the files are the truth, and each says itself what it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_io.encoding.part10 import ReceivedInstance, examine
from dicom_io.errors import NotAnInstance
from node.audit import AuditEvent, AuditFields
from node.errors import NotReady
from node.hosts import open_archive
from node.patient_digest import has_no_id
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.audit_heads import AuditHeads
from node.storage.database import sqlite_file
from node.storage.health import HealthStore
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance, StoreOutcome

log = logging.getLogger(__name__)
_BATCH = 200
_SHOWN = 12  # of the name of a folder
_AE_TITLES_ARE_LOST = "which AE titles the recovered studies called is lost: all would be answered alike"


@dataclass(frozen=True, slots=True)
class _Recovery:
    """What was found: instances that the ledger lacked and now has, that it had, and files that are no instance.

    Parameters
    ----------
    paused
        Whether the node begins nothing until the operator lets it: whom studies called is in no file.
    """

    adopted: int
    known: int
    unusable: tuple[Path, ...]
    damaged_ledger: Path | None
    paused: bool


def recover(settings: Settings, now: float) -> _Recovery:
    """Give every instance in the archive its row; a damaged SQLite ledger is put aside and begun anew.

    The studies become complete and are analysed again; their results have the same UIDs as before. Where the settings
    name several AE titles, every node that the ledger knows is paused before the first of them: to whom a study was
    sent is in no file, so it would be answered by the models, and sent to the destinations, of the whole node.
    """
    Archive(settings.storage.root)  # first, so that others may not look into it
    damaged = None
    try:
        ledger = Ledger(settings.database_url)
    except NotReady:
        file = sqlite_file(settings.database_url)
        if file is None:
            raise
        damaged = _put_aside(file, now)
        AuditHeads(settings.storage.root).put_aside(now)
        ledger = Ledger(settings.database_url)
    archive = open_archive(settings, ledger)
    verdicts: list[StoreOutcome] = []
    unusable: list[Path] = []
    paused = False
    for batch in _batches(_found_in(archive, unusable)):
        found = _told_apart(archive, archive.described(batch))
        if settings.ae_titles and not paused:
            paths = [each.path for each in found]
            if paused := len(ledger.retention.named(paths)) < len(paths):
                _pause(ledger, settings, now)
        verdicts += ledger.receiving.instances_stored(found, now)
    adopted = verdicts.count(StoreOutcome.STORED)
    words = f"{adopted} instances adopted, {len(unusable)} files unusable"
    ledger.audit.record(AuditEvent.RECOVERED, now, words, fields=AuditFields(count=adopted))
    return _Recovery(adopted, len(verdicts) - adopted, tuple(unusable), damaged, paused)


def _pause(ledger: Ledger, settings: Settings, now: float) -> None:
    """This node and those that run on its ledger begin nothing; it stands before anything is adopted."""
    running = {each.node for each in HealthStore(ledger.engine).heartbeats()}
    for node in sorted({settings.node_name, *running}):
        ledger.holds.hold(Hold(HoldKind.PAUSE, node, now, "recover", _AE_TITLES_ARE_LOST))


def _told_apart(archive: Archive, found: Sequence[StoredInstance]) -> list[StoredInstance]:
    """Without a patient ID the sender tells two patients apart, and only the folder still shows it.

    Where a study has several folders, theirs are the names of its senders: the operator decides as before.
    """
    return [_named_by_folder(archive.root / each.path, each) for each in found]


def _named_by_folder(path: Path, each: StoredInstance) -> StoredInstance:
    party, study = path.parent, path.parent.parent
    if not has_no_id(each.patient_digest) or study.name == "instances" or len(list(study.iterdir())) == 1:
        return each
    return replace(each, calling_ae_title=f"?{party.name[:_SHOWN]}")


def _put_aside(ledger: Path, now: float) -> Path:
    """Rename a damaged ledger with the files that belong to it; gives its new name."""
    aside = ledger.with_name(f"{ledger.name}.damaged-{int(now)}")
    for suffix in ("", "-wal", "-shm"):
        part = ledger.with_name(ledger.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _found_in(archive: Archive, unusable: list[Path]) -> Iterator[ReceivedInstance]:
    """Every whole instance of the archive, oldest first, so that of two versions the first is kept."""
    for path in archive.instance_files():
        try:
            instance = examine(path)
        except (NotAnInstance, OSError):
            unusable.append(path)
            continue
        if instance.sha256 == path.stem:
            yield instance
        else:
            unusable.append(path)


def _batches(instances: Iterator[ReceivedInstance]) -> Iterator[Sequence[ReceivedInstance]]:
    """The instances in groups, so that memory stays small and transactions few."""
    batch: list[ReceivedInstance] = []
    for each in instances:
        batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
