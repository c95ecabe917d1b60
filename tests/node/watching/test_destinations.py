"""One destination examined: by the service that takes results, for what it takes, and for what waits."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import Comprehensive3DSRStorage, Verification

from alert_receivers import listening
from committing_pacs import CommittingPacs, running
from dicom_io.errors import PeerFault, PeerUnreachable
from ledger_studies import analyzed_study, claim_job
from memory_scp import MemoryScp, accepting
from node.jobs import JobKind
from node.reasons import Reason
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.ledger.ledger import Ledger
from node.watching.destinations import DestinationCheck, check_destination, reach
from node.watching.findings import FindingLevel
from ports import free_port


def settings_for(root: Path, destination: Destination, **dicom: object) -> Settings:
    return Settings(storage={"root": root}, dicom={"port": free_port(), **dicom}, destinations=(destination,))


def closed() -> Destination:
    return Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=free_port())


def test_a_closed_port_ends_the_examination(tmp_path: Path) -> None:
    pacs = closed()
    (found,) = check_destination(settings_for(tmp_path, pacs), pacs)
    assert (found.id, found.name, found.level) == (DestinationCheck.PORT, "pacs: port", FindingLevel.FAILED)
    assert f"port = {pacs.port}" in found.hint


def test_each_kind_of_result_has_its_line_and_a_class_that_is_refused_its_remedy(tmp_path: Path) -> None:
    with accepting(MemoryScp(), [build_context(Verification), build_context(Comprehensive3DSRStorage)]) as peer:
        pacs = closed().model_copy(update={"port": peer.port, "kinds": ("report", "saliency-map")})
        echoed, report, refused = check_destination(settings_for(tmp_path, pacs), pacs)
    assert (echoed.id, echoed.level) == (DestinationCheck.ECHO, FindingLevel.OK)
    assert (report.name, report.level) == ("pacs: report", FindingLevel.OK)
    assert (refused.name, refused.level) == ("pacs: saliency-map", FindingLevel.ADVICE)
    assert "allow Parametric Map Storage" in refused.hint


def test_a_pacs_that_does_not_know_us_is_told_apart_from_one_that_we_call_by_a_wrong_name(tmp_path: Path) -> None:
    with accepting(MemoryScp(), [build_context(Verification)]) as peer:
        pacs = closed().model_copy(update={"port": peer.port})
        (found,) = check_destination(settings_for(tmp_path, pacs, ae_title="BADGUY"), pacs)
    assert (found.id, "reason 3" in found.message) == (DestinationCheck.ECHO, True)
    assert "add AE title BADGUY" in found.hint


def test_commitment_is_examined_with_a_real_report(tmp_path: Path) -> None:
    with running(CommittingPacs(reports_to=free_port())) as pacs:
        to = pacs.destination.model_copy(update={"kinds": ("report",)})
        found = list(check_destination(settings_for(tmp_path, to, port=pacs.reports_to), to))
    assert [each.name for each in found] == ["pacs: echo", "pacs: report", "pacs: return"]
    assert found[-1].level is FindingLevel.OK


@pytest.mark.parametrize(("status", "fault"), [(400, None), (404, PeerFault.WEB_NOT_FOUND)])
def test_a_destination_over_the_web_is_probed_by_stow_and_not_by_echo(status: int, fault: PeerFault | None) -> None:
    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    with listening(server):
        to = closed().model_copy(update={"web": f"http://127.0.0.1:{server.server_port}/dicom-web"})
        if fault is None:
            assert reach("MOMENODE", to) > 0
        else:
            with pytest.raises(PeerUnreachable) as raised:
                reach("MOMENODE", to)
            assert raised.value.fault is fault


def test_a_token_that_cannot_be_read_is_the_reason_why_a_destination_is_not_reached(tmp_path: Path) -> None:
    to = closed().model_copy(update={"web": "http://127.0.0.1:1", "web_token_file": str(tmp_path / "token")})
    (found,) = check_destination(settings_for(tmp_path, to), to)
    assert (found.id, found.level) == (DestinationCheck.ECHO, FindingLevel.FAILED)
    assert f"{tmp_path}/token: the secret cannot be read" in found.message
    assert "check web_token_file" in found.hint


def test_results_that_wait_are_named_with_the_reason_of_the_oldest(tmp_path: Path) -> None:
    with accepting(MemoryScp(), [build_context(Verification)]) as peer:
        pacs = closed().model_copy(update={"port": peer.port, "kinds": ("report",)})
        settings = settings_for(tmp_path, pacs)
        ledger = Ledger(settings.database_url)
        analyzed_study(ledger, "pacs")
        why = Reason(PeerFault.BUSY, "pacs is busy; it is tried again")
        ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), why, 220, attempts=None)
        *_, waits = check_destination(settings, pacs)
    assert (waits.id, waits.level) == (DestinationCheck.DELIVERIES, FindingLevel.FAILED)
    assert waits.message.startswith("1 result waits")
    assert waits.message.endswith("pacs is busy; it is tried again")
