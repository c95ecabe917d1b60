"""Associations, P-DATA, DIMSE messages and STOW-RS bodies that are spoiled, against a listener and web port of a node.

Whatever comes is answered by a whole PDU (or an HTTP status) or by the end of the connection, in time and without a
defect in the log; what is kept is what was acknowledged; and an honest C-ECHO is answered after each of them.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import MRImageStorage, Verification
from sqlalchemy import select

from dicom_io.network import dimse
from dicom_io.network.commitment import encode_report, request_of
from dicom_io.network.dimse import CommandElement as Element
from dicom_io.network.dimse import CommandField
from dicom_io.network.upper_layer import HEADER, RELEASE_RQ, PduType
from fuzzing import for_long, quickly, spoiled
from live_node import instance
from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.service.group_commit import GroupCommit
from node.service.listener import open_acceptor
from node.service.storage_service import DUPLICATE_SOP_INSTANCE, StorageService
from node.service.web_reception import web_reception
from node.settings import Settings
from node.storage import schema
from node.storage.database import reading
from ports import free_port
from raw_peer import association_request, item, pdv
from web_store import key_of, multipart, part10

ANSWER_SECONDS = 20.0  # a peer that has closed its side is answered at once
EXPLICIT, IMPLICIT, PUSH_MODEL = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian), "1.2.840.10008.1.20.1"
STORE, COMMITMENT, ECHO = 1, 3, 5  # presentation contexts
Check = Callable[[bytes], None]


class _Defects(logging.Handler):
    """Remembers what was logged with an exception."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.split(".")[0] in {"dicom_io", "node"}  # pynetdicom logs what it cannot read; we refuse it
        if ours and record.exc_info and record.exc_info[0] is not None:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@dataclass
class Reception:
    """A node's listener (and its folders), and what it has acknowledged."""

    site: Site
    defects: _Defects
    acknowledged: set[str] = field(default_factory=set)
    duplicates: set[str] = field(default_factory=set)  # answered as such: second versions are kept apart

    @property
    def port(self) -> int:
        return self.site.settings.dicom.port

    def answers(self, sent: bytes) -> list[tuple[int, bytes]]:
        """Type and content of every PDU that comes back for these bytes, until the other side closes."""
        received = bytearray()
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS) as connection:
            with suppress(ConnectionError):
                connection.sendall(sent)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while chunk := connection.recv(65536):
                    received += chunk
        return list(pdus(bytes(received)))

    def require_health(self) -> None:
        """No defect, nothing half received, and an honest peer is served."""
        assert self.defects.found == []
        assert list((self.site.settings.storage.root / "temporary").iterdir()) == []
        answers = self.answers(REQUEST + echo() + RELEASE_RQ)
        assert [kind for kind, _ in answers] == [PduType.ASSOCIATE_AC, PduType.P_DATA, PduType.RELEASE_RP]
        assert dimse.decode(answers[1][1][6:])[Element.STATUS] == dimse.SUCCESS

    def require_that_only_what_was_acknowledged_is_kept(self) -> None:
        """Each file has the digest of its row; what belongs to a study, or is set aside, was answered so."""
        kept, aside = list(self.site.ledger.reading.instances()), self.set_aside()
        for _, sha256, path in (*kept, *aside):
            assert hashlib.sha256((self.site.settings.storage.root / path).read_bytes()).hexdigest() == sha256
        stored, apart = {uid for uid, _, _ in kept}, {uid for uid, _, _ in aside}
        assert stored <= self.acknowledged <= stored | apart
        assert apart <= self.acknowledged | self.duplicates

    def set_aside(self) -> list[tuple[str, str, str]]:
        """(SOP Instance UID, SHA-256, path) of objects of another patient, and of second versions."""
        table = schema.conflict.c
        with reading(self.site.ledger.engine) as db:
            rows = db.execute(select(table.sop_instance_uid, table.sha256, table.path)).all()
        return [(row[0], row[1], row[2]) for row in rows]


def pdus(received: bytes) -> Iterator[tuple[int, bytes]]:
    """The PDUs of an answer; each is whole and of a kind that an acceptor sends."""
    while received:
        kind, length = HEADER.unpack_from(received)
        assert kind in {PduType.ASSOCIATE_AC, PduType.ASSOCIATE_RJ, PduType.P_DATA, PduType.RELEASE_RP, PduType.ABORT}
        assert len(received) >= HEADER.size + length
        yield kind, received[HEADER.size : HEADER.size + length]
        received = received[HEADER.size + length :]


