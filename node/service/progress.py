"""Says in the ledger how far an analysis is, and ends one that is not wanted any more; else never in its way."""

from __future__ import annotations

import logging
import time

from node.jobs import Job
from node.storage.database import LedgerUnavailable
from node.storage.ledger.jobs import JobQueue

log = logging.getLogger(__name__)
_EVERY_SECONDS = 2.0


class JobProgress:
    """The progress of one job: each stage as it begins, then every other second."""

    def __init__(self, jobs: JobQueue, job: Job) -> None:
        self.jobs, self.job = jobs, job
        self.stage, self.next_at = "", 0.0

    def __call__(self, stage: str, done: int, planned: int) -> None:
        """So many steps of a stage are done; raises StaleJob for a job that is not wanted any more."""
        now = time.monotonic()
        if stage == self.stage and now < self.next_at:
            return
        self.stage, self.next_at = stage, now + _EVERY_SECONDS
        try:
            self.jobs.progressed(self.job, stage, done, planned)
        except LedgerUnavailable:
            log.warning("the progress of a job could not be written", extra={"job": self.job.id})
