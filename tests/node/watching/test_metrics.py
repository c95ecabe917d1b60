"""Numbers for Prometheus: counted from the audit trail, the same after a restart, without a patient in them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from node.audit import AuditEvent, AuditFields
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.settings import Settings
from node.states import StudyEvent, StudyState
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview, Tally
from node.storage.records import StoredInstance
from node.watching.metrics import Meter, Totals, exposition


def meter_of(ledger: Ledger, folder: Path) -> Meter:
    settings = Settings(storage={"root": folder})
    return Meter(settings, Archive(folder), Overview(ledger.engine), HealthStore(ledger.engine))


def values(meter: Meter) -> dict[tuple[str, ...], float]:
    text, _ = exposition(meter)
    families = text_string_to_metric_families(text.decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def receive_and_fail(ledger: Ledger, number: int) -> None:
    uid = f"1.2.{number}"
    ledger.receiving.instances_stored(
        [
            StoredInstance(
                uid, uid + ".1", "1.2.840.10008.5.1.4.1.1.4", uid + ".1.1", "1.2", "p", "a", "path", 10, "MRI1"
            )
        ],
        1.0,
    )
    received = AuditFields(calling_ae_title="MRI1", address="10.0.0.5", count=3)
    ledger.audit.record(AuditEvent.RECEIVED, 2.0, "3 instances from MRI1 at 10.0.0.5", uid, received)
    ledger.operator.force(uid, 3.0)
    job = ledger.jobs.claim(JobKind.ANALYZE, 4.0, 60.0)
    assert job is not None
    ledger.jobs.failed(job, Reason(ReasonCode.ANALYSIS_FAILED, "analysis failed: no memory"), 5.0, attempts=1)


def test_counters_follow_the_trail_and_survive_a_restart(ledger: Ledger, tmp_path: Path) -> None:
    meter = meter_of(ledger, tmp_path)
    receive_and_fail(ledger, 1)
    first = values(meter)
    assert first["mome_instances_received_total", "MRI1"] == 3
    assert first["mome_studies_settled_total",] == 1
    assert first["mome_studies_failed_total", "analysis"] == 1
    assert first["mome_queue_jobs", "", "analyze", "dead"] == 1
    receive_and_fail(ledger, 2)
    assert values(meter)["mome_instances_received_total", "MRI1"] == 6
    steady = {key: value for key, value in values(meter).items() if key[0].endswith("_total")}
    again = {key: value for key, value in values(meter_of(ledger, tmp_path)).items() if key[0].endswith("_total")}
    assert again == steady


def test_alerts_that_the_listener_left_out_are_counted(ledger: Ledger, tmp_path: Path) -> None:
    stranger = AuditFields(calling_ae_title="X", address="10.0.0.1", count=1, reason=ReasonCode.CALLING_UNKNOWN)
    ledger.audit.record(AuditEvent.REJECTED, 1.0, "unknown: X called Y from 10.0.0.1", fields=stranger)
    flood = replace(stranger, count=42)
    ledger.audit.record(AuditEvent.REJECTED, 2.0, "unknown (41 alerts before it were not written)", fields=flood)
    assert values(meter_of(ledger, tmp_path))["mome_associations_rejected_total",] == 43


def test_open_associations_are_told(ledger: Ledger, tmp_path: Path) -> None:
    HealthStore(ledger.engine).beat("one", "listener", time.time(), associations=3)
    assert values(meter_of(ledger, tmp_path))["mome_associations_open", "one"] == 3


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (ReasonCode.ANALYSIS_FAILED, "analysis"),
        (ReasonCode.WORKER_DIED, "crash"),
        (ReasonCode.PEER_REFUSED, "refused"),
        (ReasonCode.INTEGRITY_LOST, "integrity"),
        (ReasonCode.TWO_PATIENTS, "conflict"),
        (ReasonCode.UNKNOWN, "other"),
        (None, "other"),
    ],
)
def test_a_reason_has_one_of_few_causes(code: ReasonCode | None, cause: str) -> None:
    totals = Totals()
    totals.add(Tally(StudyEvent.GAVE_UP, StudyState.FAILED, "", code, entries=2, counted=0, newest_at=1.0))
    assert totals.failures == {cause: 2}


def test_a_sweep_that_stands_still_is_seen(ledger: Ledger, tmp_path: Path) -> None:
    meter = meter_of(ledger, tmp_path)
    assert values(meter)["mome_settle_late_seconds",] == 0
    receive_and_fail(ledger, 1)
    assert values(meter)["mome_settle_late_seconds",] == 0, "a study that is complete is not late"
    uid = "1.2.9"
    one = StoredInstance(uid, uid + ".1", "1.2.840.10008.5.1.4.1.1.4", uid + ".1.1", "1.2", "p", "a", "x", 1, "MRI1")
    ledger.receiving.instances_stored([one], time.time() - 1000)
    assert 810 < values(meter)["mome_settle_late_seconds",] < 830
