"""What the node keeps and what it refuses, over a real association, on a real disk and database."""

from __future__ import annotations

import json
import logging
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import MRImageStorage

from dicom_io.encoding.part10 import InstanceFile, NotAnInstance
from dicom_io.network.acceptor import Acceptor
from dicom_io.network.association import Peer
from dicom_io.network.commitment import CommitmentReport, request_commitment
from dicom_io.network.scu import RemoteAE
from node.service.listener import FRESH_S, AuditWriter, GroupCommit, IncomingInstance, StorageService, open_acceptor
from node.settings import Settings
from node.storage import database
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview

CANARY = "ZZPHI^CANARY"


@dataclass
class Node:
    settings: Settings
    archive: Archive
    ledger: Ledger
    acceptor: Acceptor

    def associate(self, ae_title: str = "MODALITY") -> Association:
        context = build_context(MRImageStorage, ExplicitVRLittleEndian)
        return AE(ae_title).associate("127.0.0.1", self.acceptor.port, [context], ae_title="MOMENODE")

    def store(self, *instances: Dataset) -> list[int]:
        association = self.associate()
        statuses = [int(association.send_c_store(each).Status) for each in instances]
        association.release()
        return statuses

    def files(self) -> list[Path]:
        return [each for each in self.archive.root.joinpath("instances").rglob("*") if each.is_file()]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"}, dicom={"port": 1})


@pytest.fixture
def node(settings: Settings) -> Iterator[Node]:
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    group_commit = GroupCommit(archive, ledger)
    dicom = settings.dicom.model_copy(update={"port": 0})
    reception = StorageService(settings, archive, ledger, group_commit)
    acceptor = open_acceptor(settings.model_copy(update={"dicom": dicom}), reception)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    yield Node(settings, archive, ledger, acceptor)
    acceptor.stop(1.0)
    thread.join(5)


def instance(study: str = "1.2.3", size: int = 500, **values: object) -> Dataset:
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID, data_set.SOPInstanceUID = MRImageStorage, generate_uid()
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study, study + ".1"
    data_set.PatientName, data_set.PatientID = CANARY, CANARY
    data_set.PixelData = bytes(size)
    data_set["PixelData"].VR = "OW"
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def test_an_acknowledged_instance_is_a_readable_file_and_a_row(node: Node) -> None:
    sent = instance()
    assert node.store(sent) == [0]
    ((uid, sha256, path),) = node.ledger.reading.instances()
    file = node.archive.verified(path, sha256)
    kept = dcmread(file)
    assert uid == sent.SOPInstanceUID == kept.SOPInstanceUID
    assert kept.PixelData == sent.PixelData
    assert file.read_bytes()[:128] == bytes(128)
    assert CANARY not in str(file)


def test_nobody_waits_for_an_instance_that_comes_slowly_or_was_given_up(settings: Settings) -> None:
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    group_commit = GroupCommit(archive, ledger)
    peer = Peer("MODALITY", "MOMENODE", "127.0.0.1")

    def arriving() -> IncomingInstance:
        file = InstanceFile(archive.temporary_path(), MRImageStorage, "1.2", ExplicitVRLittleEndian)
        return IncomingInstance(file, peer, group_commit, AuditWriter(ledger), 1000)

    given_up, slow = arriving(), arriving()
    assert group_commit.worth_waiting()
    given_up.discard()
    assert len(group_commit.arriving) == 1
    time.sleep(2 * FRESH_S)
    assert not group_commit.worth_waiting()
    slow.discard()
    assert not group_commit.arriving


def test_the_same_instance_twice_is_one_file_and_one_row(node: Node) -> None:
    sent = instance()
    assert node.store(sent, sent) == [0, 0]
    assert node.store(sent) == [0]
    assert len(node.files()) == 1
    assert len(list(node.ledger.reading.instances())) == 1


def test_other_pixels_under_the_same_uid_are_refused_and_kept_aside(node: Node) -> None:
    sent = instance()
    node.store(sent)
    first = next(iter(node.ledger.reading.instances()))
    sent.PixelData = b"\x01" * 500
    assert node.store(sent) == [0x0111]
    assert list(node.ledger.reading.instances()) == [first]
    assert len(node.files()) == 2
    assert node.ledger.reading.study("1.2.3").study.conflict


def test_many_associations_at_once_lose_nothing(node: Node) -> None:
    sent = [[instance(f"1.{study}") for _ in range(10)] for study in range(4)]
    senders = [threading.Thread(target=node.store, args=batch) for batch in sent]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert {uid for uid, _, _ in node.ledger.reading.instances()} == {
        each.SOPInstanceUID for batch in sent for each in batch
    }
    assert [each.instances for each in Overview(node.ledger.engine).worklist()] == [10] * 4


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.3/../..", "1.2.03", "1..2", "1." + "2" * 70, "1.2.3; rm -rf"])
def test_an_invalid_uid_is_refused_and_no_file_is_left(node: Node, uid: str) -> None:
    hostile = instance()
    hostile["StudyInstanceUID"]._value = uid
    (status,) = node.store(hostile)
    assert status == 0xC000
    assert node.files() == []
    assert list(node.archive.temporary.iterdir()) == []


