"""When a study counts as silent, whatever the clock does and however often the node is started."""

from __future__ import annotations

import logging

import pytest

from node.audit import AuditEvent
from node.jobs import JobKind
from node.service.settling import QuietPeriod
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance

STUDY = "1.2.3"
HOURS_26 = 26 * 3600.0


def receive(ledger: Ledger, now: float) -> None:
    instance = StoredInstance(STUDY, "1.2.3.1", "1.2", "1.2.3.1.1", "1.2.1", "p", "a", "path", 10, "MR")
    ledger.receiving.instances_stored([instance], now)


def quiet_since(silence: QuietPeriod, wall: float, monotonic: float) -> float | None:
    silence.sweep_ended(monotonic - 1)  # of the sweep before
    silence.update(wall, monotonic)
    return silence.quiet_for(60)


def test_silence_is_counted_while_the_clock_is_steady() -> None:
    silence = QuietPeriod(wall=1000.0, monotonic=0.0)
    assert quiet_since(silence, 1001.0, 1.0) == 941.0
    assert quiet_since(silence, 1002.0, 2.0) == 942.0


@pytest.mark.parametrize("jump", [HOURS_26, -HOURS_26])
def test_a_jump_of_the_clock_begins_the_silence_anew(jump: float, caplog: pytest.LogCaptureFixture) -> None:
    silence = QuietPeriod(wall=200_000.0, monotonic=0.0)
    after = 200_000.0 + jump
    with caplog.at_level(logging.WARNING):
        assert quiet_since(silence, after + 1, 1.0) is None
    assert "clock jumped" in caplog.text
    assert quiet_since(silence, after + 30, 30.0) is None
    assert quiet_since(silence, after + 62, 62.0) == after + 2


def test_a_machine_that_stood_still_waits_for_what_was_sent_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    silence = QuietPeriod(wall=1000.0, monotonic=0.0)
    with caplog.at_level(logging.WARNING):
        silence.update(4600.0, 3600.0)
    assert "stood still" in caplog.text and silence.quiet_for(60) is None
    assert silence.steady_for(7200) == -2600.0  # a deadline goes on
    assert quiet_since(silence, 4630.0, 3630.0) is None
    assert quiet_since(silence, 4661.0, 3661.0) == 4601.0


def test_a_long_sweep_is_no_standstill() -> None:
    silence = QuietPeriod(wall=1000.0, monotonic=0.0)
    silence.update(1001.0, 1.0)
    silence.sweep_ended(41.0)
    silence.update(1042.0, 42.0)
    assert silence.quiet_for(60) == 982.0


def test_silence_before_a_restart_of_the_listener_does_not_count(ledger: Ledger) -> None:
    receive(ledger, 100)
    ledger.audit.record(AuditEvent.LISTENING, 1000.0, "here")
    assert ledger.gathering.settle(980, 1040, node_name="here") == 0
    assert ledger.gathering.settle(1001, 1061, node_name="here") == 1


@pytest.mark.parametrize("event", [AuditEvent.STARTED, AuditEvent.STOPPED])
def test_nothing_is_complete_while_nobody_listens(ledger: Ledger, event: AuditEvent) -> None:
    receive(ledger, 100)
    ledger.audit.record(AuditEvent.LISTENING, 101.0, "here")
    ledger.audit.record(event, 150.0, "here")
    assert ledger.gathering.settle(200, 260, node_name="here") == 0
    ledger.audit.record(AuditEvent.LISTENING, 300.0, "here")
    assert ledger.gathering.settle(301, 361, node_name="here") == 1


def test_a_study_received_before_the_clock_was_set_back_still_completes(ledger: Ledger) -> None:
    receive(ledger, HOURS_26)
    ledger.audit.record(AuditEvent.LISTENING, HOURS_26 - 10, "here")
    assert ledger.gathering.settle(40, 100, node_name="here") == 1
    assert ledger.reading.study(STUDY).study.state is StudyState.STABLE


def test_a_job_written_before_the_clock_was_set_back_is_still_done(ledger: Ledger) -> None:
    receive(ledger, HOURS_26)
    ledger.gathering.settle(HOURS_26 + 1, HOURS_26 + 1)
    first = ledger.jobs.claim(JobKind.ANALYZE, HOURS_26 + 2, 60)
    assert first is not None
    assert ledger.jobs.claim(JobKind.ANALYZE, HOURS_26 + 3, 60) is None
    assert ledger.jobs.claim(JobKind.ANALYZE, 100, 60) is not None
