"""Deliveries that end with storage commitment: with it, or with a reason that names the setting to change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from analyzed_report import STUDY, delivery_client
from committing_pacs import CommittingPacs, running
from dicom_io.errors import PeerFault
from node.dicom_settings import DicomSettings
from node.jobs import JobState
from node.reasons import ReasonCode
from node.service.delivery import DeliveryClient
from node.service.group_commit import GroupCommit
from node.service.listener import open_acceptor
from node.service.storage_service import StorageService
from node.settings import Settings
from node.states import StudyState
from node.storage.archive import Archive
from node.storage.destination_history import DestinationHistory
from node.storage.ledger.ledger import Ledger
from node.storage.records import JobRecord
from ports import free_port

PORT = free_port()
HERE = DicomSettings(port=PORT, callers=("MRI1",))


@contextmanager
def listening(client: DeliveryClient) -> Iterator[None]:
    """The listener of the node that delivers."""
    root = client.archive.root
    settings = Settings(storage={"root": root}, dicom=client.here, destinations=(client.destination,))
    archive = Archive(root)
    service = StorageService(settings, archive, client.ledger, GroupCommit(archive, client.ledger))
    acceptor = open_acceptor(settings.dicom, service)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    yield
    acceptor.stop(1.0)
    thread.join(60)


def job_of(client: DeliveryClient) -> JobRecord:
    return client.ledger.reading.study(STUDY).jobs[-1]


def make_due(client: DeliveryClient) -> None:
    """Let the time pass after which a delivery is taken up again."""
    with client.ledger.engine.begin() as db:
        db.exec_driver_sql("UPDATE job SET not_before = 0 WHERE kind = 'deliver'")


def wait_for_report(client: DeliveryClient, pacs: CommittingPacs) -> JobRecord:
    assert pacs.reported.wait(60)
    deadline = time.monotonic() + 60
    while job_of(client).state is JobState.COMMITTING and time.monotonic() < deadline:
        time.sleep(0.05)
    return job_of(client)


def test_the_sample_settings_deliver_although_the_pacs_is_no_caller(ledger: Ledger, tmp_path: Path) -> None:
    with running(CommittingPacs(reports_to=PORT)) as pacs:
        client = delivery_client(ledger, tmp_path, pacs.destination, HERE)
        with listening(client):
            assert client.deliver_next()
            job = wait_for_report(client, pacs)
    assert job.state is JobState.DONE
    assert [each.committed_at is not None for each in job.receipts] == [True]
    assert client.ledger.reading.study(STUDY).study.state is StudyState.DELIVERED


def test_a_report_that_we_turn_away_is_said_at_once_and_again_and_nothing_is_sent_twice(
    ledger: Ledger, tmp_path: Path
) -> None:
    with running(replace(CommittingPacs(reports_to=PORT), calls_itself="ORTHANC")) as pacs:
        client = delivery_client(ledger, tmp_path, pacs.destination, HERE)
        began = time.time()
        with listening(client):
            assert client.deliver_next()
            assert pacs.reported.wait(60)
            client.explain_waiting(began)
            first = job_of(client)
            make_due(client)
            pacs.reported.clear()
            assert client.deliver_next()
            assert pacs.reported.wait(60)
    assert pacs.outcomes == ["rejected", "rejected"]
    for job in (first, job_of(client)):
        assert (job.state, job.reason_code) == (JobState.COMMITTING, ReasonCode.REPORT_REJECTED)
        assert 'set ae_title = "ORTHANC" in [[destinations]] "pacs"' in job.reason
    assert (len(pacs.stored), pacs.asked) == (1, 2)


def test_a_report_that_never_comes_is_asked_for_again_with_what_the_pacs_needs(ledger: Ledger, tmp_path: Path) -> None:
    with running(CommittingPacs()) as pacs:
        client = delivery_client(ledger, tmp_path, pacs.destination, HERE)
        assert client.deliver_next()
        assert job_of(client).reason_code is ReasonCode.COMMITMENT_AWAITED
        make_due(client)
        assert client.deliver_next()
    job = job_of(client)
    assert (job.state, job.reason_code) == (JobState.COMMITTING, ReasonCode.COMMITMENT_MISSING)
    assert f"MOMENODE at this machine's address, port {PORT}" in job.reason
    assert (len(pacs.stored), pacs.asked) == (1, 2)
    assert list(DestinationHistory(ledger.engine).owed_since()) == ["pacs"]


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"offers_commitment": False}, PeerFault.CLASS_REFUSED, "commitment = false"),
        ({"action_status": 0x0110}, PeerFault.REQUEST_FAILED, "status 0110"),
    ],
)
def test_commitment_that_is_refused_keeps_the_objects_where_they_are(
    ledger: Ledger, tmp_path: Path, wrong: dict[str, object], code: PeerFault, words: str
) -> None:
    with running(replace(CommittingPacs(), **wrong)) as pacs:
        client = delivery_client(ledger, tmp_path, pacs.destination, HERE)
        for _ in range(3):
            assert client.deliver_next()
            make_due(client)
    job = job_of(client)
    assert (job.state, job.reason_code, words in job.reason) == (JobState.COMMITTING, code, True)
    assert len(pacs.stored) == 1
    (trouble,) = DestinationHistory(ledger.engine).troubles()
    assert (trouble.destination, trouble.jobs, trouble.reason) == ("pacs", 1, job.reason)


def test_what_the_pacs_does_not_have_after_all_is_sent_again(ledger: Ledger, tmp_path: Path) -> None:
    with running(CommittingPacs(reports_to=PORT, keeps=False)) as pacs:
        client = delivery_client(ledger, tmp_path, pacs.destination, HERE)
        with listening(client):
            assert client.deliver_next()
            job = wait_for_report(client, pacs)
            assert (job.state, job.reason_code) == (JobState.WAITING, ReasonCode.COMMITMENT_MISSING)
            pacs.keeps = True
            pacs.reported.clear()
            make_due(client)
            assert client.deliver_next()
            assert wait_for_report(client, pacs).state is JobState.DONE
    assert len(pacs.stored) == 2


def test_an_operator_may_have_it_sent_again_while_a_report_is_awaited(ledger: Ledger, tmp_path: Path) -> None:
    with running(CommittingPacs()) as pacs:
        client = delivery_client(ledger, tmp_path, pacs.destination, HERE)
        assert client.deliver_next()
        client.ledger.operator.redeliver(STUDY, ["pacs"], 0)
        assert client.deliver_next()
    assert (len(pacs.stored), pacs.asked) == (2, 2)