def test_a_nearly_full_disk_is_said_before_it_is_full(settings: Settings, node: Node) -> None:
    node.acceptor.service.reserve_bytes = 2**62  # type: ignore[attr-defined]
    assert node.store(instance()) == [0xA700]
    node.acceptor.service.reserve_bytes = 0  # type: ignore[attr-defined]
    assert node.store(instance()) == [0]


def test_a_database_that_is_locked_too_long_means_no_success(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    node.ledger.engine.dispose()
    node.ledger.receiving.engine = database.open_engine(node.settings.database_url)
    holder = sqlite3.connect(node.settings.storage.root / "ledger.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    sent = instance()
    assert node.store(sent) == [0xA700]
    holder.execute("ROLLBACK")
    holder.close()
    assert node.store(sent) == [0]
    assert len(list(node.ledger.reading.instances())) == 1


def test_callers_and_called_title_are_checked_when_the_site_wants_it(settings: Settings, node: Node) -> None:
    reception = node.acceptor.service
    reception.dicom = settings.dicom.model_copy(update={"callers": ("MODALITY",)})  # type: ignore[attr-defined]
    assert node.associate("STRANGER").is_rejected
    assert node.store(instance()) == [0]


def test_a_sender_may_ask_us_to_answer_for_what_it_sent(node: Node) -> None:
    kept, lost = instance(), instance()
    node.store(kept, lost)
    path = next(path for uid, _, path in node.ledger.reading.instances() if uid == lost.SOPInstanceUID)
    (node.settings.storage.root / path).unlink()
    asked = [(str(MRImageStorage), uid) for uid in (kept.SOPInstanceUID, lost.SOPInstanceUID, "1.2.3.404")]
    remote = RemoteAE("node", "MOMENODE", "127.0.0.1", node.acceptor.port)
    answered = request_commitment("MODALITY", remote, "1.2.3.5", asked)
    assert answered == CommitmentReport("1.2.3.5", (str(kept.SOPInstanceUID),), (str(lost.SOPInstanceUID), "1.2.3.404"))
    assert node.store(instance()) == [0]


def test_nothing_that_is_logged_names_the_patient(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="node"):
        sent = instance()
        node.store(sent)
        sent.PixelData = b"\x01" * 500
        node.store(sent)
        hostile = instance()
        hostile["StudyInstanceUID"]._value = CANARY
        node.store(hostile)
    logged = json.dumps([record.getMessage() + str(record.__dict__) for record in caplog.records], default=str)
    assert "CANARY" not in logged


# --- the walk


def explicit(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return head + (struct.pack("<xxI", size) if vr in (b"SQ", b"OB", b"OW", b"UN") else struct.pack("<H", size)) + value


IDENTITY = (
    explicit(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.4\0")
    + explicit(0x00080018, b"UI", b"1.2.3.4\0")
    + explicit(0x0020000D, b"UI", b"1.2\0")
    + explicit(0x0020000E, b"UI", b"1.3\0")
)
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
NESTED = (explicit(0x00400260, b"SQ", b"", 0xFFFFFFFF) + ITEM) * 20_000


def received(tmp_path: Path, data_set: bytes) -> None:
    file = InstanceFile(tmp_path / "x", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4", str(ExplicitVRLittleEndian))
    file.write(memoryview(data_set))
    try:
        file.finish()
    finally:
        file.discard()


@pytest.mark.parametrize(
    ("data_set", "why"),
    [
        pytest.param(IDENTITY[:-3], "longer than what holds it", id="cut inside a value"),
        pytest.param(IDENTITY + b"\x28\x00\x10", "ends inside an element", id="cut inside a header"),
        pytest.param(IDENTITY + explicit(0x7FE00010, b"OW", b"\0" * 10, 2**30), "longer than", id="claims 1 GiB"),
        pytest.param(IDENTITY + NESTED, "nested deeper", id="20,000 nested sequences"),
        pytest.param(IDENTITY + explicit(0x00100020, b"LO", b"AB"), "ascending", id="tags descend"),
        pytest.param(IDENTITY + explicit(0x00280010, b"ZZ", b"\0\0"), "unknown VR", id="unknown VR"),
        pytest.param(IDENTITY.replace(b"1.2.3.4\0", b"1.2.3.5\0"), "announced", id="other instance than announced"),
        pytest.param(IDENTITY.replace(b"UI\x04\x001.2\0", b"LO\x04\x001.2 "), "wrong VR", id="study UID with VR LO"),
        pytest.param(explicit(0x00080016, b"UI", b"1.2\0"), "no valid UID", id="no study"),
        pytest.param(b"", "no valid UID", id="empty"),
    ],
)
def test_a_data_set_that_lies_is_refused_with_the_reason(tmp_path: Path, data_set: bytes, why: str) -> None:
    with pytest.raises(NotAnInstance, match=why):
        received(tmp_path, data_set)
    assert list(tmp_path.iterdir()) == []


def test_an_honest_data_set_with_nested_sequences_passes(tmp_path: Path) -> None:
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    nested = (explicit(0x00400260, b"SQ", b"", 0xFFFFFFFF) + ITEM) * 20 + end * 20
    received(tmp_path, IDENTITY + nested)
