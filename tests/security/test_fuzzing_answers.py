"""Answers that are spoiled: of an HL7 receiver, a FHIR server, a DICOMweb archive, a worklist server and a PACS.

Whatever a peer answers, our side has a result or raises its own typed error, in time.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import (
    MRImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from dicom_io.errors import DicomError
from dicom_io.network import dimse
from dicom_io.network.commitment import encode_report, request_commitment
from dicom_io.network.dimse import CommandElement as Element
from dicom_io.network.dimse import CommandField
from dicom_io.network.negotiation import accept_contexts, decode_request, encode_request
from dicom_io.network.probe import series_descriptions
from dicom_io.network.remote import RemoteAE, Timeouts
from dicom_io.network.retrieve import move_study
from dicom_io.network.scu import echo, send
from dicom_io.network.stow import WebService, store_over_web
from dicom_io.network.upper_layer import HEADER
from dicom_io.network.ups import UpsClient, WorkitemState
from fuzzing import for_long, quickly, spoiled
from live_node import instance
from node.integration_settings import FhirServer, Hl7Receiver
from node.integrations.errors import IntegrationError
from node.integrations.fhir_client import FhirClient
from node.integrations.mllp import send_message
from raw_peer import pdv

LONGEST_SECONDS = 10.0  # a peer that closes the connection lets nobody wait
Answers = Sequence[bytes]
Check = Callable[[Answers], None]
IMPLICIT = str(ImplicitVRLittleEndian)


class Peer:
    """Takes a connection at a time and answers each whole request with the next of `answers`; then it closes."""

    def __init__(self, is_whole: Callable[[bytes], bool]) -> None:
        self.is_whole = is_whole
        self.answers: Answers = ()
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self.server.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(LONGEST_SECONDS)
                for answer in self.answers:
                    self.take(connection)
                    connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # until the other side has closed, so that it reads what was sent
                    continue

    def take(self, connection: socket.socket) -> None:
        """One request."""
        request = b""
        while not self.is_whole(request) and (chunk := connection.recv(65536)):
            request += chunk


@contextmanager
def peer(is_whole: Callable[[bytes], bool]) -> Iterator[Peer]:
    made = Peer(is_whole)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown(socket.SHUT_RDWR)
        made.server.close()
        thread.join(2 * LONGEST_SECONDS)


def asked(there: Peer, ask: Callable[[], object], *errors: type[Exception]) -> Check:
    """Ask a peer that answers so; nothing but these errors comes of it, and in time."""

    def check(answers: Answers) -> None:
        there.answers = answers
        began = time.monotonic()
        with suppress(*errors):
            ask()
        assert time.monotonic() - began < LONGEST_SECONDS

    return check


# --- HL7 v2


ACKS = [b"MSH|^~\\&|A|B|C|D|20260101||ACK^R01|1|P|2.5.1\rMSA|%s|ID-1\r%s" % pair for pair in (
    (b"AA", b""), (b"CA", b""), (b"AE", b"ERR||PID^1^5|101^x^HL70357|E||||no name\r"), (b"AR", b"ERR|||207\r"),
)]  # fmt: skip
BLOCKS = [b"\x0b" + each + b"\x1c\r" for each in ACKS]


@contextmanager
def mllp(_: Path) -> Iterator[Check]:
    with peer(lambda request: request.endswith(b"\x1c\r")) as there:
        receiver = Hl7Receiver(name="ris", host="127.0.0.1", port=there.port, answer_seconds=2.0)

        def ask() -> None:
            taken = send_message(receiver, ACKS[0], "ID-1")
            assert taken.control_id == "ID-1"
            assert taken.code in {"AA", "CA"}

        yield asked(there, ask, IntegrationError)


# --- HTTP


def is_http(request: bytes) -> bool:
    head, parted, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return bool(parted) and len(body) >= (int(length[1]) if length else 0)


def response(body: bytes, status: int = 200) -> bytes:
    return (
        b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
    )


JUNK = (
    None,
    [],
    {},
    0,
    -1,
    2**70,
    1e308,
    "",
    "x",
    "\u0000",
    "\u00e9",
    "a\r\nb",
    True,
    [None],
    [[]],
    {"Value": 3},
    {"Value": [None]},
)


@st.composite
def odd_json(draw: st.DrawFn, contents: Sequence[object]) -> bytes:
    """JSON in which some value is another than was expected."""

    def changed(node: object, depth: int) -> object:
        if depth == 0 or not isinstance(node, dict | list) or not node:
            return draw(st.sampled_from(JUNK))
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        return type(node)((node | {key: changed(node[key], depth - 1)}).items()) if isinstance(node, dict) else [
            changed(each, depth - 1) if n == key else each for n, each in enumerate(node)
        ]  # fmt: skip

    return json.dumps(changed(draw(st.sampled_from(contents)), draw(st.integers(0, 6)))).encode()


def http_answers(contents: Sequence[object], statuses: Sequence[int]) -> st.SearchStrategy[Answers]:
    bodies = [json.dumps(each).encode() for each in contents]
    body = st.one_of(odd_json(contents), odd_json(contents), spoiled(bodies))
    whole = spoiled([response(each) for each in bodies], most=2)
    nested = st.just(response(b"[" * 50_000))
    return st.tuples(st.one_of(st.builds(response, body, st.sampled_from(statuses)), whole, nested))


FHIR = [
    {"resourceType": "Bundle", "entry": [{"response": {"status": "200 OK", "outcome": {"issue": [{"code": "x"}]}}}]},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid", "diagnostics": "x"}]},
    {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"},
    {"access_token": "x", "expires_in": 300},
]


@contextmanager
def fhir(folder: Path) -> Iterator[Check]:
    secret = folder / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    with peer(is_http) as there:
        url = f"http://127.0.0.1:{there.port}"
        token = {"token_url": f"{url}/token", "client_id": "x", "client_secret_file": str(secret)}
        plain = FhirServer(name="ehr", url=url, answer_seconds=2.0)
        guarded = FhirServer(name="ehr", url=url, answer_seconds=2.0, **token)  # type: ignore[arg-type]

        def ask() -> None:
            for each in (FhirClient(plain).probe, lambda: FhirClient(plain).transact("{}"), FhirClient(guarded).probe):
                with suppress(IntegrationError):
                    each()

        yield asked(there, ask)


WORKITEM = {
    "00080018": {"vr": "UI", "Value": ["2.25.7"]},
    "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
    "00404021": {"vr": "SQ", "Value": [{"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}]},
}


@contextmanager
def ups(_: Path) -> Iterator[Check]:
    with peer(is_http) as there:
        url = f"http://127.0.0.1:{there.port}"
        client = UpsClient("orders", url, "MOMENODE", ssl.create_default_context(), "", 2.0)
        yield asked(there, lambda: client.search(WorkitemState.SCHEDULED, {}, 5), DicomError)


STORED = {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": ["1.2.3.4"]}}
REASON = {"00081197": {"vr": "US", "Value": [0xC000]}, "00081196": {"vr": "US", "Value": [0xB000]}}
STOW = [
    {"00081199": {"vr": "SQ", "Value": [STORED | REASON]}},
    {"00081198": {"vr": "SQ", "Value": [STORED | REASON]}},
]


def image(folder: Path) -> Path:
    path = folder / "image.dcm"
    instance("1.2.3", size=32, SOPInstanceUID="1.2.3.4").save_as(path, enforce_file_format=True)
    return path


@contextmanager
def stow(folder: Path) -> Iterator[Check]:
    with peer(is_http) as there:
        service, path = WebService("archive", f"http://127.0.0.1:{there.port}"), image(folder)
        yield asked(there, lambda: list(store_over_web(service, [path], seconds=2.0)), DicomError)


# --- DICOM


CLASSES = [
    Verification,
    MRImageStorage,
    "1.2.840.10008.1.20.1",
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
]


def acceptance(abstract: str) -> bytes:
    """A-ASSOCIATE-AC for an association of this class."""
    contexts = [build_context(abstract, [ImplicitVRLittleEndian, ExplicitVRLittleEndian])]
    request = decode_request(memoryview(encode_request("US", "PACS", contexts, 16384))[HEADER.size :])
    return accept_contexts(request, contexts, 16384)[1]


def answered(field: int, status: int, data_set: bytes = b"") -> bytes:
    command = {
        Element.COMMAND_FIELD: field, Element.MESSAGE_ID_RESPONDED_TO: 1, Element.STATUS: status,
        Element.DATA_SET_TYPE: 1 if data_set else dimse.NO_DATA_SET, Element.ERROR_COMMENT: "x",
        Element.COMPLETED_SUBOPERATIONS: 1, Element.REMAINING_SUBOPERATIONS: 1,
    }  # fmt: skip
    return pdv(dimse.encode(command), control=3) + (pdv(data_set, control=2) if data_set else b"")


def series() -> bytes:
    found = Dataset()
    found.SpecificCharacterSet, found.SeriesDescription = "ISO_IR 100", "T2 w\u00e4ter"
    return encode(found, True, True) or b""


REPORT = encode_report("1.9", [("1.2", "1.3")], set(), IMPLICIT)
RESPONSES = {
    "echo": answered(CommandField.C_ECHO_RSP, 0),
    "store": answered(CommandField.C_STORE_RSP, 0xB000),
    "commit": answered(CommandField.N_ACTION_RSP, 0) + pdv(dimse.encode({**REPORT[0], Element.DATA_SET_TYPE: 1}),
                                                            control=3) + pdv(REPORT[1], control=2),
    "find": answered(0x8020, 0xFF00, series()) + answered(0x8020, 0),
    "move": answered(0x8021, 0xFF00) + answered(0x8021, 0),
}  # fmt: skip
ACCEPTANCES = dict(zip(RESPONSES, map(acceptance, CLASSES), strict=True))
FURTHER = [*ACCEPTANCES.values(), b"\3\0\0\0\0\4\0\1\1\7", b"\7\0\0\0\0\4\0\0\2\0", b"\5\0\0\0\0\4\0\0\0\0"]


def dicom_answers(kind: str) -> st.SearchStrategy[Answers]:
    """The answer to the association request or to the message is spoiled."""
    right, said = ACCEPTANCES[kind], RESPONSES[kind]
    return st.one_of(
        st.tuples(spoiled([right, *FURTHER]), st.just(said)),
        st.tuples(st.just(right), spoiled([said, said, *RESPONSES.values()])),
    )


def dicom(kind: str) -> Callable[[Path], object]:
    @contextmanager
    def asking(folder: Path) -> Iterator[Check]:
        path, limits = image(folder), Timeouts(2.0, 2.0, 2.0)
        with peer(bool) as there:
            pacs = RemoteAE("pacs", "PACS", "127.0.0.1", there.port)
            asks: dict[str, Callable[[], object]] = {
                "echo": lambda: echo("US", pacs, limits),
                "store": lambda: list(send("US", pacs, [path], limits)),
                "commit": lambda: request_commitment("US", pacs, "1.9", [("1.2", "1.3")], limits),
                "find": lambda: series_descriptions("US", pacs, "1.2.3"),
                "move": lambda: move_study("US", pacs, "1.2.3", destination="US", seconds=5.0),
            }
            yield asked(there, asks[kind], DicomError)

    return asking


ENTRIES = {
    "hl7": (mllp, st.tuples(spoiled([*BLOCKS, *BLOCKS, *ACKS])), 40),
    "fhir": (fhir, http_answers(FHIR, (200, 400, 401, 404, 500)), 5),
    "ups": (ups, http_answers([[WORKITEM], [WORKITEM, WORKITEM]], (200, 204, 404, 500)), 30),
    "stow": (stow, http_answers(STOW, (200, 202, 409, 500)), 15),
    **{kind: (dicom(kind), dicom_answers(kind), 30) for kind in RESPONSES},
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_spoiled_answers_are_a_result_or_a_typed_error(entry: str, tmp_path: Path) -> None:
    make, strategy, examples = ENTRIES[entry]
    with make(tmp_path) as check:  # type: ignore[attr-defined]
        quickly(examples, strategy, check)


@pytest.mark.exhaustive
@pytest.mark.timeout(0)
@pytest.mark.parametrize("entry", ENTRIES)
def test_spoiled_answers_for_long(entry: str, tmp_path: Path) -> None:
    make, strategy, _ = ENTRIES[entry]
    with make(tmp_path) as check:  # type: ignore[attr-defined]
        for_long(strategy, check)
