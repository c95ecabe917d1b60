"""What one host can do to reception: findings H6, M8 and M9 of the review of 2026-11-29, against real listeners."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from certificates import Authority, Signed
from dicom_io.network import dimse
from dicom_io.network.acceptor import Acceptor, AcceptorLimits
from dicom_io.network.commitment import (
    MOST_REFERENCES,
    BadReport,
    TooManyReferences,
    decode_request,
    encode_report,
    request_of,
)
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.negotiation import (
    MOST_CONTEXTS,
    MOST_TRANSFER_SYNTAXES,
    MOST_USER_ITEMS,
)
from dicom_io.network.negotiation import (
    decode_request as decode_association,
)
from dicom_io.network.service import ADDRESS_HAS_TOO_MANY, ADDRESS_UNKNOWN, CERTIFICATE_OF_ANOTHER
from dicom_io.network.upper_layer import HEADER, PduLimits, PduType, ProtocolError
from memory_scp import MemoryScp
from node.dashboard.peers import recent_rejections
from node.dashboard.site import Site
from node.dicom_settings import DicomSettings
from node.service.group_commit import GroupCommit
from node.service.listener import open_acceptor
from node.service.storage_service import StorageService
from node.settings import Settings
from ports import free_port, is_closed
from raw_peer import associate, association_request, item, pdv, store, store_request

PUSH_MODEL, IMPLICIT = "1.2.840.10008.1.20.1", str(ImplicitVRLittleEndian)
STRANGER, ATTACKER = "127.0.0.66", "127.0.0.67"  # every address of 127/8 is this machine; two of them are not trusted


@contextmanager
def serving(acceptor: Acceptor) -> Iterator[Acceptor]:
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    try:
        yield acceptor
    finally:
        acceptor.stop(0.0)
        thread.join(60)


@contextmanager
def memory(limits: AcceptorLimits | None = None, scp: MemoryScp | None = None) -> Iterator[Acceptor]:
    with serving(Acceptor(("127.0.0.1", 0), acceptor_contexts(), scp or MemoryScp(), limits=limits)) as acceptor:
        yield acceptor


@contextmanager
def node(folder: Path, **dicom: object) -> Iterator[tuple[Site, int]]:
    """The listener of a node, and its port."""
    site = Site.open(Settings(storage={"root": folder / "root"}, dicom={"port": free_port(), **dicom}))
    service = StorageService(site.settings, site.archive, site.ledger, GroupCommit(site.archive, site.ledger))
    with serving(open_acceptor(site.settings.dicom, service)):
        yield site, site.settings.dicom.port
    site.ledger.engine.dispose()


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(address, 0))


def answer_to(port: int, request: bytes, address: str = "127.0.0.1") -> bytes:
    """What comes back for these bytes; empty when the connection is closed without a word."""
    with connected(port, address) as connection, suppress(ConnectionError):
        connection.sendall(request)
        return connection.recv(4096)
    return b""


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# --- M9: who may not connect costs nothing, and nobody's items are many


def test_an_address_that_is_not_listed_is_turned_away_before_a_byte_is_read(tmp_path: Path) -> None:
    with node(tmp_path, networks=("127.0.0.1",)) as (site, port):
        before = threading.active_count()
        held = [connected(port, STRANGER) for _ in range(50)]
        assert eventually(lambda: all(is_closed(each) for each in held))
        assert threading.active_count() <= before + 1, "a connection that is turned away has a thread"
        assert answer_to(port, association_request(), STRANGER) == b""
        assert answer_to(port, association_request())[0] == PduType.ASSOCIATE_AC
        assert eventually(lambda: bool(recent_rejections(site)))
    told = recent_rejections(site)[-1]
    assert (told.why, told.address, told.calling) == (ADDRESS_UNKNOWN.words, STRANGER, "")
    assert told.command == f"mome-node peers allow --address {STRANGER}"


def test_a_flood_that_is_turned_away_is_told_twice_a_second() -> None:
    scp = MemoryScp(closed_to=frozenset((STRANGER,)))
    with memory(scp=scp) as acceptor:
        for _ in range(300):
            connected(acceptor.port, STRANGER).close()
        assert eventually(lambda: bool(scp.rejections))
    assert len(scp.rejections) < 20
    assert set(scp.rejections) == {f": {ADDRESS_UNKNOWN.words}"}


def request_with(*items: bytes) -> memoryview:
    body = struct.pack(">Hxx16s16s32x", 1, b"NODE".ljust(16), b"MRI".ljust(16)) + item(0x10, b"1.2.840.10008.3.1.1.1")
    return memoryview(body + b"".join(items))


def context(syntaxes: int, number: int = 1) -> bytes:
    names = [b"1.2.840.10008.1.2.4.%d" % (50 + each % 60) for each in range(syntaxes)]
    inner = item(0x30, b"1.2.840.10008.5.1.4.1.1.4") + b"".join(item(0x40, each) for each in names)
    return item(0x20, bytes((number, 0, 0, 0)) + inner)


@pytest.mark.parametrize(
    "items",
    [
        [context(1, n % 255) for n in range(MOST_CONTEXTS + 1)],
        [context(2000) for _ in range(MOST_TRANSFER_SYNTAXES // 2000 + 1)],
        [context(1), item(0x50, item(0x54, b"\0\3" + b"1.2" + b"\1\0") * (MOST_USER_ITEMS + 1))],
        [context(1), *([item(0x50, b"")] * (MOST_USER_ITEMS + 1))],
        [item(0x77, b"")] * 30_000,
    ],
    ids=["contexts", "transfer syntaxes", "user items", "user informations", "items of no kind"],
)
def test_an_association_request_of_many_items_is_refused_before_it_is_decoded(items: list[bytes]) -> None:
    request = request_with(*items)
    began = time.process_time()
    with pytest.raises(ProtocolError, match="more items"):
        decode_association(request)
    assert time.process_time() - began < 0.2  # decoding these costs 0.1 to 0.5 s


def test_as_many_contexts_as_have_a_number_are_read() -> None:
    user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    request = request_with(*(context(30, 2 * n + 1) for n in range(MOST_CONTEXTS)), user)
    assert len(decode_association(request).presentation_context_definition_list) == MOST_CONTEXTS


# --- H6: one host takes no more than its share, and nobody keeps a place by being slow


def test_one_address_under_many_names_leaves_places_for_others(tmp_path: Path) -> None:
    with node(tmp_path) as (site, port):
        answers, held = [], []
        for number in range(64):
            held.append(connected(port, ATTACKER))
            held[-1].sendall(association_request(calling=b"EVIL%d" % (number % 8)))
            answers.append(held[-1].recv(4096)[0])
        assert answers.count(PduType.ASSOCIATE_AC) == 32
        assert answers.count(PduType.ASSOCIATE_RJ) == 32
        honest = connected(port)
        honest.sendall(association_request(calling=b"MRI1"))
        assert honest.recv(4096)[0] == PduType.ASSOCIATE_AC
        assert recent_rejections(site)[0].why == ADDRESS_HAS_TOO_MANY.words
        for each in (*held, honest):
            each.close()


def test_a_crowd_from_one_address_drops_its_own_connections() -> None:
    with memory(AcceptorLimits(pending=8)) as acceptor:
        early = connected(acceptor.port)  # an honest peer on a slow line
        crowd = [connected(acceptor.port, ATTACKER) for _ in range(40)]
        assert eventually(lambda: sum(map(is_closed, crowd)) >= 32)
        early.settimeout(30)
        early.sendall(association_request(calling=b"MRI1"))
        assert early.recv(4096)[0] == PduType.ASSOCIATE_AC


def drip(connection: socket.socket, seconds: float, size: int, pause: float) -> bool:
    """Begin a C-STORE, then send so many bytes of it again and again; whether the other side ends it in this time."""
    connection.sendall(pdv(store_request(), control=3))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            connection.sendall(pdv(bytes(size), control=0))
        except OSError:
            return True
        time.sleep(pause)
        if is_closed(connection):
            return True
        connection.settimeout(30)
    return False


def test_a_sender_that_drips_is_ended_and_a_slow_line_is_not() -> None:
    pdu = PduLimits(least_rate=1024, rate_seconds=0.5)  # as in a node, where the rate is taken over 60 s
    scp = MemoryScp()
    with memory(AcceptorLimits(pdu=pdu), scp) as acceptor:
        assert drip(associate(acceptor.port), 30.0, size=1, pause=0.05), "a byte at a time holds a place"
        assert eventually(lambda: any("less than 1024 bytes a second" in each for each in scp.ends))
        slow = associate(acceptor.port)
        assert not drip(slow, 1.5, size=400, pause=0.1), "4 kB a second are enough"
        slow.sendall(pdv(b"end", control=2))
        assert slow.recv(4096)[0] == PduType.P_DATA
    assert PduLimits().least_rate == 1024
    assert PduLimits().rate_seconds == 60.0


def test_our_own_slow_disk_does_not_count_against_the_sender() -> None:
    class SlowScp(MemoryScp):
        def open(self, *request: object) -> object:
            made = super().open(*request)  # type: ignore[arg-type]
            write = made.write
            made.write = lambda fragment: (time.sleep(0.3), write(fragment))[1]  # type: ignore[method-assign]
            return made

    with memory(AcceptorLimits(pdu=PduLimits(least_rate=10**6, rate_seconds=0.2)), SlowScp()) as acceptor:
        assert store(associate(acceptor.port), bytes(300_000)) == dimse.SUCCESS


# --- M8: a commitment request costs what it is worth


def commitment_request(count: int) -> bytes:
    pairs = [("1.2.840.10008.5.1.4.1.1.4", f"1.2.3.{n}") for n in range(count)]
    content = encode(request_of("1.9", pairs), True, True)
    assert content is not None
    return content


def test_the_largest_commitment_request_is_read_and_answered_in_a_moment() -> None:
    pairs = [("1.2.840.10008.5.1.4.1.1.4", f"1.2.3.{n}") for n in range(MOST_REFERENCES)]
    _, report = encode_report("1.9", pairs, set(), IMPLICIT)
    request = report.replace(b"\x08\x00\x98\x11", b"\x08\x00\x99\x11", 1)  # what failed is asked for again
    began = time.process_time()
    assert decode_request(request, IMPLICIT) == ("1.9", pairs)
    encode_report("1.9", pairs, set(pairs), IMPLICIT)
    assert time.process_time() - began < 1.0  # 0.2 s; by pydicom's objects 5 s
    larger = [*pairs, ("1.2", "1.3")]
    _, report = encode_report("1.9", larger, set(), IMPLICIT)
    with pytest.raises(TooManyReferences):
        decode_request(report.replace(b"\x08\x00\x98\x11", b"\x08\x00\x99\x11", 1), IMPLICIT)


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-1], lambda c: c[:8], lambda c: c + b"\x08\x00\x99\x11\xff\xff\xff\x7f"]
)
def test_a_commitment_request_that_lies_about_its_lengths_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadReport, match="cannot be read"):
        decode_request(spoil(commitment_request(1)), IMPLICIT)


def test_a_node_refuses_what_it_will_not_look_up_and_goes_on(tmp_path: Path) -> None:
    with node(tmp_path) as (_, port):
        assert asked(associate(port, abstract=PUSH_MODEL, syntax=IMPLICIT), commitment_request(1)) == dimse.SUCCESS
        _, report = encode_report("1.9", [("1.2", f"1.{n}") for n in range(MOST_REFERENCES + 1)], set(), IMPLICIT)
        larger = report.replace(b"\x08\x00\x98\x11", b"\x08\x00\x99\x11", 1)
        assert asked(associate(port, abstract=PUSH_MODEL, syntax=IMPLICIT), larger) == dimse.RESOURCE_LIMITATION
        assert (
            asked(associate(port, abstract=PUSH_MODEL, syntax=IMPLICIT), bytes(2 * 1024 * 1024 + 1))
            == dimse.RESOURCE_LIMITATION
        )


def asked(connection: socket.socket, data_set: bytes) -> int:
    """The status of an N-ACTION with this data set."""
    command = dimse.encode(
        {
            dimse.CommandElement.REQUESTED_SOP_CLASS_UID: PUSH_MODEL,
            dimse.CommandElement.REQUESTED_SOP_INSTANCE_UID: PUSH_MODEL + ".1",
            dimse.CommandElement.COMMAND_FIELD: int(dimse.CommandField.N_ACTION_RQ),
            dimse.CommandElement.MESSAGE_ID: 1,
            dimse.CommandElement.DATA_SET_TYPE: 1,
            dimse.CommandElement.ACTION_TYPE_ID: 1,
        }
    )
    connection.sendall(pdv(command, control=3))
    for offset in range(0, len(data_set), 100_000):
        part = data_set[offset : offset + 100_000]
        connection.sendall(pdv(part, control=2 if offset + 100_000 >= len(data_set) else 0))
    content = connection.recv(HEADER.size + 4096)
    return int(dimse.decode(content[12 : 6 + int.from_bytes(content[2:6], "big")])[dimse.CommandElement.STATUS])


# --- H6: a certificate is that of its AE title, and one that was revoked is none


@contextmanager
def secured(folder: Path, hospital: Authority, **dicom: object) -> Iterator[tuple[Site, int]]:
    ours = hospital.signs("node")
    tls = {"certificate": ours.certificate, "key": ours.key, "authorities": hospital.file}
    with node(folder, **tls, client_certificates="required", **dicom) as found:
        yield found


def called_as(port: int, title: bytes, shown: Signed, hospital: Authority) -> int:
    """Type of the PDU that answers who calls by this AE title with this certificate; 0 without an answer."""
    context = ssl.create_default_context(cafile=hospital.file)
    context.load_cert_chain(shown.certificate, shown.key)
    with connected(port) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        try:
            connection.sendall(association_request(calling=title))
            answer = connection.recv(4096)
        except OSError:
            return 0
        return answer[0] if answer else 0


def test_the_certificate_of_a_printer_does_not_call_as_a_scanner(tmp_path: Path) -> None:
    hospital = Authority(tmp_path)
    scanner, printer = (
        hospital.signs("mri1", host="mri1.hospital"),
        hospital.signs("printer7", host="printer7.hospital"),
    )
    bound = {"MRI1": "MRI1.hospital", "MRI2": hospital.fingerprint(printer), "PRN": "printer7.hospital"}
    with secured(tmp_path, hospital, certificates=bound) as (site, port):
        assert called_as(port, b"MRI1", scanner, hospital) == PduType.ASSOCIATE_AC
        assert called_as(port, b"MRI1", printer, hospital) == PduType.ASSOCIATE_RJ
        assert called_as(port, b"MRI2", printer, hospital) == PduType.ASSOCIATE_AC
        assert called_as(port, b"MRI2", scanner, hospital) == PduType.ASSOCIATE_RJ
        assert called_as(port, b"UNBOUND", scanner, hospital) == PduType.ASSOCIATE_AC
        assert {each.why for each in recent_rejections(site)} == {CERTIFICATE_OF_ANOTHER.words}


def test_a_revoked_certificate_is_refused_and_without_a_current_list_every_one(tmp_path: Path) -> None:
    hospital = Authority(tmp_path)
    scanner, stolen = hospital.signs("mri1"), hospital.signs("stolen")
    with secured(tmp_path / "a", hospital, crl=hospital.revokes(stolen)) as (_, port):
        assert called_as(port, b"MRI1", scanner, hospital) == PduType.ASSOCIATE_AC
        assert called_as(port, b"MRI1", stolen, hospital) == 0
    with secured(tmp_path / "b", hospital, crl=hospital.revokes(stolen, old=True)) as (_, port):
        assert called_as(port, b"MRI1", scanner, hospital) == 0


@pytest.mark.parametrize("wrong", [{"certificates": {"MRI1": "mri1.hospital"}}, {"crl": "/etc/crl.pem"}])
def test_certificates_and_revocations_need_client_certificates(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="client_certificates"):
        DicomSettings(**wrong)


def test_what_is_no_certificate_is_named() -> None:
    with pytest.raises(ValidationError, match="SHA-256"):
        DicomSettings(certificates={"MRI1": "no such / thing"})
