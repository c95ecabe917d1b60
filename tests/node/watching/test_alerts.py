"""Alerts: one message when something begins to need a person, and one when it is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.jobs import JobKind, JobState
from node.settings import Settings
from node.settings_sections import AlertSettings
from node.storage.archive import Archive
from node.storage.audit_forwarding import ForwardingStatus
from node.storage.destination_history import DeliveryTrouble
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview, QueueDepth
from node.watching.alerts import Alert, AlertMonitor, Facts, compare, self_test, wrong
from node.watching.echoes import echo_destinations
from node.watching.findings import Finding, FindingLevel
from node.watching.metrics import Meter

GIB = 2**30
WELL = Facts((), {}, 100 * GIB, {"MRI1": 60.0}, (), "")
LIMITS = AlertSettings(disk_free_gib=20, destination_minutes=15, silence_hours=12)
LITTLE_DISK = Alert.DISK_LOW.finding(value="20")


def failed(jobs: int, kind: JobKind, destination: str = "") -> QueueDepth:
    return QueueDepth(kind, destination, JobState.DEAD, jobs, 1.0)


@pytest.mark.parametrize(
    ("facts", "expected", "message"),
    [
        pytest.param(
            replace(WELL, depths=(failed(2, JobKind.DELIVER, "pacs"),)),
            Alert.DELIVERIES_FAILED,
            "2 jobs failed: delivery to pacs",
            id="failed deliveries",
        ),
        pytest.param(
            replace(WELL, depths=(failed(1, JobKind.ANALYZE),)),
            Alert.ANALYSES_FAILED,
            "1 job failed: analysis",
            id="a failed analysis",
        ),
        pytest.param(
            replace(WELL, down_since={"pacs": 9_000.0}),
            Alert.DESTINATION_DOWN,
            "destination pacs does not answer",
            id="destination down for 16 minutes",
        ),
        pytest.param(
            replace(WELL, troubles=(DeliveryTrouble("pacs", 2, 9_000.0, "pacs has no room"),)),
            Alert.DELIVERIES_WAIT,
            "results for pacs wait: pacs has no room",
            id="a destination that answers and takes nothing for 16 minutes",
        ),
        pytest.param(
            replace(WELL, hosts={"MOMENODE@a:104": 2}),
            Alert.HOST_SILENT,
            "2 studies are unfinished, with images only on MOMENODE@a:104, which is not heard",
            id="a host that died with studies",
        ),
        pytest.param(
            replace(WELL, owed_since={"pacs": 8_000.0}),
            Alert.COMMITMENT_OVERDUE,
            "pacs has results and has not committed itself to keeping them",
            id="a commitment that never comes",
        ),
        pytest.param(
            replace(WELL, owed_since={"pacs": 8_000.0}, troubles=(DeliveryTrouble("pacs", 2, 8_000.0, "because"),)),
            Alert.COMMITMENT_OVERDUE,
            "pacs has results and has not committed itself to keeping them: because",
            id="a commitment that never comes, with what is known of the cause",
        ),
        pytest.param(
            replace(WELL, audit=ForwardingStatus(9, 1.0, 9_000.0, "audit repository: no answer in time")),
            Alert.AUDIT_WAITS,
            "the audit repository takes nothing: audit repository: no answer in time",
            id="audit repository away for 16 minutes",
        ),
        pytest.param(
            replace(WELL, free_bytes=19 * GIB), Alert.DISK_LOW, "less than 20 GiB of disk are free", id="little disk"
        ),
        pytest.param(
            replace(WELL, silent_for={"MRI1": 13 * 3600.0}),
            Alert.CALLER_SILENT,
            "MRI1 has sent nothing for 12 hours",
            id="silent scanner",
        ),
        pytest.param(
            replace(WELL, failing=("worker",)),
            Alert.PROCESS_SILENT,
            "no heartbeat from the worker",
            id="silent process",
        ),
        pytest.param(
            replace(WELL, self_test="model"), Alert.SELF_TEST_FAILED, "the self-test failed: model", id="self-test"
        ),
    ],
)
def test_what_needs_a_person(facts: Facts, expected: Alert, message: str) -> None:
    (found,) = wrong(facts, LIMITS, 10_000.0)
    assert (found.id, found.message, found.level) == (expected.value.id, message, FindingLevel.FAILED)
    assert found.hint and "{" not in found.message + found.hint


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(WELL, id="all is well"),
        pytest.param(
            replace(WELL, depths=(QueueDepth(JobKind.DELIVER, "pacs", JobState.WAITING, 9, 1.0),)),
            id="a queue is no alert",
        ),
        pytest.param(replace(WELL, down_since={"pacs": 9_500.0}), id="destination down for 8 minutes"),
    ],
)
def test_what_needs_nobody(facts: Facts) -> None:
    assert list(wrong(facts, LIMITS, 10_000.0)) == []


def test_ids_of_alerts_are_unique() -> None:
    ids = [each.value.id for each in Alert]
    assert len(set(ids)) == len(ids)


def test_an_alert_is_sent_once_and_once_when_it_is_over(ledger: Ledger) -> None:
    store, messages = HealthStore(ledger.engine), []

    def send(finding: Finding) -> bool:
        messages.append(finding.message)
        return True

    for found in ([LITTLE_DISK], [LITTLE_DISK], [], []):
        compare(store, "one", found, send, 1.0)
    assert messages == [LITTLE_DISK.message, f"over: {LITTLE_DISK.message}"]
    assert store.alerts() == []


def test_alerts_of_one_kind_about_two_subjects_are_two(ledger: Ledger) -> None:
    store = HealthStore(ledger.engine)
    both = [Alert.DESTINATION_DOWN.finding(name) for name in ("pacs", "research")]
    compare(store, "one", both, lambda _: True, 1.0)
    compare(store, "one", both[1:], lambda _: True, 2.0)
    assert [(each.id, each.subject) for each in store.alerts()] == [("destination-down", "research")]


def test_nodes_on_one_ledger_leave_each_others_alerts_alone(ledger: Ledger) -> None:
    store = HealthStore(ledger.engine)
    for node in ("one", "two"):
        compare(store, node, [LITTLE_DISK], lambda _: True, 1.0)
    compare(store, "one", [], lambda _: True, 2.0)
    assert [each.node for each in store.alerts()] == ["two"]


def test_a_message_that_could_not_be_sent_is_sent_after_the_next_check(ledger: Ledger) -> None:
    store = HealthStore(ledger.engine)
    compare(store, "one", [LITTLE_DISK], lambda _: False, 1.0)
    assert [each.sent_at for each in store.alerts()] == [None]
    compare(store, "one", [LITTLE_DISK], lambda _: True, 2.0)
    assert [each.sent_at for each in store.alerts()] == [2.0]


def test_what_is_over_before_anyone_knew_is_closed_without_a_message(ledger: Ledger) -> None:
    store = HealthStore(ledger.engine)
    compare(store, "one", [LITTLE_DISK], lambda _: False, 1.0)
    compare(store, "one", [], lambda _: pytest.fail("a message was sent"), 2.0)
    assert store.alerts() == []


def test_a_destination_that_does_not_answer_its_echo_opens_an_alert(tmp_path: Path) -> None:
    destination = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}
    limits = {"destination_minutes": 0, "disk_free_gib": 0}
    settings = Settings(storage={"root": tmp_path}, destinations=(destination,), alerts=limits)
    archive, engine = Archive(tmp_path), Ledger(settings.database_url).engine
    store = HealthStore(engine)
    echo_destinations("MOMENODE", settings.destinations, store)
    AlertMonitor(settings, Meter(settings, archive, Overview(engine), store)).check(1e12)
    assert [each.message for each in store.alerts(settings.node_name)] == ["destination pacs does not answer"]
    assert "nothing listens" in store.echoes()["pacs"].reason


@pytest.mark.slow
def test_a_self_test_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    assert self_test(tmp_path / "no such file") == "it could not be run"
