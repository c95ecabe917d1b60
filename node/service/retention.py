"""Deletes studies that are done and old: rows first, then files, and never the only copy of an unfinished study."""

from __future__ import annotations

import logging
import shutil

from node.settings_sections import RetentionSettings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.retention import Describe

log = logging.getLogger(__name__)
DAY_SECONDS = 86_400.0
PREVIEW_SECONDS = DAY_SECONDS


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
    if not retention.days:
        return 0
    deleted = 0
    while paths := ledger.retention.forget_oldest(now - retention.days * DAY_SECONDS, now, describe):
        archive.remove(paths)
        deleted += 1
    if deleted:
        log.info("old studies deleted", extra={"count": deleted})
    return deleted


def delete_old_previews(archive: Archive, now: float) -> None:
    """Remove previews after a day: they hold a patient's images, and are built again when someone looks."""
    for each in archive.previews.iterdir() if archive.previews.is_dir() else ():
        if each.stat().st_mtime < now - PREVIEW_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
