"""Alerts people once when something begins to need them, and once when it is over.

The scheduler checks every half minute: ledger, disk, processes and the last echoes are compared with the alerts that
are open. A message that could not be sent is sent after the next check.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from node.jobs import JobKind, JobState
from node.settings import Settings
from node.settings_sections import AlertSettings
from node.storage.audit_forwarding import AuditForwarding, ForwardingStatus
from node.storage.destination_history import DeliveryTrouble, DestinationHistory
from node.storage.health import HealthStore, OpenAlert
from node.storage.hosts import Hosts
from node.storage.overview import QueueDepth
from node.watching.alert_messages import send_message
from node.watching.findings import Finding, FindingLevel
from node.watching.metrics import Meter
from node.watching.readiness import Readiness

log = logging.getLogger(__name__)
_START_SECONDS = 90.0  # processes load their libraries before their first heartbeat
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class _AlertText:
    """Stable id, message, and what to do; `{subject}` and `{value}` are filled in."""

    id: str
    message: str
    hint: str


class Alert(Enum):
    """What needs a person. A new alert is one row here and one fact in `wrong`."""

    ANALYSES_FAILED = _AlertText(
        "analyses-failed",
        "{value} failed: analysis",
        "fix the cause that the study names, then mome-node studies reprocess UID",
    )
    DELIVERIES_FAILED = _AlertText(
        "deliveries-failed",
        "{value} failed: delivery to {subject}",
        "mome-node doctor shows what {subject} refuses; then mome-node studies redeliver UID",
    )
    DESTINATION_DOWN = _AlertText(
        "destination-down",
        "destination {subject} does not answer",
        "mome-node echo {subject}; results wait and are sent when it is back",
    )
    DELIVERIES_WAIT = _AlertText(
        "deliveries-wait",
        "results for {subject} wait: {value}",
        "mome-node doctor examines {subject} in both directions; nothing is lost meanwhile",
    )
    COMMITMENT_OVERDUE = _AlertText(
        "commitment-overdue",
        "{subject} has results and has not committed itself to keeping them{value}",
        "mome-node doctor asks {subject} for a report and says what turns it away",
    )
    AUDIT_WAITS = _AlertText(
        "audit-waits",
        "the audit repository takes nothing: {value}",
        "mome-node doctor shows why; entries wait in the ledger and are sent in order when it is back",
    )
    DISK_LOW = _AlertText(
        "disk-low",
        "less than {value} GiB of disk are free",
        "add space, or set retention.days",
    )
    CALLER_SILENT = _AlertText(
        "caller-silent",
        "{subject} has sent nothing for {value} hours",
        "is the scanner in use? if it is, mome-node peers list shows whether it was rejected",
    )
    PROCESS_SILENT = _AlertText(
        "process-silent",
        "no heartbeat from the {subject}",
        "the log says why; systemctl restart mome-node loses nothing",
    )
    HOST_SILENT = _AlertText(
        "host-silent",
        "{value} unfinished, with images only on {subject}, which is not heard",
        "bring that host back, or have a PACS send them to one that runs: mome-node studies fetch",
    )
    SELF_TEST_FAILED = _AlertText(
        "self-test-failed",
        "the self-test failed: {value}",
        "mome-node check",
    )

    def finding(self, subject: str = "", value: str = "") -> Finding:
        """This alert about a subject."""
        text = self.value
        message, hint = (each.format(subject=subject, value=value) for each in (text.message, text.hint))
        return Finding(text.id, text.id, FindingLevel.FAILED, message, hint, subject)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one check has seen.

    Parameters
    ----------
    down_since
        destinations that do not answer: since when, seconds since 1970
    silent_for
        seconds since the last study of each calling AE title
    failing
        processes without a heartbeat
    self_test
        names of what failed, empty when all is well
    troubles
        destinations to which deliveries did not go well
    owed_since
        destinations that owe a report on storage commitment: since when
    audit
        how far the audit trail was sent to a repository; None when there is none
    hosts
        nodes that are not heard -> how many unfinished studies have images only there
    """

    depths: tuple[QueueDepth, ...]
    down_since: dict[str, float]
    free_bytes: int
    silent_for: dict[str, float]
    failing: tuple[str, ...]
    self_test: str
    troubles: tuple[DeliveryTrouble, ...] = ()
    owed_since: Mapping[str, float] = field(default_factory=dict)
    audit: ForwardingStatus | None = None
    hosts: Mapping[str, int] = field(default_factory=dict)


def wrong(facts: Facts, limits: AlertSettings, now: float) -> Iterator[Finding]:
    """Everything that needs a person."""
    for each in facts.depths:
        if each.state is JobState.DEAD:
            alert = Alert.ANALYSES_FAILED if each.kind is JobKind.ANALYZE else Alert.DELIVERIES_FAILED
            yield alert.finding(each.destination, "1 job" if each.jobs == 1 else f"{each.jobs} jobs")
    for name, since in facts.down_since.items():
        if now - since >= limits.destination_minutes * 60:
            yield Alert.DESTINATION_DOWN.finding(name)
    yield from _wrong_deliveries(facts, limits, now)
    audit = facts.audit
    if audit and audit.failing_since is not None and now - audit.failing_since >= limits.destination_minutes * 60:
        yield Alert.AUDIT_WAITS.finding(value=audit.reason)
    if facts.free_bytes < limits.disk_free_gib * _GIB:
        yield Alert.DISK_LOW.finding(value=f"{limits.disk_free_gib:g}")
    for caller, seconds in facts.silent_for.items():
        if limits.silence_hours and seconds >= limits.silence_hours * 3600:
            yield Alert.CALLER_SILENT.finding(caller, f"{limits.silence_hours:g}")
    for name, count in facts.hosts.items():
        yield Alert.HOST_SILENT.finding(name, "1 study is" if count == 1 else f"{count} studies are")
    for process in facts.failing:
        yield Alert.PROCESS_SILENT.finding(process)
    if facts.self_test:
        yield Alert.SELF_TEST_FAILED.finding(value=facts.self_test)


