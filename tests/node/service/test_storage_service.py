"""What the node keeps and what it refuses, over a real association, on a real disk and database."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
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

from dicom_io.network.acceptor import Acceptor
from dicom_io.network.commitment import CommitmentReport, request_commitment
from dicom_io.network.remote import RemoteAE
from node.admission import Admission
from node.reasons import ReasonCode
from node.service.group_commit import GroupCommit
from node.service.listener import open_acceptor
from node.service.storage_service import StorageService
from node.settings import Settings
from node.settings_sections import Destination
from node.storage import database
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.worklist import Worklist

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
    acceptor = open_acceptor(dicom, reception)
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
    assert [each.study.instances for each in Worklist(node.ledger.engine).rows()] == [10] * 4


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.3/../..", "1.2.03", "1..2", "1." + "2" * 70, "1.2.3; rm -rf"])
def test_an_invalid_uid_is_refused_and_no_file_is_left(node: Node, uid: str) -> None:
    hostile = instance()
    hostile["StudyInstanceUID"]._value = uid
    (status,) = node.store(hostile)
    assert status == 0xC000
    assert node.files() == []
    assert list(node.archive.temporary.iterdir()) == []


def test_a_disk_that_is_nearly_full_of_bytes_or_files_is_said_before_it_is_full(settings: Settings, node: Node) -> None:
    node.acceptor.service.reserve_bytes = 2**62  # type: ignore[attr-defined]
    assert node.store(instance()) == [0xA700]
    node.acceptor.service.reserve_bytes = 0  # type: ignore[attr-defined]
    node.acceptor.service.reserve_files = 2**63  # type: ignore[attr-defined]
    assert node.store(instance()) == [0xA700]
    node.acceptor.service.reserve_files = 0  # type: ignore[attr-defined]
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
    dicom = settings.dicom.model_copy(update={"callers": ("MODALITY",)})
    reception.admission = Admission(dicom, ())  # type: ignore[attr-defined]
    assert node.associate("STRANGER").is_rejected
    assert node.store(instance()) == [0]


def test_a_destination_that_is_no_caller_may_connect_and_sends_only_what_was_asked_for(node: Node) -> None:
    pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)
    dicom = node.settings.dicom.model_copy(update={"callers": ("MODALITY",)})
    node.acceptor.service.admission = Admission(dicom, (pacs,))  # type: ignore[attr-defined]
    association = node.associate("PACS")
    assert association.is_established
    statuses = [
        int(association.send_c_store(instance(), originator_aet=title, originator_id=1).Status)
        for title in (None, "SOMEONE", "MOMENODE")
    ]
    association.release()
    assert statuses == [0x0124, 0x0124, 0]
    assert len(list(node.ledger.reading.instances())) == 1
    reasons = [each.fields.reason for each, _ in node.ledger.audit.entries() if each.event == "REJECTED"]
    assert reasons == [ReasonCode.NOT_A_CALLER]


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
