"""The job queues, for page and API."""

from __future__ import annotations

from dataclasses import dataclass

from node.dashboard.site import Site
from node.jobs import OPEN, JobState
from node.storage.holds import Hold
from node.storage.overview import QueueDepth, QueuedJob


@dataclass(frozen=True, slots=True)
class QueueReport:
    """Depth and age of the queues, the open jobs, those that have failed for good, and what is held back."""

    depths: list[QueueDepth]
    open: list[QueuedJob]
    dead: list[QueuedJob]
    holds: list[Hold]


def queue_report(site: Site) -> QueueReport:
    """Gather the queues."""
    overview = site.overview
    return QueueReport(
        overview.queues(), overview.jobs(OPEN), overview.jobs([JobState.DEAD]), site.ledger.holds.current()
    )
