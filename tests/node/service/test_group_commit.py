"""Instances that finish at the same time share one commit; what cannot be kept refuses its own group only."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.sop_class import MRImageStorage

from dicom_io.encoding.part10 import InstanceFile
from dicom_io.network.service import InstanceRefused, Peer
from node.service.audit_writer import AuditWriter
from node.service.group_commit import FRESH_S, GroupCommit
from node.service.storage_service import IncomingInstance
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoreOutcome
from raw_peer import element

MRI1 = Peer("MRI1", "MOMENODE", "10.0.0.5")


def data_set(sop_instance_uid: str) -> memoryview:
    uids = {0x00080016: str(MRImageStorage), 0x00080018: sop_instance_uid, 0x0020000D: "1.2", 0x0020000E: "1.3"}
    padded = {tag: uid.encode() + b"\0" * (len(uid) % 2) for tag, uid in uids.items()}
    return memoryview(b"".join(element(tag, b"UI", value) for tag, value in padded.items()))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"})


@pytest.fixture
def group_commit(settings: Settings) -> GroupCommit:
    return GroupCommit(Archive(settings.storage.root), Ledger(settings.database_url))


def incoming(group_commit: GroupCommit, uid: str = "1.2.3.4") -> InstanceFile:
    """A file whose bytes are all there, expected and not yet finished."""
    path = group_commit.archive.temporary_path()
    file = InstanceFile(path, str(MRImageStorage), uid, str(ExplicitVRLittleEndian))
    group_commit.expect(file)
    file.write(data_set(uid))
    return file


def test_nobody_waits_for_an_instance_that_comes_slowly_or_was_given_up(group_commit: GroupCommit) -> None:
    archive, ledger = group_commit.archive, group_commit.ledger
    peer = Peer("MODALITY", "MOMENODE", "127.0.0.1")

    def arriving() -> IncomingInstance:
        file = InstanceFile(archive.temporary_path(), MRImageStorage, "1.2", ExplicitVRLittleEndian)
        return IncomingInstance(file, peer, group_commit, [AuditWriter(ledger)], 1000)

    given_up, slow = arriving(), arriving()
    assert group_commit.worth_waiting()
    given_up.discard()
    assert len(group_commit.arriving) == 1
    time.sleep(2 * FRESH_S)
    assert not group_commit.worth_waiting()
    slow.discard()
    assert not group_commit.arriving


def test_one_instance_alone_is_stored_at_once_and_the_second_time_is_known(group_commit: GroupCommit) -> None:
    first, again = (group_commit.store(incoming(group_commit), MRI1)[1] for _ in range(2))
    assert (first, again) == (StoreOutcome.STORED, StoreOutcome.DUPLICATE)
    assert not group_commit.busy and not group_commit.waiting


def test_what_another_sender_repeats_leaves_no_second_file(group_commit: GroupCommit) -> None:
    group_commit.store(incoming(group_commit), MRI1)
    pacs = Peer("PACS", "MOMENODE", "10.0.0.6")
    assert group_commit.store(incoming(group_commit), pacs)[1] is StoreOutcome.DUPLICATE
    assert group_commit.store(incoming(group_commit, "1.2.3.9"), pacs)[1] is StoreOutcome.SET_ASIDE
    assert group_commit.store(incoming(group_commit, "1.2.3.9"), pacs)[1] is StoreOutcome.SET_ASIDE
    there = group_commit.archive.instance_files()
    assert len(there) == 2
    kept = group_commit.archive.root / next(path for _, _, path in group_commit.ledger.reading.instances())
    assert kept in there
    kept.unlink()  # lost: then the repeated file is the only one
    group_commit.store(incoming(group_commit), pacs)
    assert len(group_commit.archive.instance_files()) == 2


def test_those_that_wait_are_committed_by_the_first_of_them(group_commit: GroupCommit) -> None:
    files = [incoming(group_commit, f"1.2.3.{number}") for number in range(8)]
    groups: list[int] = []
    commit = group_commit.commit

    def counted(group: list[object]) -> None:
        groups.append(len(group))
        commit(group)  # type: ignore[arg-type]

    group_commit.commit = counted  # type: ignore[method-assign, assignment]
    group_commit.busy = True  # another is at the commit, until all have come
    threads = [threading.Thread(target=group_commit.store, args=(file, MRI1)) for file in files]
    for each in threads:
        each.start()
    while len(group_commit.waiting) < len(files):
        time.sleep(0.001)
    group_commit.waiting[0].wake()  # it is its turn
    for each in threads:
        each.join(30)
    assert groups == [len(files)]
    assert len(list(group_commit.ledger.reading.instances())) == len(files)


def test_a_disk_that_takes_nothing_refuses_the_instance_and_the_next_is_stored(group_commit: GroupCommit) -> None:
    kept = group_commit.archive.root
    group_commit.archive.root = Path("/proc/nowhere")
    with pytest.raises(InstanceRefused):
        group_commit.store(incoming(group_commit, "1.2.3.5"), MRI1)
    group_commit.archive.root = kept
    assert group_commit.store(incoming(group_commit, "1.2.3.6"), MRI1)[1] is StoreOutcome.STORED
