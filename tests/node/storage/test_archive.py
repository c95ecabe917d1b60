"""The archive: files under their digest, found changed or gone, removed with their folders."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import powercut
from dicom_io.encoding.part10 import InstanceFile
from dicom_io.network.service import Peer
from kept_studies import encoded
from live_node import instance
from node.errors import NotReady
from node.storage.archive import Archive, IntegrityLost

REPORT = ("report", "1.2", "9.1", "9", b"a report")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "root")


def test_result_objects_lie_under_their_digest_and_the_same_ones_again_change_nothing(archive: Archive) -> None:
    (kept,) = archive.keep_results("1.2.3", 1, [REPORT])
    assert kept.sha256 == hashlib.sha256(REPORT[-1]).hexdigest()
    assert archive.verified(kept.path, kept.sha256).read_bytes() == REPORT[-1]
    assert archive.keep_results("1.2.3", 1, [REPORT]) == [kept]
    assert not any(archive.temporary.iterdir())


def test_two_patients_under_one_study_uid_share_no_folder(archive: Archive) -> None:
    peer, kept = Peer("MRI1", "MOMENODE", "10.0.0.5"), []
    for name in ("Ann^One", "Bob^Two"):
        image = instance("1.2.3", PatientName=name)
        file = InstanceFile(archive.temporary_path(), image.SOPClassUID, image.SOPInstanceUID, "1.2.840.10008.1.2.1")
        file.write(memoryview(encoded(image)))
        kept += archive.keep_received([(file.finish(), peer)])
    first, second = (archive.root / each.path for each in kept)
    assert first.parent != second.parent and first.parent.parent == second.parent.parent
    assert kept[0].patient_digest != kept[1].patient_digest
    archive.remove([each.path for each in kept])
    assert list((archive.root / "instances").iterdir()) == []


def test_a_file_that_has_changed_is_not_used(archive: Archive) -> None:
    (kept,) = archive.keep_results("1.2.3", 1, [REPORT])
    (archive.root / kept.path).write_bytes(b"another report")
    with pytest.raises(IntegrityLost, match="changed on disk"):
        archive.verified(kept.path, kept.sha256)


def test_a_file_that_is_gone_is_named(archive: Archive) -> None:
    with pytest.raises(IntegrityLost, match="nowhere"):
        archive.verified("instances/nowhere.dcm", "0")


def test_the_last_file_takes_its_folders_along_but_not_those_below_the_root(archive: Archive) -> None:
    (kept,) = archive.keep_results("1.2.3", 1, [REPORT])
    archive.remove([kept.path, "results/never/there.dcm"])
    assert list((archive.root / "results").iterdir()) == []
    assert (archive.root / "instances").is_dir()


def test_what_a_crash_left_half_written_is_removed_at_start(archive: Archive) -> None:
    first, second = archive.temporary_path(), archive.temporary_path()
    assert first != second
    first.write_bytes(b"half")
    archive.clear_temporary(time.time())
    assert not first.exists()


def test_a_start_leaves_what_another_host_is_receiving_on_a_shared_root(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(f"{Archive.__module__}._this_host", lambda: "other-host")
        arriving, forgotten = archive.temporary_path(), archive.temporary_path()
    for each in (arriving, forgotten):
        each.write_bytes(b"half")
    now = time.time()
    os.utime(forgotten, (now - 90_000, now - 90_000))
    archive.clear_temporary(now)
    assert [each.exists() for each in (arriving, forgotten)] == [True, False]


def test_processes_of_two_containers_with_one_number_have_other_names(archive: Archive) -> None:
    program = (
        "import sys; from pathlib import Path; from node.storage.archive import Archive; "
        "print(Archive(Path(sys.argv[1])).temporary_path().name.split('-')[-1])"
    )
    names = {subprocess.check_output([sys.executable, "-c", program, archive.root]) for _ in range(2)}
    assert len(names) == 2


def test_a_root_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotReady, match="cannot be written"):
        Archive(tmp_path / "file")


MADE = (
    "import sys; from pathlib import Path; from node.search_key import SearchKey; "
    "from node.storage.archive import Archive, installation_uuid; root = Path(sys.argv[1]); "
    "archive = Archive(root); print(installation_uuid(root), SearchKey.open(root / 'search.key').fingerprint); "
    "archive.keep_results('1.2.3', 1, [('report', '1.2', '9.1', '9', b'a report')])"
)


@pytest.mark.skipif(not powercut.available(), reason="needs gcc, to see what a disk was told to sync")
def test_a_power_cut_after_the_first_start_leaves_the_roots_names_to_whom_they_are(tmp_path: Path) -> None:
    disk = powercut.Disk(tmp_path / "disk", tmp_path / "durable", powercut.build(tmp_path))
    disk.begin()
    command, environment = [sys.executable, "-c", MADE, str(tmp_path / "disk" / "root")], {**os.environ}
    first = subprocess.run(command, env=environment | disk.environment, capture_output=True, text=True, check=True)
    disk.cut()
    assert {each.name for each in (tmp_path / "disk" / "root").iterdir()} >= {"instances", "results", "search.key"}
    assert len(list((tmp_path / "disk" / "root" / "results").rglob("*.dcm"))) == 1
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert again.stdout == first.stdout, "the same UUID, by which the ledger knows it, and the same key"
