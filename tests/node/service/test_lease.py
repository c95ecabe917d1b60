"""The lease of a job is extended while its work goes on, and lost with its process."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from analyzed_report import STUDY, delivery_client
from ledger_studies import complete_study
from live_node import wait_for
from node.jobs import Job, JobKind, JobState, NodePart
from node.service.lease import BEAT_SECONDS, LEASE_SECONDS, kept_lease
from node.settings_sections import Destination
from node.storage import schema
from node.storage.database import reading
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger


@pytest.fixture
def claimed(tmp_path: Path) -> tuple[Ledger, Job]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    complete_study(ledger)
    job = ledger.jobs.claim(JobKind.ANALYZE, time.time(), LEASE_SECONDS)
    assert job is not None
    return ledger, job


def test_a_dead_hosts_job_is_free_after_twenty_seconds() -> None:
    assert (LEASE_SECONDS, BEAT_SECONDS) == (20.0, 5.0)


def test_a_lease_is_extended_while_the_work_goes_on(
    claimed: tuple[Ledger, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, job = claimed
    extended = threading.Event()
    extend = ledger.jobs.extend

    def noticed(*arguments: object) -> None:
        extend(*arguments)  # type: ignore[arg-type]
        extended.set()

    monkeypatch.setattr(ledger.jobs, "extend", noticed)
    with kept_lease(ledger, job, 0.01):
        assert extended.wait(30)
    extended.clear()
    assert not extended.wait(0.1), "it beats on after the work has ended"


def test_a_lease_that_another_took_is_not_taken_back(claimed: tuple[Ledger, Job]) -> None:
    ledger, job = claimed
    other = ledger.jobs.claim(JobKind.ANALYZE, time.time() + LEASE_SECONDS + 1, LEASE_SECONDS, by=NodePart("b", "w"))
    assert other is not None
    with kept_lease(ledger, job, 0.01):
        time.sleep(0.2)
    with pytest.raises(StaleJob):
        ledger.jobs.extend(job, 1e9)
    ledger.jobs.extend(other, 1e9)


def test_a_delivery_beats_while_its_pacs_is_slow(tmp_path: Path) -> None:
    """Its lease was a quarter of an hour: so late was a result whose host died while it was sent."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        to = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=silent.getsockname()[1])
        client = delivery_client(ledger, tmp_path, to)
        delivering = threading.Thread(target=client.deliver_next)
        delivering.start()
        connection, _ = silent.accept()
        began = time.time()
        wait_for(lambda: lease_until(ledger) > began + LEASE_SECONDS + 1, 30, "the lease to be extended")
        connection.close()
        delivering.join(60)
    assert ledger.reading.study(STUDY).jobs[-1].state is JobState.WAITING


def lease_until(ledger: Ledger) -> float:
    """Of the job that runs; 0 while none does."""
    table = schema.job.c
    with reading(ledger.engine) as db:
        return db.execute(select(table.lease_until).where(table.state == JobState.RUNNING)).scalar() or 0.0
