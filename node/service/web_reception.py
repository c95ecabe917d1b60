"""What keeps images that come by STOW-RS: as the listener keeps those of C-STORE, in the dashboard's process."""

from __future__ import annotations

import time

from dicom_io.network.dimse import OUT_OF_RESOURCES
from dicom_io.network.service import InstanceRefused, Peer, StoreRequest
from node.hosts import open_storage
from node.service.group_commit import GroupCommit
from node.service.storage_service import IncomingInstance, StorageService
from node.settings import Settings
from node.storage.database import LedgerUnavailable
from node.storage.holds import HoldKind

_ASK_SECONDS = 1.0


class _WebReception:
    """Bytes on disk, then the row, then success. An API key has decided who may send: no AE title is asked for."""

    def __init__(self, settings: Settings, service: StorageService) -> None:
        self.node, self.service = settings.node_name, service
        self.draining, self.asked_at = False, float("-inf")

    def open(self, peer: Peer, request: StoreRequest) -> IncomingInstance:
        """A file for the instance; refused while this node is being drained, and on a disk that is nearly full."""
        try:
            self._ask_whether_draining()
        except LedgerUnavailable:
            raise InstanceRefused(OUT_OF_RESOURCES, "the database is not available") from None
        if self.draining:
            raise InstanceRefused(OUT_OF_RESOURCES, "this node is being drained; try again later")
        return self.service.keep(peer, request)

    def _ask_whether_draining(self) -> None:
        """Look at the holds once a second, however many instances come."""
        now = time.monotonic()
        if now - self.asked_at >= _ASK_SECONDS:
            hold = self.service.ledger.holds.of_node(self.node)
            self.draining, self.asked_at = hold is not None and hold.kind is HoldKind.DRAIN, now

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """Audit what came."""
        self.service.ended(peer, address, why)


def web_reception(settings: Settings) -> _WebReception:
    """A storage service of its own, in a folder from which the leftovers of a crash are gone."""
    archive, ledger = open_storage(settings)
    archive.clear_temporary(time.time())
    return _WebReception(settings, StorageService(settings, archive, ledger, GroupCommit(archive, ledger)))
