"""Numbers about the node, counted from the ledger: what happened, what waits, how long it took, who is alive.

Counters follow the audit trail from where the last look ended, so a look costs what is new and never the whole history;
after a restart they go on from the same totals. Nothing here names a patient or a study.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from node.audit import AuditEvent
from node.reasons import ReasonCode
from node.settings import Settings
from node.states import StudyEvent
from node.storage.archive import Archive
from node.storage.health import LISTENER, HealthStore
from node.storage.overview import Overview, Tally

_CAUSES = {  # code of a reason -> the label of its cause, a word that an alert rule can name
    ReasonCode.ANALYSIS_FAILED: "analysis",
    ReasonCode.WORKER_DIED: "crash",
    ReasonCode.PEER_REFUSED: "refused",
    ReasonCode.INTEGRITY_LOST: "integrity",
    ReasonCode.TWO_PATIENTS: "conflict",
    ReasonCode.TWO_VERSIONS: "conflict",
}
_OTHER_CAUSE = "other"
_BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0)


@dataclass(slots=True)
class Totals:
    """What the audit trail has told so far."""

    newest: int = 0
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    instances: Counter[str] = field(default_factory=Counter)
    last_from: dict[str, float] = field(default_factory=dict)

    def add(self, tally: Tally) -> None:
        """Count what happened."""
        if tally.to_state:
            self.transitions[tally.event, tally.to_state] += tally.entries
        elif tally.event is AuditEvent.REJECTED:  # one entry stands for a flood of them
            self.events[tally.event] += max(tally.entries, tally.counted)
        else:
            self.events[tally.event] += tally.entries
        if tally.event is StudyEvent.GAVE_UP:
            self.failures[self.cause_of(tally)] += tally.entries
        if tally.event is AuditEvent.RECEIVED and tally.calling_ae_title:
            caller = tally.calling_ae_title
            self.instances[caller] += tally.counted
            self.last_from[caller] = max(tally.newest_at, self.last_from.get(caller, 0.0))

    @staticmethod
    def cause_of(tally: Tally) -> str:
        """The label for the reason of a failure."""
        return _CAUSES.get(tally.reason, _OTHER_CAUSE) if isinstance(tally.reason, ReasonCode) else _OTHER_CAUSE


class Meter:
    """Reads the ledger whenever somebody asks; a collector of prometheus_client."""

    def __init__(self, settings: Settings, archive: Archive, overview: Overview, watch: HealthStore) -> None:
        self.settings, self.archive, self.overview, self.watch = settings, archive, overview, watch
        self.totals = Totals()
        self.lock = threading.Lock()

    def up_to_date(self) -> Totals:
        """A copy of the totals with everything that has happened until now; others may count on meanwhile."""
        with self.lock:
            newest, tallies = self.overview.tallies(self.totals.newest)
            for each in tallies:
                self.totals.add(each)
            self.totals.newest = newest
            return deepcopy(self.totals)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        """Every metric; docs/operate.md explains each."""
        totals, now = self.up_to_date(), time.time()
        yield from self.counters(totals)
        yield from self.queues(now)
        yield from self.latencies(now)
        yield from self.signs_of_life(totals, now)

    @staticmethod
    def counters(totals: Totals) -> Iterator[CounterMetricFamily]:
        """What happened since the ledger was begun."""
        received = CounterMetricFamily("mome_instances_received", "Instances stored, by caller", labels=["caller"])
        for caller, count in sorted(totals.instances.items()):
            received.add_metric([caller], count)
        yield received
        for event, name, words in (
            (StudyEvent.SETTLED, "mome_studies_settled", "Studies declared complete"),
            (StudyEvent.OBJECTS_KEPT, "mome_studies_analysed", "Studies analysed"),
            (StudyEvent.FOUND_INELIGIBLE, "mome_studies_ineligible", "Studies that could not be analysed"),
            (StudyEvent.ALL_DELIVERED, "mome_studies_delivered", "Studies delivered to every destination"),
            (StudyEvent.ATTEMPT_LOST, "mome_attempts_lost", "Attempts at an analysis that failed"),
        ):
            count = sum(n for (each, _), n in totals.transitions.items() if each == event)
            yield CounterMetricFamily(name, words, value=count)
        failed = CounterMetricFamily("mome_studies_failed", "Failed studies, by cause", labels=["cause"])
        for cause in sorted({*_CAUSES.values(), _OTHER_CAUSE}):
            failed.add_metric([cause], totals.failures[cause])
        yield failed
        for audit_event, name, words in (
            (AuditEvent.RECEIVED, "mome_associations", "Associations that brought instances of a study"),
            (AuditEvent.REJECTED, "mome_associations_rejected", "Rejected associations"),
            (AuditEvent.CONFLICT, "mome_conflicts", "Instances that contradict what is stored"),
            (AuditEvent.FORGED_REPORT, "mome_forged_reports", "Unsolicited storage commitment reports"),
            (AuditEvent.LOGIN_REFUSED, "mome_logins_refused", "Logins with a wrong name or password"),
        ):
            yield CounterMetricFamily(name, words, value=totals.events[audit_event])

    def queues(self, now: float) -> Iterator[GaugeMetricFamily]:
        """What waits, and for how long."""
        labels = ["kind", "destination", "state"]
        depth = GaugeMetricFamily("mome_queue_jobs", "Jobs by kind, destination and state", labels=labels)
        age = GaugeMetricFamily("mome_queue_oldest_seconds", "Age of the oldest of them", labels=labels)
        for each in self.overview.queues():
            depth.add_metric([each.kind, each.destination, each.state], each.jobs)
            age.add_metric([each.kind, each.destination, each.state], max(0.0, now - each.oldest_at))
        yield depth
        yield age
        oldest = self.overview.oldest_arriving()
        longest = self.settings.gather.quiet_seconds * self.settings.gather.patience
        late = 0.0 if oldest is None else max(0.0, now - oldest - longest)
        words = "How long a study has been quiet beyond the longest settle time: grows when no sweep is made"
        yield GaugeMetricFamily("mome_settle_late_seconds", words, value=late)

    def latencies(self, now: float) -> Iterator[HistogramMetricFamily]:
        """From the last image to the last receipt, of the last hour's deliveries."""
        seconds = sorted(self.overview.delivery_seconds(now - 3600.0))
        below = [(f"{bound:g}", sum(each <= bound for each in seconds)) for bound in _BUCKETS]
        words = "Last image to last receipt, deliveries of the last hour"
        family = HistogramMetricFamily("mome_delivery_seconds", words)
        family.add_metric([], [*below, ("+Inf", len(seconds))], sum_value=sum(seconds))
        yield family

    def signs_of_life(self, totals: Totals, now: float) -> Iterator[GaugeMetricFamily]:
        """Processes, scanners, destinations, disk."""
        beat = GaugeMetricFamily(
            "mome_heartbeat_age_seconds", "Seconds since the last heartbeat", labels=["node", "part"]
        )
        words = "Open associations, at the last heartbeat of the listener"
        talking = GaugeMetricFamily("mome_associations_open", words, labels=["node"])
        for each in self.watch.heartbeats():
            beat.add_metric([each.node, each.part], max(0.0, now - each.at))
            if each.part == LISTENER:
                talking.add_metric([each.node], each.associations)
        yield beat
        yield talking
        silence = GaugeMetricFamily("mome_caller_silence_seconds", "Since its last study", labels=["caller"])
        for caller, at in sorted(totals.last_from.items()):
            silence.add_metric([caller], max(0.0, now - at))
        yield silence
        up = GaugeMetricFamily("mome_destination_up", "1: answered its last C-ECHO", labels=["destination"])
        for name, echo in sorted(self.watch.echoes().items()):
            up.add_metric([name], 0 if echo.seconds is None else 1)
        yield up
        yield GaugeMetricFamily("mome_disk_free_bytes", "Free in the storage root", value=self.archive.free_bytes())
        yield GaugeMetricFamily("mome_alerts_open", "Alerts that need a person", value=len(self.watch.alerts()))


def exposition(meter: Meter) -> tuple[bytes, str]:
    """The text that Prometheus scrapes, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(meter)
    return generate_latest(registry), CONTENT_TYPE_LATEST
