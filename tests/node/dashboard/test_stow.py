"""STOW-RS by dicomweb-client: success only for what is kept, each instance for itself, and rights by API key."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from fastapi.testclient import TestClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from live_node import instance
from node.audit import AuditEvent
from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.settings import Settings
from node.storage.accounts import AccountRole
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger
from web_store import dicomweb, key_of, multipart, part10, web_port

STUDY = "1.2.3"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        storage={"root": tmp_path / "root", "reserve_mib": 1}, dicom={"max_object_mib": 1}, web_store={"enabled": True}
    )


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    with web_port(settings) as served:
        yield served


def as_a_file(image: Dataset) -> Dataset:
    """The image as it is read from a file: with the preamble that dicomweb-client sends along."""
    return dcmread(BytesIO(part10(image)))


def kept(settings: Settings) -> dict[str, str]:
    """Path by SOP Instance UID; every file has the digest of its row."""
    found = {}
    for uid, sha256, path in Ledger(settings.database_url).reading.instances():
        assert hashlib.sha256((settings.storage.root / path).read_bytes()).hexdigest() == sha256
        found[uid] = path
    return found


def reasons(response: Dataset) -> dict[str, int]:
    items = response.get("FailedSOPSequence", [])
    return {str(each.ReferencedSOPInstanceUID): int(each.FailureReason) for each in items}


def post(url: str, key: str, parts: list[bytes], study: str = "") -> requests.Response:
    body, headers = multipart(parts)
    headers["Authorization"] = f"Bearer {key}"
    return requests.post(f"{url}/studies{study}", data=body, headers=headers, timeout=60)


def test_what_is_answered_with_success_is_on_disk_and_in_the_ledger(settings: Settings, url: str) -> None:
    images = [as_a_file(instance(STUDY)) for _ in range(20)]
    response = dicomweb(url, key_of(settings)).store_instances(images)
    acknowledged = {str(each.ReferencedSOPInstanceUID) for each in response.ReferencedSOPSequence}
    assert acknowledged == {str(each.SOPInstanceUID) for each in images} == set(kept(settings))
    ledger = Ledger(settings.database_url)
    (received,) = [entry for entry, _ in ledger.audit.entries() if entry.event is AuditEvent.RECEIVED]
    assert (received.fields.count, received.fields.calling_ae_title) == (20, "gateway")
    assert received.fields.address == "127.0.0.1"


def test_the_same_instances_again_are_success_and_other_content_is_a_conflict(settings: Settings, url: str) -> None:
    client, image = dicomweb(url, key_of(settings)), as_a_file(instance(STUDY))
    client.store_instances([image])
    assert not reasons(client.store_instances([image]))
    image.SeriesNumber = 7
    answer = post(url, key_of(settings), [part10(image)])
    assert (answer.status_code, len(kept(settings))) == (409, 1)
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0111]


def test_each_instance_fails_for_itself_with_its_reason(settings: Settings, url: str) -> None:
    good, large, lossy, torn = (instance(STUDY) for _ in range(4))
    large.PixelData = bytes(2 * 2**20)
    lossy.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    files = [
        part10(good),
        part10(large),
        lossy_file(lossy),
        part10(torn)[:-100],
        b"no DICOM at all",
        part10(instance(STUDY)),
    ]
    answer = post(url, key_of(settings), files)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/dicom+json"
    failed = Dataset.from_json(answer.text)
    assert reasons(failed) == {
        str(large.SOPInstanceUID): 0xA700,
        str(lossy.SOPInstanceUID): 0xC122,
        str(torn.SOPInstanceUID): 0xC000,
    }
    assert [int(each.FailureReason) for each in failed.OtherFailuresSequence] == [0xC000]
    assert len(failed.ReferencedSOPSequence) == len(kept(settings)) == 2
    assert list((settings.storage.root / "temporary").iterdir()) == []


def lossy_file(image: Dataset) -> bytes:
    image.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    return part10(image)


def test_a_store_into_a_study_refuses_the_instances_of_another(settings: Settings, url: str) -> None:
    ours, others = instance(STUDY), instance("1.2.4")
    answer = post(url, key_of(settings), [part10(ours), part10(others)], f"/{STUDY}")
    assert (answer.status_code, set(kept(settings))) == (202, {str(ours.SOPInstanceUID)})
    assert reasons(Dataset.from_json(answer.text)) == {str(others.SOPInstanceUID): 0xC000}


def test_a_full_disk_is_said_to_be_busy_and_nothing_is_acknowledged(settings: Settings) -> None:
    storage = settings.storage.model_copy(update={"reserve_mib": 2**40})
    full = settings.model_copy(update={"storage": storage})
    with web_port(full) as url:
        answer = post(url, key_of(settings), [part10(instance(STUDY))])
    assert (answer.status_code, kept(settings)) == (503, {})


def test_who_has_a_key_need_not_be_one_of_the_callers_and_a_drained_node_takes_nothing(settings: Settings) -> None:
    strict = settings.model_copy(update={"dicom": settings.dicom.model_copy(update={"callers": ("MRI1",)})})
    with web_port(strict) as url:
        ledger, key = Ledger(settings.database_url), key_of(settings)
        assert post(url, key, [part10(instance(STUDY))]).status_code == 200
        ledger.holds.hold(Hold(HoldKind.DRAIN, strict.node_name, 1.0, "ada", ""))
        time.sleep(1.0)  # it looks at the holds once a second
        assert post(url, key, [part10(instance(STUDY))]).status_code == 503
    assert len(kept(settings)) == 1


@pytest.mark.parametrize("role", [AccountRole.VIEWER, AccountRole.OPERATOR, AccountRole.ADMIN])
def test_only_a_key_of_the_role_sender_may_send(settings: Settings, url: str, role: AccountRole) -> None:
    assert post(url, key_of(settings, role, "somebody"), [part10(instance(STUDY))]).status_code == 403
    assert post(url, "wrong", [part10(instance(STUDY))]).status_code == 401
    assert kept(settings) == {}


def test_a_sender_sees_nothing(settings: Settings, url: str) -> None:
    key = {"Authorization": f"Bearer {key_of(settings)}"}
    for place in ("/api/studies", "/metrics", "/api/queues", "/"):
        answer = requests.get(url.removesuffix("/dicom-web") + place, headers=key, timeout=30, allow_redirects=False)
        assert answer.status_code in {303, 401, 403}, place


@pytest.mark.parametrize("kind", ["application/dicom", "multipart/form-data; boundary=x", ""])
def test_another_kind_of_body_is_refused(settings: Settings, url: str, kind: str) -> None:
    headers = {"Authorization": f"Bearer {key_of(settings)}", "Content-Type": kind}
    assert requests.post(f"{url}/studies", data=b"x", headers=headers, timeout=30).status_code == 415


def test_a_body_that_ends_early_keeps_what_was_whole_and_acknowledges_nothing(settings: Settings, url: str) -> None:
    whole, torn = instance(STUDY), instance(STUDY)
    body, headers = multipart([part10(whole), part10(torn)])
    headers["Authorization"] = f"Bearer {key_of(settings)}"
    answer = requests.post(f"{url}/studies", data=body[:-500], headers=headers, timeout=30)
    assert answer.status_code == 400
    assert set(kept(settings)) == {str(whole.SOPInstanceUID)}
    assert list((settings.storage.root / "temporary").iterdir()) == []


def test_more_uploads_than_the_site_allows_are_asked_to_come_back(settings: Settings) -> None:
    one = settings.model_copy(update={"web_store": settings.web_store.model_copy(update={"uploads": 1})})
    with web_port(one) as url:
        key, address = key_of(settings), urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as slow:
            head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            kind = 'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n'
            slow.sendall((head + kind + "Expect: 100-continue\r\nContent-Length: 99\r\n\r\n").encode())
            assert slow.recv(100).startswith(b"HTTP/1.1 100"), "it has its place when it is asked for its body"
            assert post(url, key, [part10(instance(STUDY))]).status_code == 503
        while post(url, key, [part10(instance(STUDY))]).status_code == 503:
            continue  # its end is not noticed yet


def test_without_the_setting_nothing_is_taken(settings: Settings) -> None:
    browser = TestClient(build_app(Site.open(settings)), base_url="http://127.0.0.1")
    assert browser.post("/dicom-web/studies", content=b"x").status_code == 404
