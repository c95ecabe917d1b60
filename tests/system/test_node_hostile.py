"""Thousands of broken connections and a hundred hostile instances: the node stays as it was."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pydicom.uid import MRImageStorage
from pynetdicom.sop_class import Verification

from dicom_io.network.dimse import CommandElement, CommandField, encode
from dicom_io.network.upper_layer import HEADER
from live_node import CANARY, LiveNode, instance, live_node, new_study, wait_for
from node.storage.health import HealthStore
from raw_peer import associate, association_request, element, pdv, store, store_request

pytestmark = pytest.mark.system
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
GIB = 2**30
PASSWD = Path("/etc/passwd")
FIELDS = (*(int(each) for each in CommandField), 0x0020, 0x0021, 0x0010, 0x0120, 0x0140, 0x0150, 0xFFFF)
BAD_UIDS = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    "1.2/../../x",
    "C:\\x",
    "1.2\0.3",
    "1.2;reboot",
    "$(id)",
    "",
    "a" * 64,
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("hostile"), quiet_seconds=3600) as running:
        running.start()
        yield running


def listener_of(node: LiveNode) -> psutil.Process:
    assert node.process is not None
    children = psutil.Process(node.process.pid).children()
    return next(each for each in children if "listener" in each.cmdline())


class Honest:
    """A modality that echoes and stores all the time while others misbehave; nothing of it may fail."""

    def __init__(self, node: LiveNode) -> None:
        self.node = node
        self.failures: list[str] = []
        self.rounds = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        study = new_study()
        while not self.stopping.is_set():
            image = instance(study)
            if not self.node.echo():
                self.failures.append("echo")
            if self.node.send([image]) != [image.SOPInstanceUID]:
                self.failures.append("store")
            self.rounds += 1

    def __enter__(self) -> Honest:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        wait_for(lambda: self.rounds >= 10, 60, "the modality to send for a while")
        self.stopping.set()
        self.thread.join(60)
        assert self.failures == []


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    memory: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> Footprint:
        return cls(process.memory_info().rss, process.num_fds(), process.num_threads())

    def is_kept_by(self, process: psutil.Process) -> bool:
        """Whether the process holds no more than before, but 5 % of memory and one association that may be open."""
        now = Footprint.of(process)
        return (
            now.memory <= 1.05 * self.memory
            and now.descriptors <= self.descriptors + 2
            and now.threads <= self.threads + 1
        )


def broken_connection(chance: random.Random) -> list[bytes]:
    """What a broken or malicious peer may write: garbage, mutated requests, mutated or misplaced messages."""
    request = bytearray(association_request())
    command = bytearray(store_request())
    kind = chance.randrange(6)
    if kind == 0:
        return [chance.randbytes(chance.randrange(1, 400))]
    if kind == 1:
        return [HEADER.pack(chance.randrange(256), chance.choice((0, 1, 7, 2**16, 2**31, 2**32 - 1)))]
    if kind == 2:
        for _ in range(chance.randrange(1, 8)):
            request[chance.randrange(6, len(request))] = chance.randrange(256)
        return [bytes(request)]
    if kind == 3:
        return [bytes(request[: chance.randrange(len(request))])]
    if kind == 4:
        for _ in range(chance.randrange(1, 8)):
            command[chance.randrange(len(command))] = chance.randrange(256)
        data = chance.randbytes(chance.randrange(300))
        return [bytes(request), pdv(bytes(command), control=3), pdv(data, control=2)]
    field, data_set = chance.choice(FIELDS), chance.choice((1, 0x101))
    message = encode(
        {CommandElement.COMMAND_FIELD: field, CommandElement.MESSAGE_ID: 1, CommandElement.DATA_SET_TYPE: data_set}
    )
    return [bytes(request), pdv(message, control=chance.randrange(8), context=chance.randrange(4))]


def write_all(port: int, parts: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.settimeout(0.05)
        for number, part in enumerate(parts):
            try:
                connection.sendall(part)
                if number == 0 and len(parts) > 1:
                    connection.recv(4096)
            except OSError:
                return


def test_5000_broken_connections_leave_the_node_as_it_was_and_disturb_nobody(node: LiveNode) -> None:
    chance, process = random.Random(20261125), listener_of(node)
    with Honest(node):
        for _ in range(200):
            write_all(node.settings.dicom.port, broken_connection(chance))
    time.sleep(1)
    before = Footprint.of(process)
    with Honest(node):
        for _ in range(5000):
            write_all(node.settings.dicom.port, broken_connection(chance))
    wait_for(lambda: before.is_kept_by(process), 20, "memory, descriptors and slots to be as before")
    assert listener_of(node) == process
    assert "defect" not in node.log.read_text()


def open_associations(node: LiveNode) -> int:
    """As the listener told last, for /metrics."""
    beats = HealthStore(node.ledger.engine).heartbeats()
    return next(each.associations for each in beats if each.part == "listener")


def half_open(port: int, *, dripping: bool) -> socket.socket:
    """A connection on which nothing comes after the first bytes, if any."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    if dripping:
        connection.sendall(HEADER.pack(1, 300))
    return connection


def test_32_half_open_or_dripping_connections_keep_nobody_out(node: LiveNode) -> None:
    """They are held for longer than the node bears them: who is cut off comes again."""
    port, echoes, until = node.settings.dicom.port, 0, time.monotonic() + 12
    held = [half_open(port, dripping=number % 2 == 0) for number in range(32)]
    while time.monotonic() < until:
        for number, connection in enumerate(held):
            try:
                if number % 2 == 0:
                    connection.sendall(b"\0")
                elif select.select([connection], [], [], 0)[0] and not connection.recv(1):
                    raise ConnectionResetError
            except OSError:
                connection.close()
                held[number] = half_open(port, dripping=number % 2 == 0)
        assert node.echo()
        echoes += 1
    assert echoes >= 20
    patient = node.associate(Verification)
    wait_for(lambda: open_associations(node) == 1, 40, "the open association to be told")
    patient.release()
    for each in held:
        each.close()


