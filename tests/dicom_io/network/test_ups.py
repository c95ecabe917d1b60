"""UPS-RS as user agent: the server's rules hold, and what it answers badly is told with its cause."""

from __future__ import annotations

import ssl

import pytest

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.ups import (
    UpsClient,
    WorkitemOutput,
    WorkitemRefused,
    WorkitemState,
    discontinued,
    performed,
    progress_of,
)
from ports import free_port
from ups_server import WorklistServer

ITEM, OURS, OTHERS = "2.25.7", "2.25.100", "2.25.200"
CANCELED, COMPLETED, IN_PROGRESS = WorkitemState.CANCELED, WorkitemState.COMPLETED, WorkitemState.IN_PROGRESS


def client(url: str, token: str = "") -> UpsClient:
    return UpsClient("orders", url, "MOMENODE", ssl.create_default_context(), token, 10.0)


def test_a_workitem_is_found_with_the_studies_of_its_input() -> None:
    with WorklistServer().running() as server:
        assert client(server.url).search(WorkitemState.SCHEDULED, {}, 5) == []
        server.schedule(ITEM, "1.2.3", "1.2.3", "1.2.4")
        (found,) = client(server.url).search(WorkitemState.SCHEDULED, {"WorklistLabel": "AI"}, 5)
    assert (found.uid, found.state, found.studies) == (ITEM, WorkitemState.SCHEDULED, ("1.2.3", "1.2.4"))


def test_only_who_claimed_it_may_change_it() -> None:
    with WorklistServer().running() as server:
        server.schedule(ITEM, "1.2.3")
        ups = client(server.url)
        ups.change_state(ITEM, OURS, IN_PROGRESS)
        ups.update(ITEM, OURS, progress_of(50, "analysing"))
        for attempt in (
            lambda: ups.change_state(ITEM, OTHERS, IN_PROGRESS),
            lambda: ups.update(ITEM, OTHERS, progress_of(60, "x")),
            lambda: ups.change_state(ITEM, OTHERS, CANCELED),
        ):
            with pytest.raises(WorkitemRefused, match="HTTP 409"):
                attempt()
    assert server.progress == ["50"]


def test_a_workitem_is_completed_only_with_what_its_final_state_needs() -> None:
    outputs = [WorkitemOutput("1.2.3", series, "1.2.840.1", f"{series}.{n}") for series in ("1", "2") for n in (1, 2)]
    with WorklistServer().running() as server:
        server.schedule(ITEM, "1.2.3")
        ups = client(server.url)
        ups.change_state(ITEM, OURS, IN_PROGRESS)
        with pytest.raises(WorkitemRefused):
            ups.change_state(ITEM, OURS, COMPLETED)
        ups.update(ITEM, OURS, performed("MOMENODE", 0.0, 60.0, outputs))
        ups.change_state(ITEM, OURS, COMPLETED)
        assert ups.find(ITEM).state is COMPLETED
    (done,) = server.items[ITEM].UnifiedProcedureStepPerformedProcedureSequence
    assert done.PerformedProcedureStepEndDateTime == "19700101000100+0000"
    assert [len(each.ReferencedSOPSequence) for each in done.OutputInformationSequence] == [2, 2]


def test_a_canceled_workitem_says_why() -> None:
    (told,) = discontinued("no pre-contrast phase", 0.0).ProcedureStepProgressInformationSequence
    assert told.ReasonForCancellation == "no pre-contrast phase"
    assert told.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110513"


def test_what_keeps_a_server_from_answering_is_told_by_a_code() -> None:
    with WorklistServer(token="t0ken").running() as server:  # noqa: S106
        with pytest.raises(PeerUnreachable) as wrong_token:
            client(server.url).search(WorkitemState.SCHEDULED, {}, 1)
        server.deaf = True
        with pytest.raises(PeerUnreachable) as failing:
            client(server.url, "t0ken").search(WorkitemState.SCHEDULED, {}, 1)
    with pytest.raises(PeerUnreachable) as away:
        client(f"http://127.0.0.1:{free_port()}").search(WorkitemState.SCHEDULED, {}, 1)
    faults = [each.value.fault for each in (wrong_token, failing, away)]
    assert faults == [PeerFault.WEB_UNAUTHORIZED, PeerFault.WEB_FAILED, PeerFault.NO_ANSWER]
    for passing in (408, 425, 429):
        with WorklistServer(answers=(passing, b"")).running() as server, pytest.raises(PeerUnreachable) as later:
            client(server.url).update(ITEM, OURS, progress_of(50, "analysing"))
        assert later.value.fault is PeerFault.WEB_FAILED
    assert "t0ken" not in str(wrong_token.value) + str(failing.value)


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (200, b"[]", True),
        (204, b"", True),
        (200, b"", False),
        (200, b"{}", False),
        (200, b"null", False),
        (200, b'["2.25.7"]', False),
        (200, b"<html>", False),
    ],
)
def test_an_answer_without_the_workitem_is_a_refusal_and_one_that_is_no_dicom_json_is_told(
    status: int, body: bytes, *, refused: bool
) -> None:
    with WorklistServer(answers=(status, body)).running() as server:
        with pytest.raises(WorkitemRefused if refused else PeerUnreachable) as raised:
            client(server.url).find(ITEM)
        assert refused or raised.value.fault is PeerFault.NOT_DICOM
        if refused:
            assert client(server.url).search(WorkitemState.SCHEDULED, {}, 1) == []
