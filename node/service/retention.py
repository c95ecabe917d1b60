"""Deletes studies that are done and old: rows first, then files, and never the only copy of an unfinished study."""

from __future__ import annotations

import logging

from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)
DAY_SECONDS = 86_400.0


def delete_old_studies(settings: Settings, ledger: Ledger, archive: Archive, now: float) -> int:
    """Delete delivered (or ineligible) studies without open jobs that are older than the site keeps; gives how many.

    Only the ledger decides; files whose rows are gone are removed afterwards, so a crash in between leaves a file too
    many, never a row too many.
    """
    if not settings.retention.days:
        return 0
    deleted = 0
    while paths := ledger.retention.forget_oldest(now - settings.retention.days * DAY_SECONDS, now):
        archive.remove(paths)
        deleted += 1
    if deleted:
        log.info("old studies deleted", extra={"count": deleted})
    return deleted
