"""REST to a FHIR server: tokens that end, refusals in our words, and nothing told that was not carried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certificates import Authority
from fhir_server import CLIENT, SECRET, FhirStore
from node.integration_settings import FhirServer
from node.integrations.errors import ReceiverRefused, ReceiverUnreachable
from node.integrations.fhir import result_bundle
from node.integrations.fhir_client import FhirClient
from ports import free_port
from told_results import PATIENT, told_result


def client(store: FhirStore, **more: object) -> FhirClient:
    return FhirClient(FhirServer(name="ehr", url=store.url, release=store.release, **more))  # type: ignore[arg-type]


def send(speaker: FhirClient) -> str:
    return speaker.transact(result_bundle(speaker.server, "MOMENODE", told_result()))


def login(folder: Path, store: FhirStore, secret: str = SECRET) -> dict[str, str]:
    file = folder / "secret"
    file.write_text(secret)
    file.chmod(0o600)
    return {"token_url": f"{store.url}/token", "client_id": CLIENT, "client_secret_file": str(file)}


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_result_is_there_once_however_often_it_is_sent(release: str) -> None:
    with FhirStore(release).running() as store:
        speaker = client(store)
        assert send(speaker) == send(speaker) == "HTTP 200, 2 resources"
    assert len(store.of("DiagnosticReport")) == len(store.of("Observation")) == 1
    assert set(store.versions.values()) == {2}


def test_a_token_is_fetched_once_and_renewed_when_it_has_ended(tmp_path: Path) -> None:
    with FhirStore(token_seconds=3600.0).running() as store:
        speaker = client(store, **login(tmp_path, store))
        send(speaker)
        send(speaker)
        assert store.asked.count("/token") == 1
        store.tokens.clear()  # it ended before the time that was promised
        send(speaker)
        assert store.asked.count("/token") == 2
        speaker.token_until = 0.0
        send(speaker)
        assert store.asked.count("/token") == 3
    assert store.transactions == 4
    assert SECRET not in "".join(store.asked)


def test_a_wrong_secret_is_tried_again_and_said_to_be_refused_by_the_token_endpoint(tmp_path: Path) -> None:
    with FhirStore(token_seconds=60.0).running() as store:
        speaker = client(store, **login(tmp_path, store, "wrong"))
        with pytest.raises(ReceiverUnreachable, match="ehr: its token endpoint answered HTTP 401"):
            send(speaker)


def test_a_server_that_wants_a_login_that_we_do_not_have_refuses(tmp_path: Path) -> None:
    with (
        FhirStore(token_seconds=60.0).running() as store,
        pytest.raises(ReceiverRefused, match=r"ehr: answered HTTP 401 \(login\)"),
    ):
        send(client(store))


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with (
        FhirStore(failure=status, issue="transient").running() as store,
        pytest.raises(ReceiverUnreachable, match=rf"ehr: answered HTTP {status} \(transient\)"),
    ):
        send(client(store))


@pytest.mark.parametrize("status", [400, 404, 412, 422])
def test_what_the_server_finds_wrong_is_a_refusal_without_its_words(status: int) -> None:
    with (
        FhirStore(failure=status, issue="business-rule").running() as store,
        pytest.raises(ReceiverRefused, match=rf"ehr: answered HTTP {status} \(business-rule\)$") as refusal,
    ):
        send(client(store))
    assert refusal.value.lasting
    assert "Anna" not in str(refusal.value)


def test_a_patient_whom_the_server_does_not_know_is_a_refusal_and_changes_nothing() -> None:
    with FhirStore(patients=(f"urn:x|{PATIENT['PatientID']}",)).running() as store:
        assert send(client(store, find_patient=True, patient_system="urn:x"))
        with pytest.raises(ReceiverRefused, match=r"HTTP 412 \(not-found\)"):
            send(client(store, find_patient=True, patient_system="urn:other"))
    assert store.transactions == 1


def test_an_answer_that_is_lost_is_no_double() -> None:
    with (
        FhirStore(die_after_commit=True).running() as store,
        pytest.raises(ReceiverUnreachable, match=r"ehr: no answer of HTTP \(RemoteProtocolError\)"),
    ):
        send(client(store))
        store.die_after_commit = False
        send(client(store))
    assert len(store.resources) == 2


def test_a_server_that_is_away_is_named() -> None:
    speaker = FhirClient(FhirServer(name="ehr", url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(ReceiverUnreachable, match="ehr: no answer of HTTP"):
        send(speaker)


def test_the_probe_asks_for_the_capabilities_and_compares_the_release() -> None:
    with FhirStore("R5").running() as store:
        assert client(store).probe() == "answers as FHIR R5"
        wrong = FhirClient(FhirServer(name="ehr", url=store.url, release="R4"))
        with pytest.raises(ReceiverUnreachable, match=r"speaks FHIR 5\.0\.0, the settings say R4"):
            wrong.probe()


@pytest.mark.parametrize("url", ["http://ehr.hospital.example/fhir", "https://user:pw@ehr/fhir", "ftp://ehr"])
def test_an_address_that_would_show_patients_or_a_password_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        FhirServer(name="ehr", url=url)


def test_half_a_login_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        FhirServer(name="ehr", url="https://ehr", client_id="x")


def test_no_token_and_no_patient_is_in_an_address(tmp_path: Path) -> None:
    with FhirStore(token_seconds=60.0).running() as store:
        send(client(store, **login(tmp_path, store)))
        assert store.asked == ["/token", "/"]
        assert not any(token in each for token in store.tokens for each in store.asked)


def test_the_certificate_of_the_server_is_judged(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    speaker = FhirClient(FhirServer(name="ehr", url="https://127.0.0.1:1", authorities=authority.file))
    with pytest.raises(ReceiverUnreachable):
        speaker.probe()
    broken = FhirClient(FhirServer(name="ehr", url="https://127.0.0.1:1", authorities=str(tmp_path / "gone.pem")))
    with pytest.raises(ReceiverUnreachable, match=r"gone\.pem"):
        broken.probe()


def test_an_answer_that_is_no_transaction_response_is_a_refusal() -> None:
    with FhirStore().running() as store:
        store.transact = lambda _bundle: json.loads('{"resourceType": "Bundle", "entry": []}')  # type: ignore[method-assign]
        with pytest.raises(ReceiverRefused, match="did not carry out the transaction"):
            send(client(store))
