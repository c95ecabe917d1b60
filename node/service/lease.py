"""The lease of a job: short, and extended while its work goes on, so that the job of a dead host soon is another's."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from node.errors import NodeError
from node.jobs import Job
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)
LEASE_SECONDS = 20.0
BEAT_SECONDS = 5.0


@contextmanager
def kept_lease(ledger: Ledger, job: Job, beat_seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Extend the job's lease while its work goes on; one that is lost, or given up by its own work, stays so."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(beat_seconds):
            try:
                ledger.jobs.extend(job, time.time() + LEASE_SECONDS)
            except StaleJob:
                return
            except NodeError:
                log.warning("a lease could not be extended", extra={"job": job.id})

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
