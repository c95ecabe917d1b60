"""How a process is asked to end: now, with its work given back, or after the work in hand.

SIGTERM and SIGINT mean now: what does not end within the grace is given back to the ledger, no attempt counted. SIGUSR1
means begin nothing new; the supervisor sends it when new settings concern the process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

from node.errors import NodeError

log = logging.getLogger(__name__)
FINISH = signal.SIGUSR1
HELD_SIGNALS = frozenset((signal.SIGHUP, FINISH))
"""Blocked by the supervisor in a new process, until the process can answer them; else they would end it."""
_GRACE_SECONDS = 5.0


class EndRequest:
    """A request to end this process, heard at once even while native code runs.

    Python runs signal handlers between two instructions of the main thread, which may be seconds into a convolution;
    so the signals are read from a pipe by a thread of their own. To be made by the main thread.

    Parameters
    ----------
    give_back
        Gives the work in hand back to the ledger; called when it has not ended within the grace.
    """

    def __init__(self, give_back: Callable[[], object], grace_seconds: float = _GRACE_SECONDS) -> None:
        self.give_back, self.grace_seconds = give_back, grace_seconds
        self.begun, self.done = threading.Event(), threading.Event()
        self._signals, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written)
        for number in (signal.SIGTERM, signal.SIGINT, FINISH):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {FINISH})
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def _listen(self) -> None:
        """Begin nothing new after the first signal; after one that means now, end the process."""
        while True:
            (number,) = os.read(self._signals, 1)
            self.begun.set()
            if number != FINISH:
                break
            log.info("ends after the work in hand")
        log.info("stopping")
        if self.done.wait(self.grace_seconds):
            return
        try:
            self.give_back()
        except NodeError as error:
            log.error("the work in hand could not be given back: %s", error)
        os._exit(0)