def identity(study: str = "1.2.3.9", instance_uid: bytes = b"1.2.3.4\0") -> bytes:
    padded = study.encode() + b"\0" * (len(study) % 2)
    return (
        element(0x00080016, b"UI", str(MRImageStorage).encode() + b"\0")
        + element(0x00080018, b"UI", instance_uid)
        + element(0x00100010, b"PN", CANARY.encode())
        + element(0x0020000D, b"UI", padded)
        + element(0x0020000E, b"UI", b"1.2.3.9.1\0")
    )


def hostile_data_sets() -> dict[str, bytes]:
    """A hundred and more data sets that must not be acknowledged."""
    whole = identity() + element(0x7FE00010, b"OW", bytes(5000))
    cases = {f"cut at {share} %": whole[: len(whole) * share // 100] for share in range(2, 100, 4)}
    nested = element(0x00400260, b"SQ", b"", 0xFFFFFFFF) + ITEM
    cases |= {f"{depth} nested": identity() + nested * depth for depth in (64, 65, 100, 1000, 4000, 20_000)}
    for uid in BAD_UIDS:
        cases[f"study UID {uid!r}"] = identity(study=uid)
        cases[f"instance UID {uid!r}"] = identity(instance_uid=uid.encode() + b"\0" * (len(uid) % 2))
    for length in (GIB, 2**31, 2**32 - 2, 5002, 5001):
        cases[f"pixel data claims {length}"] = identity() + element(0x7FE00010, b"OW", bytes(5000), length)
    for vr in (b"ZZ", b"\0\0", b"ui", b"??", b"\xff\xff"):
        cases[f"VR {vr!r}"] = identity() + struct.pack("<HH2sH", 0x0028, 0x0010, vr, 2) + b"\1\0"
    for tag in (0x00080005, 0x00100020, 0x0020000D):
        cases[f"tag {tag:08X} after higher ones"] = identity() + element(tag, b"LO", b"AB")
    for end in (0xFFFEE00D, 0xFFFEE0DD, 0xFFFEE000):
        cases[f"stray {end:08X}"] = identity() + struct.pack("<HHI", end >> 16, end & 0xFFFF, 0)
    for length in (1, 7, 0xFFFF):
        cases[f"item claims {length}"] = identity() + element(
            0x00400260, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, length), 8
        )
    chance = random.Random(7)
    cases |= {f"garbage {number}": chance.randbytes(chance.randrange(1, 3000)) for number in range(40)}
    return cases


def everything_outside(node: LiveNode) -> dict[Path, tuple[int, int]]:
    """Size and time of every file beside the storage root (but the log, which may grow)."""
    root = node.settings.storage.root
    files = [path for path in node.folder.rglob("*") if root not in path.parents and path not in (root, node.log)]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_a_hundred_hostile_instances_are_refused_and_leave_nothing(node: LiveNode) -> None:
    outside, passwd = everything_outside(node), PASSWD.stat().st_mtime_ns
    root, process = node.settings.storage.root, listener_of(node)
    cases = hostile_data_sets()
    assert len(cases) >= 100
    with Honest(node):
        pass  # what the node holds once it has received anything
    files, before = len(set(root.rglob("*.dcm"))), Footprint.of(process)
    with Honest(node) as modality:
        for name, data_set in cases.items():
            with associate(node.settings.dicom.port) as connection:
                assert store(connection, data_set) != 0, name
    assert everything_outside(node) == outside
    assert PASSWD.stat().st_mtime_ns == passwd
    assert len(set(root.rglob("*.dcm"))) - files == modality.rounds
    assert list((root / "temporary").iterdir()) == []
    wait_for(lambda: before.is_kept_by(process), 20, "memory, descriptors and slots to be as before")
    assert "CANARY" not in node.log.read_text()


def test_a_command_that_names_another_instance_is_refused(node: LiveNode) -> None:
    with associate(node.settings.dicom.port) as connection:
        assert store(connection, identity(), store_request("9.9.9")) == 0xC000
    with associate(node.settings.dicom.port) as connection:
        assert store(connection, identity(), store_request(sop_class_uid="1.2.840.10008.5.1.4.1.1.2")) == 0x0122


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"])
def test_deflated_and_big_endian_are_not_offered(node: LiveNode, syntax: str) -> None:
    with socket.create_connection(("127.0.0.1", node.settings.dicom.port), timeout=120) as connection:
        connection.sendall(association_request(syntax=syntax))
        answer = connection.recv(4096)
        result_of_the_context = answer[answer.index(b"\x21\x00") + 6]
        assert result_of_the_context == 4  # transfer syntaxes not supported


def test_text_that_would_harm_a_terminal_or_a_page_stays_one_line_of_json(node: LiveNode) -> None:
    title = b"\x1b[31m<b>\r\nX"
    with socket.create_connection(("127.0.0.1", node.settings.dicom.port), timeout=120) as connection:
        connection.sendall(association_request(calling=title))
        connection.recv(4096)
        connection.sendall(b"garbage that ends the association")
    wait_for(lambda: "<b>" in node.log.read_text(), 10, "the association's end in the log")
    assert "\x1b" not in node.log.read_text()
    assert all(line.startswith("{") for line in node.log.read_text().splitlines())
