"""A DICOMweb service as HTTP answers it: every way in which it may not be one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from alert_receivers import listening
from certificates import Authority
from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.stow import FAILED, REASON, REFERENCED, WebService, probe_web, store_over_web
from dicom_io.network.tls import acceptor_context
from ports import free_port

TOKEN = "s3cret"  # noqa: S105 - of no service but this one
FAILED_WITHOUT_REASON = {FAILED: {"vr": "SQ", "Value": [{}]}}
COERCED = {REFERENCED: {"vr": "SQ", "Value": [{"00081196": {"vr": "US", "Value": [0xB000]}}]}}
STORED = {REFERENCED: {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}]}}
REFUSED = {FAILED: {"vr": "SQ", "Value": [{REASON: {"vr": "US", "Value": [0xA700]}}]}}


@contextmanager
def service(status: int, answer: object, authority: Authority | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """Answers every POST with this status and JSON; yields its URL and the bodies that it got."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Authorization"] in (None, f"Bearer {TOKEN}")
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if authority is not None:
        signed = authority.signs("web")
        server.socket = acceptor_context(signed.certificate, signed.key, "").wrap_socket(server.socket, True)
    with listening(server):
        yield f"http{'s' if authority else ''}://127.0.0.1:{server.server_port}/dicom-web", bodies


@pytest.fixture
def path(tmp_path: Path) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, "1.2.3"
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    return tmp_path / "image.dcm"


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (200, STORED, 0),
        (202, COERCED, 0xB000),
        (409, REFUSED, 0xA700),
        (202, FAILED_WITHOUT_REASON, 0x0110),
        (200, {}, 0x0110),
        (200, None, 0x0110),
        (200, [STORED], 0x0110),
        (200, {REFERENCED: {"vr": "SQ", "Value": [None]}}, 0x0110),
        (200, {FAILED: [], REFERENCED: 3}, 0x0110),
        (409, {FAILED: {"vr": "SQ", "Value": [{REASON: {"vr": "US", "Value": ["x"]}}]}}, 0x0110),
        (409, {FAILED: {"vr": "SQ", "Value": [{REASON: {"vr": "US", "Value": [2**70]}}]}}, 0x0110),
    ],
)
def test_an_answer_becomes_a_status(path: Path, status: int, answer: object, expected: int) -> None:
    with service(status, answer) as (url, bodies):
        (response,) = store_over_web(WebService("pacs", url, TOKEN), [path])
    assert response.status == expected
    assert path.read_bytes() in bodies[0]


@pytest.mark.parametrize("status", [200, 202, 204, 400, 409, 415])
def test_a_service_that_has_nothing_to_store_is_there(status: int) -> None:
    with service(status, {}) as (url, bodies):
        assert probe_web(WebService("pacs", url)) > 0
    assert b"DICM" not in bodies[0]


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, PeerFault.WEB_UNAUTHORIZED),
        (403, PeerFault.WEB_UNAUTHORIZED),
        (404, PeerFault.WEB_NOT_FOUND),
        (405, PeerFault.WEB_NOT_FOUND),
        (500, PeerFault.WEB_FAILED),
        (503, PeerFault.WEB_FAILED),
    ],
)
def test_a_status_that_means_no_is_a_fault_for_probe_and_delivery(path: Path, status: int, fault: PeerFault) -> None:
    with service(status, {}) as (url, _):
        for attempt in (
            lambda: probe_web(WebService("pacs", url)),
            lambda: list(store_over_web(WebService("pacs", url), [path])),
        ):
            with pytest.raises(PeerUnreachable, match=f"{status}") as raised:
                attempt()
            assert raised.value.fault is fault


@pytest.mark.parametrize("page", [b"<html>Hello</html>", b"[" * 50_000], ids=["a web page", "nested without end"])
def test_what_is_no_json_is_no_stow(path: Path, page: bytes) -> None:
    with service(200, page) as (url, _), pytest.raises(PeerUnreachable) as raised:
        list(store_over_web(WebService("pacs", url), [path]))
    assert raised.value.fault is PeerFault.WEB_NOT_FOUND


def test_who_is_not_there_not_known_or_not_trusted_is_told_apart(tmp_path: Path) -> None:
    hospital = Authority(tmp_path)
    with service(200, {}, hospital) as (url, _):
        probe_web(WebService("pacs", url, authorities=hospital.file))
        strange = WebService("pacs", url, authorities=Authority(tmp_path, "elsewhere").file)
        for web, fault in (
            (WebService("pacs", f"http://127.0.0.1:{free_port()}/"), PeerFault.PORT_CLOSED),
            (WebService("pacs", "http://pacs.invalid/"), PeerFault.HOST_UNKNOWN),
            (strange, PeerFault.TLS_UNTRUSTED),
            (WebService("pacs", url, authorities=str(tmp_path / "absent.pem")), PeerFault.TLS_FILES),
        ):
            with pytest.raises(PeerUnreachable, match=r"^pacs: ") as raised:
                probe_web(web, seconds=60.0)
            assert raised.value.fault is fault
