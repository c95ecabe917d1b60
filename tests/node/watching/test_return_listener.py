"""The listener for the time of a test: it takes reports that were asked for and nothing else."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dicom_io.network.commitment import CommitmentReport, encode_report
from dicom_io.network.dimse import CommandElement, CommandField
from dicom_io.network.scu import echo
from dicom_io.network.service import InstanceRefused, Peer, StoreRequest
from node.admission import Admission
from node.audit import AuditEvent
from node.errors import NotReady
from node.settings import Settings
from node.storage.destination_history import DestinationHistory
from node.storage.ledger.ledger import Ledger
from node.watching.own_listener import check_port, own_listener
from node.watching.return_listener import ReportListener, listening_for_reports, record_report
from ports import free_port

IMPLICIT = "1.2.840.10008.1.2"
PACS = Peer("PACS", "MOMENODE", "10.0.0.5")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    names = (("pacs", "PACS"), ("research", "RESEARCH"))
    both = tuple({"name": name, "ae_title": title, "host": "10.0.0.5", "port": 104} for name, title in names)
    return Settings(storage={"root": tmp_path}, dicom={"port": free_port()}, destinations=both)


def report_on(transaction: str) -> tuple[dict[int, int | str], bytes]:
    command, content = encode_report(transaction, [("1.2", "1.3")], set(), IMPLICIT)
    return dict(command), content


def test_a_report_is_recorded_for_a_test_that_was_begun_and_from_who_was_asked_only(settings: Settings) -> None:
    ledger = Ledger(settings.database_url)
    admission, report = Admission(settings.dicom, settings.destinations), CommitmentReport("1.9", (), ("1.3",))
    assert not record_report(PACS, report, admission, ledger, 10.0)
    DestinationHistory(ledger.engine).begin_test("1.9", "pacs", 5.0)
    for other in ("OTHER", "RESEARCH"):
        assert not record_report(Peer(other, "MOMENODE", "10.0.0.5"), report, admission, ledger, 10.0)
    assert record_report(PACS, report, admission, ledger, 10.0)


def test_it_answers_reports_notes_others_and_keeps_no_instance(settings: Settings) -> None:
    ledger = Ledger(settings.database_url)
    listener = ReportListener(settings, ledger)
    DestinationHistory(ledger.engine).begin_test("1.9", "pacs", 5.0)
    assert listener.answer(PACS, *report_on("1.9"), IMPLICIT).status == 0
    assert listener.answer(PACS, *report_on("1.8"), IMPLICIT).status == 0x0110
    assert listener.answer(PACS, report_on("1.9")[0], b"garbage", IMPLICIT).status == 0x0110
    action = {CommandElement.COMMAND_FIELD: int(CommandField.N_ACTION_RQ)}
    assert listener.answer(PACS, action, b"", IMPLICIT).status == 0x0211
    with pytest.raises(InstanceRefused, match="being set up"):
        listener.open(PACS, StoreRequest("1.2", "1.3", IMPLICIT))
    assert [entry.event for entry, _ in ledger.audit.entries()] == [AuditEvent.FORGED_REPORT]


def test_it_listens_on_the_nodes_own_port_and_says_when_that_is_taken(settings: Settings) -> None:
    ledger = Ledger(settings.database_url)
    assert check_port(settings).endswith("is free")
    with listening_for_reports(settings, ledger):
        assert echo("PACS", own_listener(settings.dicom)) > 0
        with pytest.raises(NotReady, match="another program listens"):
            check_port(settings)
        with (
            pytest.raises(NotReady, match=f"cannot listen on .* port {settings.dicom.port}"),
            listening_for_reports(settings, ledger),
        ):
            pytest.fail("two listen on one port")
    away = settings.model_copy(update={"dicom": settings.dicom.model_copy(update={"host": "192.0.2.1"})})
    with pytest.raises(NotReady, match=r"must be an address of this machine"):
        check_port(away)
    with socket.create_server(("127.0.0.1", settings.dicom.port)), pytest.raises(NotReady):
        check_port(settings)