@contextmanager
def receiving(folder: Path) -> Iterator[Reception]:
    settings = Settings(
        storage={"root": folder / "root", "reserve_mib": 1},
        dicom={"port": free_port(), "max_object_mib": 1},
        web_store={"enabled": True},
    )
    site, defects = Site.open(settings), _Defects()
    service = StorageService(settings, site.archive, site.ledger, GroupCommit(site.archive, site.ledger))
    acceptor = open_acceptor(settings.dicom, service)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    logging.getLogger().addHandler(defects)
    try:
        yield Reception(site, defects)
    finally:
        logging.getLogger().removeHandler(defects)
        acceptor.stop(0.0)
        thread.join(60)
        site.ledger.engine.dispose()


# --- what an honest peer sends


def context(number: int, abstract: str, *syntaxes: str) -> bytes:
    names = b"".join(item(0x40, each.encode()) for each in syntaxes)
    return item(0x20, bytes((number, 0, 0, 0)) + item(0x30, abstract.encode()) + names)


def request() -> bytes:
    """Three contexts, and every kind of user item."""
    user = item(0x51, b"\0\0\x40\0") + item(0x52, b"1.2.3") + item(0x53, b"\0\1\0\1")
    user += item(0x54, b"\0\x14" + PUSH_MODEL.encode() + b"\1\1") + item(0x55, b"RAW_1")
    user += item(0x56, b"\0\x03" + b"1.2" + b"\1\0") + item(0x58, b"\2\0\0\4user\0\4pass")
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + context(STORE, str(MRImageStorage), EXPLICIT)
    items += context(COMMITMENT, PUSH_MODEL, IMPLICIT) + context(ECHO, str(Verification), IMPLICIT, EXPLICIT)
    fixed = association_request()[HEADER.size : HEADER.size + 68]
    return HEADER.pack(PduType.ASSOCIATE_RQ, len(fixed + items + item(0x50, user))) + fixed + items + item(0x50, user)


def command(kind: CommandField, sop_class: str, **more: int | str) -> bytes:
    named = {Element[key.upper()]: value for key, value in more.items()}
    has_data = 1 if kind not in {CommandField.C_ECHO_RQ, CommandField.C_CANCEL_RQ} else dimse.NO_DATA_SET
    uid = {Element.AFFECTED_SOP_CLASS_UID: sop_class, Element.MESSAGE_ID: 7, Element.DATA_SET_TYPE: has_data}
    return dimse.encode({Element.COMMAND_FIELD: int(kind), **uid, **named})


def message(context_id: int, command_set: bytes, data_set: bytes = b"") -> bytes:
    parts = [data_set[:300], data_set[300:]]
    fragments = [pdv(parts[0], control=0, context=context_id), pdv(parts[1], control=2, context=context_id)]
    return pdv(command_set, control=3, context=context_id) + (b"".join(fragments) if data_set else b"")


def echo() -> bytes:
    return message(ECHO, command(CommandField.C_ECHO_RQ, str(Verification)))


def image(uid: str) -> bytes:
    """A data set, as a C-STORE sends it."""
    made = instance("1.2.3", size=32, SOPInstanceUID=uid, InstanceNumber=1)
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.9"
    made.ReferencedImageSequence = [inner]
    return encode(made, False, True) or b""


