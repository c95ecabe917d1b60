"""Results by STOW-RS: to a real Orthanc, to one that is down for a while, and to services that answer badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydicom import dcmread

import orthanc
import phantom
from dicom_io.errors import PeerUnreachable
from dicom_io.network.dimse import NOT_SUPPORTED
from dicom_io.network.stow import store_over_web
from node.jobs import JobKind
from node.settings_sections import Destination
from running_node import dcmsend, dcmtk_available, running

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not (orthanc.available() and orthanc.DICOMWEB_PLUGIN.exists() and dcmtk_available()),
        reason="needs Orthanc with DICOMweb and DCMTK (apt-get install orthanc orthanc-dicomweb dcmtk)",
    ),
]


def test_every_object_is_in_orthanc_once_however_often_it_was_down(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path / "scanner", seed=12)
    study = str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
    with orthanc.running() as server:
        web = Destination(name="web", ae_title="ORTHANC", host="127.0.0.1", port=1, web=f"{server.url}/dicom-web/")
        down = Destination(name="down", ae_title="X", host="127.0.0.1", port=1, web="http://127.0.0.1:1/dicom-web")
        with running(tmp_path / "node", [web, down]) as node:
            assert dcmsend(tmp_path / "scanner", node.port)
            node.wait_for_log("no answer of STOW-RS", 120)
            jobs = {}
            while jobs.get("web") != "done":
                jobs = {
                    job.destination: job.state
                    for job in node.ledger.reading.study(study).jobs
                    if job.kind is JobKind.DELIVER
                }
            kept = {each.sop_instance_uid for each in node.ledger.reading.study(study).objects}
        found = server.find("Instance", {"StudyInstanceUID": study})
    assert jobs["down"] == "waiting"
    assert {each["MainDicomTags"]["SOPInstanceUID"] for each in found} == kept
    assert len(found) == len(kept) > 3


def answer_of(code: int, body: str) -> type[BaseHTTPRequestHandler]:
    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Authorization"] == "Bearer s3cret"
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *words: object) -> None:
            return

    return Service


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return phantom.study(tmp_path / "one", seed=12)[0]


def asked(code: int, body: str, file: Path) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), answer_of(code, body)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield from (each.status for each in store_over_web("web", url, [file], token="s3cret"))  # noqa: S106
        finally:
            server.shutdown()  # or its thread would go round at full speed until the last test


FAILURE = '{"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [%d]}}]}}'
SUCCESS = '{"00081199": {"vr": "SQ", "Value": [{}]}}'
COERCED = '{"00081199": {"vr": "SQ", "Value": [{"00081196": {"vr": "US", "Value": [45056]}}]}}'


@pytest.mark.parametrize(
    ("code", "body", "status"),
    [
        (200, SUCCESS, 0),
        (202, COERCED, 0xB000),
        (409, FAILURE % 0x0122, NOT_SUPPORTED),
        (409, FAILURE % 0xA700, 0xA700),
        (202, '{"00081198": {"vr": "SQ", "Value": [{}]}}', 0x0110),
        (200, "{}", 0x0110),
    ],
)
def test_an_answer_is_read_as_a_status_of_c_store(code: int, body: str, status: int, file: Path) -> None:
    assert list(asked(code, body, file)) == [status]


@pytest.mark.parametrize(("code", "body"), [(401, ""), (503, ""), (200, "<html>a login page</html>")])
def test_what_is_no_answer_of_stow_is_tried_again(code: int, body: str, file: Path) -> None:
    with pytest.raises(PeerUnreachable, match="web: "):
        list(asked(code, body, file))
