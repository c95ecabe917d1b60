"""What a study that waits for its analysis can expect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from ledger_studies import claim_job, complete_study, kept_report, stored_instance
from node.storage.analysis_queue import AnalysisQueue, RunningAnalysis, analysis_queue
from node.storage.health import HealthStore
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord
from node.summary import AnalysisSummary


@pytest.mark.parametrize(
    ("workers", "expected"),
    [(1, {7: 60.0, 1: 120.0, 2: 180.0, 3: 240.0}), (2, {7: 60.0, 1: 90.0, 2: 120.0, 3: 150.0})],
)
def test_waiting_studies_follow_each_other_on_the_workers(workers: int, expected: dict[int, float]) -> None:
    queue = AnalysisQueue(seconds=60.0, running={7: RunningAnalysis(0.0)}, waiting=(1, 2, 3), workers=workers)
    assert {study: queue.done_at(study, 30.0) for study in expected} == expected
    assert queue.place(2) == 2
    assert queue.place(9) is None
    assert queue.done_at(9, 30.0) is None


def test_nothing_is_expected_before_the_first_analysis() -> None:
    assert AnalysisQueue(waiting=(1,)).done_at(1, 30.0) is None


def test_the_queue_is_read_from_the_ledger(ledger: Ledger) -> None:
    complete_study(ledger)
    assert analysis_queue(ledger.engine, 170.0) == AnalysisQueue(waiting=(1,))
    job = claim_job(ledger, now=200)
    assert analysis_queue(ledger.engine, 210.0) == AnalysisQueue(running={1: RunningAnalysis(200.0)})
    ledger.jobs.progressed(job, "scores", 3, 8)
    assert analysis_queue(ledger.engine, 210.0).running == {1: RunningAnalysis(200.0, "scores", 3, 8)}
    with pytest.raises(StaleJob):
        ledger.jobs.progressed(replace(job, fence=job.fence - 1), "prepare", 0, 1)
    assert analysis_queue(ledger.engine, 210.0).running[1].stage == "scores", (
        "a worker whose lease ran out says nothing"
    )
    ledger.jobs.analyzed(job, AnalysisRecord((kept_report(),), AnalysisSummary(), ()), now=245)
    for number in (2, 3):
        ledger.receiving.instances_stored([stored_instance(study=f"1.2.3.{number}")], now=300 + number)
    assert ledger.gathering.settle(quiet_since=400, now=410) == 2
    for part in ("worker", "listener"):
        HealthStore(ledger.engine).beat("here", part, 420.0)
    assert analysis_queue(ledger.engine, 420.0) == AnalysisQueue(seconds=45.0, waiting=(2, 3))


def test_when_an_analysis_began_is_looked_up_and_no_audit_trail_is_read_for_it(tmp_path: Path) -> None:
    """Every page asks it of two hundred analyses: at 10,000 studies pages took 110 ms when it was read by event."""
    ledger, plans = Ledger(f"sqlite:///{tmp_path}/ledger.db"), []

    def explain(_connection: object, cursor: Any, query: str, values: Any, *_: object) -> None:
        if "audit" in query:
            plans.append(str(cursor.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()))

    event.listen(ledger.engine, "before_cursor_execute", explain)
    analysis_queue(ledger.engine, 170.0)
    assert plans and all("ix_audit_study_id_event_at (study_id=?" in plan for plan in plans), plans


def test_a_paused_node_promises_no_result_and_another_one_goes_on(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.holds.hold(Hold(HoldKind.PAUSE, "here", 165, "alice"))
    ledger.holds.hold(Hold(HoldKind.DESTINATION, "pacs", 165, "alice"))
    health = HealthStore(ledger.engine)
    health.beat("here", "worker", 169.0)
    paused = analysis_queue(ledger.engine, 170.0)
    assert (paused.is_paused, paused.held) == (True, frozenset({"pacs"}))
    health.beat("there", "worker", 169.0)
    assert not analysis_queue(ledger.engine, 170.0).is_paused
