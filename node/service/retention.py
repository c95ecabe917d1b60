"""Deletes studies that are done and old: rows first, then files, and never the only copy of an unfinished study."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from functools import partial

from node.hosts import open_storage
from node.service.audit_forwarding import audit_subject
from node.settings import Settings
from node.settings_sections import RetentionSettings
from node.storage.archive import Archive
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.retention import Describe

log = logging.getLogger(__name__)
DAY_SECONDS = 86_400.0
PREVIEW_SECONDS = DAY_SECONDS
_AT_ONCE = 200  # files whose names the ledger is asked about before they go


def delete_old_studies(
    retention: RetentionSettings, ledger: Ledger, archive: Archive, now: float, describe: Describe | None = None
) -> int:
    """Delete delivered (or ineligible) studies without open jobs that are older than the site keeps; gives how many.

    Only the ledger decides; files whose rows are gone are removed afterwards, so a crash in between leaves a file too
    many, never a row too many.

    Parameters
    ----------
    describe
        Tells whom the study's audit entries are about, where an audit repository is to know.
    """
    _remove_what_others_deleted(ledger, archive)
    if not retention.days:
        return 0
    deleted, older_than = 0, now - retention.days * DAY_SECONDS
    while (paths := ledger.retention.forget_oldest(older_than, now, describe, archive.uuid)) is not None:
        _remove_unnamed(ledger, archive, paths)
        deleted += 1
    if deleted:
        log.info("old studies deleted", extra={"count": deleted})
    return deleted


def _remove_unnamed(ledger: Ledger, archive: Archive, paths: Sequence[str]) -> None:
    """Remove files whose rows are gone, but for those that a row names again: the sender has just repeated them.

    What remains: an instance that gets its name before the question and its row after it, which takes milliseconds.
    """
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        named = ledger.retention.named(some)
        archive.remove(each for each in some if each not in named)


def _remove_what_others_deleted(ledger: Ledger, archive: Archive) -> None:
    """Files on this host of studies that were deleted from another one."""
    hosts = Hosts(ledger.engine)
    while archive.uuid and (owed := hosts.owed_removals(archive.uuid, _AT_ONCE)):
        _remove_unnamed(ledger, archive, list(owed.values()))
        hosts.removed(list(owed))


def purge_study(settings: Settings, study_instance_uid: str, by: str, now: float) -> tuple[int, int]:
    """Delete one study now, whatever its state: rows, files, previews; gives its number and how many files went.

    The audit trail keeps that it was here and who purged it. Raises LookupError and NotReady as the ledger does.
    """
    archive, ledger = open_storage(settings)
    number = ledger.reading.study(study_instance_uid).study.id
    describe = partial(audit_subject, archive) if settings.audit_repository.enabled else None
    paths = ledger.retention.purge(study_instance_uid, by, now, describe, archive.uuid)
    _remove_unnamed(ledger, archive, paths)
    for each in archive.previews.glob(f"{number}-*"):
        shutil.rmtree(each, ignore_errors=True)
    return number, len(paths)


def delete_old_previews(archive: Archive, now: float) -> None:
    """Remove previews after a day: they hold a patient's images, and are built again when someone looks."""
    for each in archive.previews.iterdir() if archive.previews.is_dir() else ():
        if each.stat().st_mtime < now - PREVIEW_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
