"""Tells the ledger which studies have a sender that is still connected and pauses: they are not complete by silence."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from dicom_io.network.service import Peer
from node.errors import NodeError
from node.storage.health import HealthStore

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5


@dataclass(slots=True)
class _OpenSender:
    """An association, the study of the last instance that it brought, and when."""

    peer: Peer
    study_instance_uid: str
    at: float


class OpenSenders:
    """Associations that have brought instances and are still open; each holds back the study of its last instance."""

    def __init__(self, node_name: str, health: HealthStore) -> None:
        self.node_name, self.health = node_name, health
        self.lock = threading.Lock()
        self.senders: dict[
            int, _OpenSender
        ] = {}  # by the identity of its peer: equal peers may have several associations
        self.told: frozenset[str] = frozenset()

    def start(self) -> None:
        """Forget what an earlier process told, and keep the ledger up to date from a thread of its own."""
        self.tell(frozenset())
        threading.Thread(target=self._tell_forever, name="open-senders", daemon=True).start()

    def stored(self, peer: Peer, study_instance_uid: str) -> None:
        """An association has brought an instance."""
        with self.lock:
            self.senders[id(peer)] = _OpenSender(peer, study_instance_uid, time.monotonic())

    def ended(self, peer: Peer) -> None:
        """An association is over."""
        with self.lock:
            self.senders.pop(id(peer), None)

    def pausing(self, now: float) -> frozenset[str]:
        """Studies whose sender is connected and has brought nothing for a moment; before that there is no silence."""
        with self.lock:
            return frozenset(
                each.study_instance_uid for each in self.senders.values() if now - each.at >= _LOOK_SECONDS
            )

    def tell(self, studies: frozenset[str]) -> None:
        """Write them, if they are others than before."""
        try:
            self.health.senders_pause(self.node_name, studies)
            self.told = studies
        except NodeError as error:
            log.warning("the ledger was not told whose sender is connected: %s", error)

    def _tell_forever(self) -> None:
        pause = threading.Event()  # never set; its wait survives a jump of the wall clock
        while not pause.wait(_LOOK_SECONDS):
            studies = self.pausing(time.monotonic())
            if studies != self.told:
                self.tell(studies)
