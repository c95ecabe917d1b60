"""Every process of the node writes a heartbeat into the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from node.errors import NodeError
from node.settings import Settings
from node.storage.database import open_engine
from node.storage.health import HealthStore

log = logging.getLogger(__name__)
_HEARTBEAT_SECONDS = 15.0
_HEARTBEAT_AMONG_HOSTS_SECONDS = 5.0  # others go on with the studies of a host soon after its last one


class HeartbeatSender:
    """Writes the heartbeats of one process.

    A process that accepts associations sets `associations`, which gives how many are open.
    """

    def __init__(self, settings: Settings, part: str) -> None:
        self.settings, self.part = settings, part
        self.pause_seconds = _HEARTBEAT_SECONDS if settings.is_sqlite else _HEARTBEAT_AMONG_HOSTS_SECONDS
        self.store = HealthStore(open_engine(settings.database_url))
        self.associations: Callable[[], int] = lambda: 0
        self.listening_since: float | None = None
        self.lock = threading.Lock()
        threading.Thread(target=self.beat_forever, name="heartbeat", daemon=True).start()

    def beat_forever(self) -> None:
        """A heartbeat every 15 seconds, or every 5 where other hosts may be on the ledger."""
        pause = threading.Event()  # never set; its wait survives a jump of the wall clock, where time.sleep may raise
        while True:
            self.beat()
            pause.wait(self.pause_seconds)

    def beat(self) -> None:
        """One heartbeat; a ledger that does not take it is logged."""
        with self.lock:
            try:
                self.store.beat(
                    self.settings.node_name, self.part, time.time(), self.associations(), self.listening_since
                )
            except NodeError as error:
                log.warning("a heartbeat could not be written: %s", error)

    def listening(self, since: float | None) -> None:
        """Write at once that associations are accepted from now on (None: no longer)."""
        self.listening_since = since
        self.beat()