def _wrong_deliveries(facts: Facts, limits: AlertSettings, now: float) -> Iterator[Finding]:
    """Destinations that answer and do not take our results, or do not commit themselves to them."""
    known = {each.destination: f": {each.reason}" for each in facts.troubles}
    for each in facts.troubles:
        late = now - each.since >= limits.destination_minutes * 60
        if late and each.destination not in facts.down_since and each.destination not in facts.owed_since:
            yield Alert.DELIVERIES_WAIT.finding(each.destination, each.reason)
    for name, since in facts.owed_since.items():
        if now - since >= limits.commitment_minutes * 60:
            yield Alert.COMMITMENT_OVERDUE.finding(name, known.get(name, ""))


class AlertMonitor:
    """Compares what is wrong with the alerts that are open, whenever it is asked to."""

    def __init__(self, settings: Settings, meter: Meter, config: Path | None = None) -> None:
        """`config`: the settings file of the daily self-test; None leaves it out."""
        self.settings, self.meter, self.store, self.config = settings, meter, meter.watch, config
        self.history = DestinationHistory(meter.overview.engine)
        self.forwarding = AuditForwarding(meter.overview.engine)
        self.hosts = Hosts(meter.overview.engine)
        self.health = Readiness(settings, meter.watch)
        self.began = time.monotonic()
        self.down_since: dict[str, float] = {}
        self.self_test = ""

    def check(self, now: float) -> None:
        """Gather the facts, compare, and send what is due."""
        settings = self.settings
        found = wrong(self.facts(now), settings.alerts, now)
        compare(
            self.store,
            settings.node_name,
            found,
            lambda finding: send_message(settings.alerts, settings.dicom.ae_title, finding),
            now,
        )

    def run_self_test(self) -> None:
        """Test the node in a process of its own; the next check finds what failed."""
        if self.config is not None:
            self.self_test = self_test(self.config)

    def facts(self, now: float) -> Facts:
        """What is the case now: the ledger, the disk, the processes, and how destinations answered."""
        for name, echo in self.store.echoes().items():
            if echo.seconds is None:
                self.down_since.setdefault(name, echo.at)
            else:
                self.down_since.pop(name, None)
        configured = set(self.settings.result_receivers)
        started = time.monotonic() - self.began > _START_SECONDS
        return Facts(
            depths=tuple(self.meter.overview.queues()),
            down_since={name: since for name, since in self.down_since.items() if name in configured},
            free_bytes=self.meter.archive.free_bytes(),
            silent_for={name: now - at for name, at in self.meter.up_to_date().last_from.items()},
            failing=tuple(self.health.silent_processes()) if started else (),
            self_test=self.self_test,
            troubles=tuple(each for each in self.history.troubles() if each.destination in configured),
            owed_since={name: at for name, at in self.history.owed_since().items() if name in configured},
            hosts={each.node: count for each, count in self.hosts.unfinished(now).items()},
            audit=self.forwarding.status() if self.settings.audit_repository.enabled else None,
        )


def self_test(config: Path) -> str:
    """Run `mome-node check` in a process of its own; the names of what failed, empty when all is well."""
    command = [sys.executable, "-m", "node.cli.main", "check", "--json", "--config", str(config)]
    try:
        answer = subprocess.run(command, capture_output=True, check=False, timeout=600)
        lines = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return "it could not be run"
    return ", ".join(each["name"] for each in lines if each["required"] and not each["passed"])


def compare(
    store: HealthStore, node: str, found: Iterable[Finding], send: Callable[[Finding], bool], now: float
) -> None:
    """Open what is new, send what nobody knows yet, and close what is over once people know that too.

    An alert is identified by node, id and subject; nodes that share a ledger keep theirs apart.
    """
    wanted = {(each.id, each.subject): each for each in found}
    for key in wanted.keys() - {(each.id, each.subject) for each in store.alerts(node)}:
        finding = wanted[key]
        log.warning("alert: %s", finding.message, extra={"alert": finding.id, "subject": finding.subject})
        store.raised(OpenAlert(node, finding.id, finding.subject, now, None, finding.message))
    for each in store.alerts(node):
        current = wanted.get((each.id, each.subject))
        if current is None:
            if each.sent_at is None or send(_over(each)):
                store.resolved(each)
        elif each.sent_at is None and send(replace(current, message=each.message)):
            store.sent(each, now)


def _over(alert: OpenAlert) -> Finding:
    """The message that an alert is over."""
    return Finding(alert.id, alert.id, FindingLevel.OK, f"over: {alert.message}", subject=alert.subject)
