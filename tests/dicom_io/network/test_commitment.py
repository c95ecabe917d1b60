"""Storage commitment: what a request and a report say, and both over an association."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dsutils import decode, encode
from pynetdicom.sop_class import StorageCommitmentPushModel

from dicom_io.errors import PeerUnreachable
from dicom_io.network.commitment import (
    COMMITTED,
    COMMITTED_WITH_FAILURES,
    BadReport,
    CommitmentReport,
    decode_report,
    decode_request,
    encode_report,
    new_transaction_uid,
    request_commitment,
    request_of,
)
from dicom_io.network.dimse import CommandElement, CommandField
from dicom_io.network.remote import RemoteAE, Timeouts

HELD, LOST = ("1.2.840.10008.5.1.4.1.1.4", "1.2.3"), ("1.2.840.10008.5.1.4.1.1.4", "1.2.4")
SYNTAXES = [str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)]
PATIENT = Timeouts(connect=30.0, association=30.0, message=60.0)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_we_report_is_what_the_peer_reads(syntax: str) -> None:
    command, content = encode_report("1.9", [HELD, LOST], {HELD}, syntax)
    assert command[CommandElement.COMMAND_FIELD] == CommandField.N_EVENT_REPORT_RQ
    assert command[CommandElement.EVENT_TYPE_ID] == COMMITTED_WITH_FAILURES
    assert decode_report(content, syntax) == CommitmentReport("1.9", ("1.2.3",), ("1.2.4",))


def test_a_failure_has_its_reason_and_a_report_without_one_is_a_success() -> None:
    _, content = encode_report("1.9", [LOST], set(), SYNTAXES[0])
    assert decode(BytesIO(content), True, True).FailedSOPSequence[0].FailureReason == 0x0112
    command, _ = encode_report("1.9", [HELD], {HELD}, SYNTAXES[0])
    assert command[CommandElement.EVENT_TYPE_ID] == COMMITTED


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_request_names_transaction_and_instances(syntax: str) -> None:
    content = encode(request_of("1.9", [HELD, LOST]), syntax == SYNTAXES[0], True)
    assert content is not None
    assert decode_request(content, syntax) == ("1.9", [HELD, LOST])


@pytest.mark.filterwarnings("ignore:End of file")
@pytest.mark.parametrize("content", [b"", b"\xff" * 40])
def test_bytes_that_are_no_report_or_request_are_refused(content: bytes) -> None:
    for read in (decode_report, decode_request):
        with pytest.raises(BadReport, match="cannot be read"):
            read(content, SYNTAXES[0])


def test_no_transaction_is_like_another() -> None:
    assert len({new_transaction_uid() for _ in range(100)}) == 100


@pytest.fixture
def archive() -> Iterator[tuple[RemoteAE, list[int]]]:
    """An archive of pynetdicom that answers N-ACTION with the last status of a list."""
    statuses = [0]

    def on_action(event: Any) -> tuple[int, None]:
        return statuses[-1], None

    ae = AE("ARCHIVE")
    ae.add_supported_context(StorageCommitmentPushModel)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_ACTION, on_action)])
    yield RemoteAE("archive", "ARCHIVE", "127.0.0.1", server.server_address[1]), statuses
    server.shutdown()


def test_a_peer_that_will_report_later_gives_no_report_now(archive: tuple[RemoteAE, list[int]]) -> None:
    assert request_commitment("NODE", archive[0], "1.9", [HELD], PATIENT) is None


def test_a_peer_that_refuses_the_request_is_named(archive: tuple[RemoteAE, list[int]]) -> None:
    archive[1].append(0x0110)
    with pytest.raises(PeerUnreachable, match=r"archive .* does not take the request .*0110"):
        request_commitment("NODE", archive[0], "1.9", [HELD], PATIENT)
