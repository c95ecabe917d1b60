"""What keeps images that come by STOW-RS: the storage service of the listener, in the dashboard's process."""

from __future__ import annotations

from node.service.group_commit import GroupCommit
from node.service.storage_service import StorageService
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger


def web_reception(settings: Settings) -> StorageService:
    """A storage service of its own: bytes on disk, then the row, then success, as for C-STORE."""
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    archive.clear_temporary()
    return StorageService(settings, archive, ledger, GroupCommit(archive, ledger))
