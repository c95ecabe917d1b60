"""Every process of the node tells the ledger now and then that it is alive."""

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
HEARTBEAT_SECONDS = 15.0


class Heartbeat:
    """The signs of life of one process; who accepts associations says by `associations` how many are open."""

    def __init__(self, settings: Settings, part: str) -> None:
        self.settings, self.part = settings, part
        self.watch = HealthStore(open_engine(settings.database_url))
        self.associations: Callable[[], int] = lambda: 0
        self.listening_since: float | None = None
        self.lock = threading.Lock()
        threading.Thread(target=self.beat_for_ever, name="life", daemon=True).start()

    def beat_for_ever(self) -> None:
        """A sign of life every 15 seconds; a ledger that takes none is logged."""
        while True:
            self.beat()
            time.sleep(HEARTBEAT_SECONDS)

    def beat(self) -> None:
        """One sign of life."""
        with self.lock:
            try:
                self.watch.beat(
                    self.settings.node_name, self.part, time.time(), self.associations(), self.listening_since
                )
            except NodeError as error:
                log.warning("a sign of life was lost: %s", error)

    def listening(self, since: float | None) -> None:
        """Say at once that associations are accepted from now on (None: no longer)."""
        self.listening_since = since
        self.beat()
