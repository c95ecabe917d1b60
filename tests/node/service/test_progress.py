"""How far an analysis is, for who looks; never in its way."""

from __future__ import annotations

import pytest

from ledger_studies import claim_job, complete_study
from node.service import progress
from node.service.progress import JobProgress
from node.storage.analysis_queue import RunningAnalysis, analysis_queue
from node.storage.ledger.ledger import Ledger


def running(ledger: Ledger) -> RunningAnalysis:
    return analysis_queue(ledger.engine, 230.0).running[1]


def test_each_stage_is_written_as_it_begins_and_its_steps_now_and_then(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [10.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    complete_study(ledger)
    told = JobProgress(ledger.jobs, claim_job(ledger))
    told("scores", 0, 54)
    told("scores", 1, 54)
    assert (running(ledger).stage, running(ledger).done) == ("scores", 0)
    clock[0] += 2.5
    told("scores", 2, 54)
    assert (running(ledger).done, running(ledger).planned) == (2, 54)
    told("saliency", 0, 8)
    assert running(ledger).stage == "saliency"


def test_a_database_that_refuses_does_not_stop_the_analysis(ledger: Ledger) -> None:
    complete_study(ledger)
    told = JobProgress(ledger.jobs, claim_job(ledger))
    with ledger.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE job DROP COLUMN stage")
    told("scores", 1, 2)
