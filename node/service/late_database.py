"""Waits for a database that is late: at boot the server often starts after the node."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from node.settings import Settings
from node.storage.ledger.ledger import Ledger
from node.storage.postgres import DatabaseAway

log = logging.getLogger(__name__)
_PAUSE_SECONDS = 2.0
_SAID_SECONDS = 20.0


def ledger_when_there(settings: Settings, waiting: Callable[[], None] = lambda: None) -> Ledger:
    """The ledger, as soon as its server answers; raises NotReady after `database.wait_seconds`, or at once when waiting
    cannot help (a wrong password, a database that does not exist).

    Parameters
    ----------
    waiting
        Called in every pause, e.g. to tell the service manager that the start takes longer.
    """
    deadline, next_word = time.monotonic() + settings.database.wait_seconds, 0.0
    while True:
        try:
            return Ledger(settings.database_url)
        except DatabaseAway as error:
            now = time.monotonic()
            if now >= deadline:
                raise
            if now >= next_word:
                log.warning("waiting for the database: %s", error, extra={"seconds_left": round(deadline - now)})
                next_word = now + _SAID_SECONDS
        waiting()
        time.sleep(min(_PAUSE_SECONDS, max(0.1, deadline - time.monotonic())))
