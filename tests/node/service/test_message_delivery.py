"""Messages go by the jobs of deliveries: told once, repeated when nobody answers, given up when they are refused."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from fhir_server import FhirStore
from hl7_receiver import Hl7Engine, refuses
from kept_studies import STUDY
from node.jobs import JobState
from node.reasons import ReasonCode
from node.service.message_delivery import MessageClient, message_clients
from node.settings import Settings
from node.states import StudyState
from ports import free_port
from told_results import PATIENT, AnsweredSite


def hl7_client(site: AnsweredSite, port: int) -> MessageClient:
    receiver = {"name": "ris", "host": "127.0.0.1", "port": port, "answer_seconds": 5}
    settings = Settings(storage={"root": site.archive.root}, hl7=(receiver,))
    (client,) = message_clients(settings, site.ledger, site.archive)
    return client


def test_a_result_is_told_once_with_the_identifiers_of_its_report(tmp_path: Path) -> None:
    site, engine = AnsweredSite(tmp_path, "ris"), Hl7Engine()
    with engine.running():
        client = hl7_client(site, engine.port)
        assert client.deliver_next()
        assert not client.deliver_next()
    (message,) = engine.messages
    values = [each.extract_field(1, 5, 1, 1) for each in message.segments("OBX")]
    assert values[:2] == [STUDY, site.report_uid]
    assert message["PID"][0].extract_field(1, 3, 1, 1) == PATIENT["PatientID"]
    assert message["OBR"][0].extract_field(1, 2, 1, 1) == PATIENT["PlacerOrderNumberImagingServiceRequest"]
    detail, job = site.ledger.reading.study(STUDY), site.job("ris")
    assert (job.state, detail.study.state) == (JobState.DONE, StudyState.DELIVERED)
    assert [(each.sop_instance_uid, each.kept) for each in job.receipts] == [(site.report_uid, True)]
    assert job.receipts[0].comment == f"AA {message.segment('MSH')(10)}"


def test_a_receiver_that_is_away_is_tried_until_it_is_back_with_the_same_message(tmp_path: Path) -> None:
    site, engine, port = AnsweredSite(tmp_path, "ris"), Hl7Engine(lambda _: None), free_port()
    client = hl7_client(site, port)
    for _ in range(8):
        assert client.deliver_next()
        assert (site.job("ris").state, site.job("ris").reason_code) == (JobState.WAITING, ReasonCode.PEER_UNREACHABLE)
    with engine.running(port):
        client.deliver_next()  # taken, and the connection broke before the answer
    again = Hl7Engine()
    with again.running(port):
        client.deliver_next()
    assert site.job("ris").state is JobState.DONE
    ids = [str(each.segment("MSH")(10)) for each in (*engine.messages, *again.messages)]
    assert len(ids) == 2
    assert len(set(ids)) == 1, "the receiver can know the repetition by its control ID"


def test_a_lasting_refusal_ends_in_a_failed_job_that_says_why_and_names_nobody(tmp_path: Path) -> None:
    site, engine = AnsweredSite(tmp_path, "ris"), Hl7Engine(refuses("AR", "201"))
    with engine.running():
        client = hl7_client(site, engine.port)
        for _ in range(5):
            assert client.deliver_next()
        assert not client.deliver_next()
    job, study = site.job("ris"), site.ledger.reading.study(STUDY).study
    assert (job.state, study.state) == (JobState.DEAD, StudyState.FAILED)
    assert (job.reason_code, job.reason) == (
        ReasonCode.PEER_REFUSED,
        "ris: answered AR (reject), 201: event code is not supported",
    )
    engine.answer = Hl7Engine().answer
    site.ledger.operator.redeliver(STUDY, ["ris"], time.time())
    with engine.running(engine.port):
        assert client.deliver_next()
    assert site.job("ris").state is JobState.DONE


def test_an_internal_error_of_the_receiver_is_tried_for_ever(tmp_path: Path) -> None:
    site, engine = AnsweredSite(tmp_path, "ris"), Hl7Engine(refuses("AE", "207"))
    with engine.running():
        client = hl7_client(site, engine.port)
        for _ in range(8):
            assert client.deliver_next()
    assert site.job("ris").state is JobState.WAITING


def test_a_study_without_a_patient_id_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATIENT, "PatientID", "")
    site = AnsweredSite(tmp_path, "ris")
    assert hl7_client(site, free_port()).deliver_next()
    assert (site.job("ris").state, site.job("ris").reason_code) == (JobState.DEAD, ReasonCode.MESSAGE_IMPOSSIBLE)


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_result_is_told_to_a_fhir_server_with_the_identifiers_of_its_report(tmp_path: Path, release: str) -> None:
    site = AnsweredSite(tmp_path, "ehr")
    with FhirStore(release).running() as store:
        client = fhir_client(site, store)
        store.die_after_commit = True
        assert client.deliver_next()
        assert (site.job("ehr").state, site.job("ehr").reason_code) == (JobState.WAITING, ReasonCode.PEER_UNREACHABLE)
        store.die_after_commit = False
        assert client.deliver_next()
    (report,) = store.of("DiagnosticReport")
    assert f"urn:oid:{site.report_uid}" in [each["value"] for each in report["identifier"]]
    assert report["subject"]["identifier"]["value"] == PATIENT["PatientID"]
    assert len(store.of("Observation")) == 1, "sent twice, there once"
    assert site.ledger.reading.study(STUDY).study.state is StudyState.DELIVERED


def fhir_client(site: AnsweredSite, store: FhirStore) -> MessageClient:
    server = {"name": "ehr", "url": store.url, "release": store.release}
    settings = Settings(storage={"root": site.archive.root}, fhir=(server,))
    (client,) = message_clients(settings, site.ledger, site.archive)
    return client


def test_what_a_fhir_server_finds_wrong_ends_in_a_failed_job(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "ehr")
    with FhirStore(failure=422, issue="business-rule").running() as store:
        client = fhir_client(site, store)
        for _ in range(5):
            assert client.deliver_next()
    assert (site.job("ehr").state, site.job("ehr").reason) == (
        JobState.DEAD,
        "ehr: answered HTTP 422 (business-rule)",
    )


def test_a_missing_library_keeps_the_results_until_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = AnsweredSite(tmp_path, "ehr")
    with FhirStore().running() as store:
        client = fhir_client(site, store)
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, "fhir.resources.R4B.bundle", None)
            assert client.deliver_next()
        assert "pip install 'mome-node[fhir]'" in site.job("ehr").reason
        assert client.deliver_next()
    assert site.job("ehr").state is JobState.DONE


def test_a_new_revision_drops_the_message_of_the_old_one(tmp_path: Path) -> None:
    site, engine = AnsweredSite(tmp_path, "ris"), Hl7Engine()
    with engine.running():
        client = hl7_client(site, engine.port)
        engine.answer = lambda message: (site.ledger.operator.requeue(STUDY, time.time()), str(message.create_ack()))[1]
        assert client.deliver_next()
    assert site.job("ris").state is JobState.CANCELLED
