"""What was acknowledged is there after kill -9 and after a power cut, whole and once."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

import powercut
from live_node import LiveNode, instance, live_node, new_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(5400)]  # fifty starts and kills take six minutes
ASSOCIATIONS = 4
few_and_many = pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.exhaustive)])
needs_compiler = pytest.mark.skipif(not powercut.available(), reason="needs gcc, to see what a disk was told to sync")


class Modality:
    """Sends studies over several associations at once, and remembers what was acknowledged."""

    def __init__(self, node: LiveNode, chance: random.Random) -> None:
        self.node, self.chance = node, chance
        self.sent: dict[str, Dataset] = {}
        self.acknowledged: set[str] = set()

    def send_until_killed(self, instances: int = 300) -> None:
        """A new study on each association; the node is killed at some moment of it."""
        batches = [[instance(study) for _ in range(instances)] for study in (new_study() for _ in range(ASSOCIATIONS))]
        self.sent |= {str(each.SOPInstanceUID): each for batch in batches for each in batch}
        senders = [threading.Thread(target=self.send, args=(batch,)) for batch in batches]
        before = len(self.acknowledged)
        for each in senders:
            each.start()
        while len(self.acknowledged) == before:
            time.sleep(0.01)
        time.sleep(self.chance.uniform(0.0, 1.2))
        self.node.kill()
        for each in senders:
            each.join()

    def send(self, batch: list[Dataset]) -> None:
        self.acknowledged.update(self.node.send(batch))


def require_whole(node: LiveNode) -> set[str]:
    """Each instance once, with its own bytes, and no file torn; gives the SOP Instance UIDs."""
    ledger, root = node.ledger, node.settings.storage.root
    stored = list(ledger.reading.instances())
    ledger.engine.dispose()  # or its last connection would put the database's files in order at any later moment
    for _, sha256, path in stored:
        assert hashlib.sha256((root / path).read_bytes()).hexdigest() == sha256, "an acknowledged file is torn"
    for file in (root / "instances").rglob("*.dcm"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.stem, "a torn file has its final name"
    assert len({uid for uid, _, _ in stored}) == len({path for _, _, path in stored}) == len(stored)
    return {uid for uid, _, _ in stored}


def require_repeats_are_one_record(modality: Modality) -> None:
    """The modality sends again what was not acknowledged, and some that was."""
    node = modality.node
    again = modality.chance.sample(list(modality.sent.values()), 200)
    node.send_until_all_are_kept(again)
    kept = require_whole(node)
    assert {str(each.SOPInstanceUID) for each in again} <= kept <= modality.sent.keys()
    assert node.ledger.audit.verify().entries > 0


@few_and_many
def test_nothing_acknowledged_is_lost_when_the_node_is_killed_under_load(tmp_path: Path, times: int) -> None:
    with live_node(tmp_path, quiet_seconds=3600) as node:
        modality = Modality(node, random.Random(6))
        for _ in range(times):
            node.start()
            modality.send_until_killed()
            assert modality.acknowledged <= require_whole(node)
        node.start()
        require_repeats_are_one_record(modality)
        assert node.stop() == 0
        assert list((node.settings.storage.root / "temporary").iterdir()) == []
    assert len(modality.acknowledged) > 10 * times
    print(f"killed {times} times: {len(modality.acknowledged)} acknowledged, none lost")


@needs_compiler
@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.exhaustive)])
def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path, times: int) -> None:
    with live_node(tmp_path, quiet_seconds=3600) as node:
        disk = powercut.Disk(node.settings.storage.root, tmp_path / "durable", powercut.build(tmp_path))
        modality = Modality(node, random.Random(7))
        for _ in range(times):
            disk.begin()
            node.start(**disk.environment)
            modality.send_until_killed()
            disk.cut()
            assert modality.acknowledged <= require_whole(node)
        node.start()
        require_repeats_are_one_record(modality)
    assert len(modality.acknowledged) > 10 * times
    print(f"power cut {times} times: {len(modality.acknowledged)} acknowledged, none lost")


WRITER = """
import os, sys
def write(name, content, sync):
    with open(name, "wb") as file:
        file.write(content)
        file.flush()
        if sync:
            os.fsync(file.fileno())
def sync_folder():
    folder = os.open(".", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
write("synced", b"old", True)
write("never-synced", b"lost", False)
sync_folder()
write("synced", b"newer, not synced", False)
write("name-not-synced", b"content is", True)
"""


@needs_compiler
def test_the_simulated_disk_forgets_what_was_not_synced(tmp_path: Path) -> None:
    disk = powercut.Disk(tmp_path / "disk", tmp_path / "durable", powercut.build(tmp_path))
    disk.folder.mkdir()
    (disk.folder / "before").write_bytes(b"was here")
    disk.begin()
    environment = {**os.environ, **disk.environment}
    subprocess.run([sys.executable, "-c", WRITER], cwd=disk.folder, env=environment, check=True)
    disk.cut()
    left = {each.name: each.read_bytes() for each in disk.folder.iterdir()}
    assert left == {"before": b"was here", "synced": b"old", "never-synced": b""}