UID = "1.2.3.4"
PAIRS = [(str(MRImageStorage), UID)]
STORE_COMMAND = command(CommandField.C_STORE_RQ, str(MRImageStorage), affected_sop_instance_uid=UID)
ACTION = command(CommandField.N_ACTION_RQ, PUSH_MODEL, requested_sop_instance_uid=PUSH_MODEL + ".1", action_type_id=1)
REPORT = command(
    CommandField.N_EVENT_REPORT_RQ, PUSH_MODEL, affected_sop_instance_uid=PUSH_MODEL + ".1", event_type_id=1
)
MESSAGES = [  # presentation context, command set, data set
    (STORE, STORE_COMMAND, image(UID)),
    (COMMITMENT, ACTION, encode(request_of("1.9", PAIRS), True, True) or b""),
    (COMMITMENT, REPORT, encode_report("1.9", PAIRS, set(), IMPLICIT)[1]),
    (ECHO, command(CommandField.C_ECHO_RQ, str(Verification)), b""),
    (ECHO, command(CommandField.C_CANCEL_RQ, str(Verification)), b""),
    (ECHO, command(CommandField.C_FIND_RQ, str(Verification)), b"\x08\0\x52\0\4\0\0\0A   "),
]
REQUEST = request()
REQUESTS = [REQUEST, association_request()]
STREAMS = [message(*MESSAGES[0]) + RELEASE_RQ, *(message(*each) for each in MESSAGES)]
COMMANDS, DATA_SETS = [each[1] for each in MESSAGES], [each[2] for each in MESSAGES if each[2]]


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message whose fragments are right and whose command set or data set is spoiled."""
    context_id, command_set, data_set = draw(st.sampled_from(MESSAGES))
    part = draw(st.sampled_from(("command", "data set", "both")))
    if part != "data set":
        command_set = draw(spoiled([command_set, *COMMANDS]))
    if part != "command":
        data_set = draw(spoiled([data_set or DATA_SETS[0], *DATA_SETS]))
    return message(context_id, command_set, data_set)


# --- the checks


def association(reception: Reception) -> Check:
    def check(sent: bytes) -> None:
        reception.answers(sent)
        reception.require_health()

    return check


def on_an_association(reception: Reception) -> Check:
    """The bytes after an association was accepted; what is stored by accident counts as acknowledged."""

    def check(sent: bytes) -> None:
        (kind, _), *answers = reception.answers(REQUEST + sent)
        assert kind == PduType.ASSOCIATE_AC
        for kind, content in answers:
            if kind != PduType.P_DATA or content[5] != 3:  # one whole command set
                continue
            found = dimse.decode(content[6:])
            told = {dimse.SUCCESS: reception.acknowledged, DUPLICATE_SOP_INSTANCE: reception.duplicates}
            if found[Element.COMMAND_FIELD] == CommandField.C_STORE_RSP and found[Element.STATUS] in told:
                told[int(found[Element.STATUS])].add(str(found[Element.AFFECTED_SOP_INSTANCE_UID]))
        reception.require_health()
        reception.require_that_only_what_was_acknowledged_is_kept()

    return check


BODIES = [multipart([part10(instance("1.2.3", size=16, SOPInstanceUID=f"1.2.4.{n}")) for n in range(2)])[0]]
BODIES += [multipart([b"no file", b""])[0], multipart([])[0]]
OUTCOMES = {200, 202, 400, 409, 413, 503}


@contextmanager
def web(reception: Reception) -> Iterator[Check]:
    """The body of a store request; an exception that no handler took is raised here."""
    settings = reception.site.settings
    app = build_app(reception.site, web_reception(settings))
    headers = multipart([])[1] | {"Authorization": f"Bearer {key_of(settings)}"}
    with TestClient(app, base_url="http://127.0.0.1") as client:

        def check(body: bytes) -> None:
            answer = client.post("/dicom-web/studies", content=pieces(body), headers=headers)
            assert answer.status_code in OUTCOMES
            if answer.status_code != 400:  # a body that ends badly may have brought whole instances before
                told = answer.json()
                reception.acknowledged.update(uid_of(each) for each in told.get("00081199", {}).get("Value", ()))
                failed = told.get("00081198", {}).get("Value", ())
                reception.duplicates.update(uid_of(each) for each in failed if each["00081197"]["Value"] == [0x0111])
                reception.require_that_only_what_was_acknowledged_is_kept()
            reception.acknowledged.update(uid for uid, _, _ in reception.site.ledger.reading.instances())
            reception.duplicates.update(uid for uid, _, _ in reception.set_aside())
            assert reception.defects.found == []
            assert list((settings.storage.root / "temporary").iterdir()) == []
            assert client.get("/healthz").status_code == 200

        yield check


def uid_of(told: dict[str, Any]) -> str:
    return str(told["00081155"]["Value"][0])


def pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 333):
        yield body[start : start + 333]


ENTRIES = {
    "association": (association, spoiled(REQUESTS), 60),
    "p-data": (on_an_association, spoiled(STREAMS), 60),
    "dimse": (on_an_association, messages(), 60),
    "stow": (web, spoiled(BODIES), 40),
}


@contextmanager
def checking(folder: Path, entry: str) -> Iterator[tuple[Check, st.SearchStrategy[bytes], int]]:
    make, strategy, examples = ENTRIES[entry]
    with ExitStack() as stack:
        made = make(stack.enter_context(receiving(folder)))
        check = made if callable(made) and entry != "stow" else stack.enter_context(made)  # type: ignore[arg-type]
        yield check, strategy, examples


def test_what_is_not_spoiled_is_answered_and_kept(tmp_path: Path) -> None:
    with receiving(tmp_path) as reception:
        for request in REQUESTS:
            assert reception.answers(request)[0][0] == PduType.ASSOCIATE_AC
        check = on_an_association(reception)
        for each in STREAMS:
            check(each)
        assert reception.acknowledged == {UID}
        with web(reception) as post:
            for body in BODIES:
                post(body)
        assert reception.acknowledged == {UID, "1.2.4.0", "1.2.4.1"}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_spoiled_is_refused_and_the_next_peer_served(entry: str, tmp_path: Path) -> None:
    with checking(tmp_path, entry) as (check, strategy, examples):
        quickly(examples, strategy, check)


@pytest.mark.exhaustive
@pytest.mark.timeout(0)
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_spoiled_for_long(entry: str, tmp_path: Path) -> None:
    with checking(tmp_path, entry) as (check, strategy, _):
        for_long(strategy, check)
