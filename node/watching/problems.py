"""What is wrong now, for the line on top of every page: since when, how many studies wait, what mends it.

An alert waits until people must be called; this does not: a destination that refuses its first result is named at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.jobs import JobKind, JobState
from node.storage.health import HealthStore, OpenAlert
from node.storage.overview import Overview, QueueDepth
from node.watching.alerts import Alert

DELIVERY_WAITS = "delivery-waits"
_FAILED_JOBS: dict[Alert | None, JobKind] = {
    Alert.ANALYSES_FAILED: JobKind.ANALYZE,
    Alert.DELIVERIES_FAILED: JobKind.DELIVER,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong now.

    Parameters
    ----------
    id
        Of the alert, or DELIVERY_WAITS.
    subject
        Destination, caller or process; empty where there is only one.
    hint
        What mends it.
    since
        Seconds since 1970.
    studies
        How many wait for it; 0 where none does.
    """

    id: str
    subject: str
    message: str
    hint: str
    since: float
    studies: int = 0


def current_problems(overview: Overview, health: HealthStore) -> list[Problem]:
    """Everything that is wrong, what holds up most studies first."""
    refused, depths = overview.refused_deliveries(), overview.queues()
    found = [
        Problem(
            DELIVERY_WAITS,
            each.destination,
            f"{each.destination}: {each.reason}",
            Alert.DESTINATION_DOWN.finding(each.destination).hint,
            each.since,
            each.studies,
        )
        for each in refused
    ]
    named = {each.destination for each in refused}
    down = Alert.DESTINATION_DOWN.value.id
    alerts = [each for each in health.alerts() if not (each.id == down and each.subject in named)]
    found += [_of_alert(each, depths) for each in alerts]
    return sorted(found, key=lambda each: (-each.studies, each.since))


def _of_alert(alert: OpenAlert, depths: list[QueueDepth]) -> Problem:
    """An open alert with what it holds up."""
    kind = next((each for each in Alert if each.value.id == alert.id), None)
    hint = kind.finding(alert.subject).hint if kind is not None else ""
    failed = _FAILED_JOBS.get(kind)
    studies = sum(
        each.jobs
        for each in depths
        if each.state is JobState.DEAD and each.kind is failed and each.destination == alert.subject
    )
    return Problem(alert.id, alert.subject, alert.message, hint, alert.raised_at, studies)
