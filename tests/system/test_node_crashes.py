"""The node is killed where it hurts most; every study still ends with one result in a real PACS."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import orthanc
from live_node import CANARY, SLOWEST_MACHINE, LiveNode, instance, live_node, new_study, wait_for
from node.crashpoints import NAMES
from node.jobs import JobKind
from node.settings_sections import Destination
from node.states import StudyState

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def pacs() -> Iterator[orthanc.Orthanc]:
    if not orthanc.available():
        pytest.skip("Orthanc is not installed: crashes were not tested against a real PACS")
    with orthanc.running() as server:
        yield server


def destination(pacs: orthanc.Orthanc, *, commitment: bool = False) -> Destination:
    return Destination(
        name="pacs", ae_title=pacs.ae_title, host="127.0.0.1", port=pacs.dicom_port, commitment=commitment
    )


def in_pacs(pacs: orthanc.Orthanc, study: str) -> list[str]:
    """SOP Instance UIDs that the PACS holds of a study."""
    found = pacs.find("Instance", {"StudyInstanceUID": study})
    return [each["MainDicomTags"]["SOPInstanceUID"] for each in found]


def require_whole_store(node: LiveNode) -> set[str]:
    """Every row has its file with its digest, and no file is torn or left over; gives the UIDs."""
    stored = list(node.ledger.reading.instances())
    root = node.settings.storage.root
    for _, sha256, path in stored:
        assert hashlib.sha256((root / path).read_bytes()).hexdigest() == sha256
    for file in (root / "instances").rglob("*.dcm"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.stem
    assert len({uid for uid, _, _ in stored}) == len(stored)
    return {uid for uid, _, _ in stored}


@pytest.mark.parametrize("point", NAMES)
def test_a_crash_at_any_named_point_ends_in_one_result(pacs: orthanc.Orthanc, tmp_path: Path, point: str) -> None:
    study = new_study()
    images = [instance(study) for _ in range(5)]
    with live_node(tmp_path, destination(pacs, commitment=True)) as node:
        pacs.know("node", "MOMENODE", node.settings.dicom.port)
        visit = ":3" if point.startswith("store.") else ""
        node.start(MOME_CRASHPOINT=point + visit)
        node.send_until_all_are_kept(images)
        wait_for(lambda: "is started again" in node.log.read_text(), 60, f"the crash at {point}")
        detail = node.outcome(study, "DELIVERED", "FAILED", seconds=120)
        assert node.stop() == 0
        assert require_whole_store(node) == {str(each.SOPInstanceUID) for each in images}
        assert list((node.settings.storage.root / "temporary").iterdir()) == []
    assert detail.study.state is StudyState.DELIVERED
    assert detail.study.revision == 1
    assert in_pacs(pacs, study) == [detail.objects[0].sop_instance_uid]
    (delivery,) = [job for job in detail.jobs if job.kind is JobKind.DELIVER]
    assert delivery.receipts[0].committed_at is not None


@pytest.mark.exhaustive
def test_nothing_acknowledged_is_lost_when_the_node_is_killed_under_load(tmp_path: Path) -> None:
    chance, acknowledged = random.Random(6), set[str]()
    with live_node(tmp_path, quiet_seconds=3600) as node:
        for _ in range(10):
            node.start()
            batches = [[instance(study) for _ in range(200)] for study in (new_study() for _ in range(4))]
            senders = [
                threading.Thread(target=lambda batch: acknowledged.update(node.send(batch)), args=(batch,))
                for batch in batches
            ]
            for each in senders:
                each.start()
            time.sleep(chance.uniform(0.2, 1.5))
            node.kill()
            for each in senders:
                each.join()
        node.start()
        kept = require_whole_store(node)
        node.stop()
    assert len(acknowledged) > 50
    assert acknowledged <= kept


@pytest.mark.exhaustive
def test_a_study_in_gathering_is_taken_up_after_a_restart(pacs: orthanc.Orthanc, tmp_path: Path) -> None:
    study = new_study()
    with live_node(tmp_path, destination(pacs), quiet_seconds=4.0) as node:
        node.start()
        node.send_until_all_are_kept([instance(study) for _ in range(3)])
        node.kill()
        time.sleep(4)
        node.start()
        node.outcome(study, "DELIVERED")


@pytest.mark.exhaustive
def test_when_only_the_supervisor_is_killed_its_processes_leave_the_port(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        assert node.process is not None
        node.process.kill()
        node.process.wait()
        wait_for(lambda: not node.echo(), 5, "the orphaned listener to end")
        node.start()
        assert node.stop() == 0


@pytest.mark.exhaustive
def test_sigterm_under_load_ends_within_15_seconds_without_a_torn_file(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with live_node(tmp_path, quiet_seconds=3600) as node:
        node.start()
        images = [instance("1.2.3", size=200_000) for _ in range(500)]
        sender = threading.Thread(target=lambda: acknowledged.extend(node.send(images)))
        sender.start()
        time.sleep(1)
        started = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - started < 15 * SLOWEST_MACHINE
        sender.join(240)
        assert set(acknowledged) <= require_whole_store(node)
        assert acknowledged


@pytest.mark.exhaustive
def test_a_second_node_on_the_same_sqlite_ledger_is_refused(tmp_path: Path) -> None:
    with live_node(tmp_path) as first, live_node(tmp_path) as second:
        first.start()
        second.settings = second.settings.model_copy(update={"storage": first.settings.storage})
        second.folder = tmp_path / "second"
        second.folder.mkdir()
        with pytest.raises(AssertionError):
            second.start()
            assert second.echo()
        assert "two nodes share work only on PostgreSQL" in second.log.read_text()
        assert first.echo()


@pytest.mark.exhaustive
def test_no_line_of_the_log_and_no_file_name_names_the_patient(pacs: orthanc.Orthanc, tmp_path: Path) -> None:
    study = new_study()
    with live_node(tmp_path, destination(pacs)) as node:
        node.start()
        images = [instance(study) for _ in range(2)]
        node.send_until_all_are_kept(images)
        images[0].PixelData = bytes(2000)
        node.send(images)
        node.outcome(study, "FAILED", "DELIVERED")
        node.stop()
        assert "CANARY" not in node.log.read_text()
        assert not [each for each in tmp_path.rglob("*") if CANARY[:5] in each.name]
        outside_the_store = [each for each in tmp_path.rglob("*") if each.is_file() and each.suffix != ".dcm"]
        assert not [each for each in outside_the_store if b"CANARY" in each.read_bytes()]
