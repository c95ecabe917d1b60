"""When a study counts as silent, whatever the clock does and however often the node is started."""

from __future__ import annotations

import logging

import pytest

from node.jobs import JobKind
from node.service.settling import QuietPeriod
from node.states import StudyState
from node.storage.health import LISTENER, HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance

STUDY = "1.2.3"
HOURS_26 = 26 * 3600.0


def receive(ledger: Ledger, now: float) -> None:
    instance = StoredInstance(STUDY, "1.2.3.1", "1.2", "1.2.3.1.1", "1.2.1", "p", "a", "path", 10, "MR")
    ledger.receiving.instances_stored([instance], now)


def listener_beats(ledger: Ledger, at: float, since: float, node: str = "here") -> None:
    HealthStore(ledger.engine).beat(node, LISTENER, at, listening_since=since)


def quiet_since(silence: QuietPeriod, wall: float, monotonic: float) -> float | None:
    silence.sweep_ended(monotonic - 1)  # of the sweep before
    silence.update(wall, monotonic)
    return silence.quiet_for(60)


def test_silence_is_not_counted_while_the_ledger_does_not_answer() -> None:
    silence = QuietPeriod(wall=1000.0, monotonic=0.0)
    assert quiet_since(silence, 1001.0, 1.0) is not None
    silence.saw_nothing()
    assert quiet_since(silence, 1002.0, 2.0) is None
    assert quiet_since(silence, 1060.0, 60.0) is None
    assert quiet_since(silence, 1061.0, 61.0) == 1001.0


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
    listener_beats(ledger, 1040.0, since=1000.0)
    assert ledger.gathering.settle(980, 1040, node_name="here") == 0
    assert ledger.gathering.settle(1001, 1061, node_name="here") == 1


def test_nothing_is_complete_before_the_listener_is_there(ledger: Ledger) -> None:
    receive(ledger, 100)
    HealthStore(ledger.engine).listener_stopped("here")  # the node has just been started
    assert ledger.gathering.settle(200, 260, node_name="here") == 0
    HealthStore(ledger.engine).beat("here", LISTENER, 261.0)  # its process is there, and does not listen yet
    assert ledger.gathering.settle(201, 261, node_name="here") == 0
    listener_beats(ledger, 361.0, since=300.0)
    assert ledger.gathering.settle(301, 361, node_name="here") == 1


def test_nothing_is_complete_after_the_listener_has_stopped(ledger: Ledger) -> None:
    receive(ledger, 100)
    listener_beats(ledger, 249.0, since=101.0)
    HealthStore(ledger.engine).listener_stopped("here")
    assert ledger.gathering.settle(200, 260, node_name="here") == 0
    listener_beats(ledger, 361.0, since=300.0)
    assert ledger.gathering.settle(301, 361, node_name="here") == 1


def test_nothing_is_complete_while_the_listener_hangs(ledger: Ledger) -> None:
    receive(ledger, 100)
    listener_beats(ledger, 150.0, since=101.0)
    assert ledger.gathering.settle(200, 260, node_name="here") == 0
    listener_beats(ledger, 261.0, since=101.0)
    assert ledger.gathering.settle(201, 261, node_name="here") == 1


def test_the_listener_of_another_node_does_not_count(ledger: Ledger) -> None:
    receive(ledger, 100)
    listener_beats(ledger, 260.0, since=101.0, node="there")
    HealthStore(ledger.engine).listener_stopped("here")
    assert ledger.gathering.settle(200, 260, node_name="here") == 0
    assert ledger.gathering.settle(200, 260, node_name="there") == 1


def test_a_node_whose_listener_never_showed_itself_counts_as_listening(ledger: Ledger) -> None:
    receive(ledger, 100)
    assert ledger.gathering.settle(200, 260, node_name="here") == 1


def test_a_study_received_before_the_clock_was_set_back_still_completes(ledger: Ledger) -> None:
    receive(ledger, HOURS_26)
    listener_beats(ledger, HOURS_26, since=HOURS_26 - 10)
    assert ledger.gathering.settle(40, 100, node_name="here") == 1
    assert ledger.reading.study(STUDY).study.state is StudyState.STABLE


def test_a_job_written_before_the_clock_was_set_back_is_still_done(ledger: Ledger) -> None:
    receive(ledger, HOURS_26)
    ledger.gathering.settle(HOURS_26 + 1, HOURS_26 + 1)
    first = ledger.jobs.claim(JobKind.ANALYZE, HOURS_26 + 2, 60)
    assert first is not None
    assert ledger.jobs.claim(JobKind.ANALYZE, HOURS_26 + 3, 60) is None
    assert ledger.jobs.claim(JobKind.ANALYZE, 100, 60) is not None
