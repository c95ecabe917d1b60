"""The disk, the database, the clock and the machine fail under a running node: what spec/reliability.md wants of it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom.sop_class import MRImageStorage

from live_node import SLOWEST_MACHINE, LiveNode, instance, live_node, new_study, wait_for
from node.exit_codes import Exit
from node.jobs import JobKind
from node.settings_file import settings_toml
from node.states import StudyState

pytestmark = pytest.mark.system
OUT_OF_RESOURCES = 0xA700
MIB = 2**20
LIBFAKETIME = next((Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


def statuses(node: LiveNode, instances: Sequence[Dataset]) -> list[int]:
    """How each instance was answered, all over one association."""
    association = node.associate(MRImageStorage)
    answered = [int(association.send_c_store(each).Status) for each in instances]
    association.release()
    return answered


def parts(node: LiveNode) -> dict[str, int]:
    """The processes of the node by name."""
    assert node.process is not None
    children = psutil.Process(node.process.pid).children()
    return {each.cmdline()[-2]: each.pid for each in children}


def all_kept_are_whole(node: LiveNode, sent: Sequence[Dataset]) -> bool:
    """Whether every instance of these is in the ledger and its file holds what was sent."""
    rows = {uid: path for uid, _, path in node.ledger.reading.instances()}
    root = node.settings.storage.root
    return all(dcmread(root / rows[str(each.SOPInstanceUID)]).PixelData == each.PixelData for each in sent)


def mome_node(command: str, config: Path) -> subprocess.CompletedProcess[str]:
    """A command of the node, to its end."""
    line = [sys.executable, "-m", "node.cli.main", command, "--config", str(config)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def goes_on(node: LiveNode) -> None:
    """A new study is received, analysed and done."""
    study = new_study()
    node.send_until_all_are_kept([instance(study)])
    node.outcome(study, "ANALYZED", "DELIVERED")


# --- F9: the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs root, to mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def node_on(folder: Path, disk: Path, reserve_mib: int = 8) -> Iterator[LiveNode]:
    """A running node whose storage root is on that disk and whose log is not."""
    with live_node(folder) as node:
        storage = node.settings.storage.model_copy(update={"root": disk / "root", "reserve_mib": reserve_mib})
        node.settings = node.settings.model_copy(update={"storage": storage})
        node.start()
        yield node


def test_a_disk_that_fills_up_is_said_before_it_is_full_and_takes_again_when_it_is_not(
    tmp_path: Path, small_disk: Path
) -> None:
    with node_on(tmp_path, small_disk) as node:
        before = parts(node)
        images = [instance(new_study(), size=MIB) for _ in range(60)]
        answers = statuses(node, images)
        kept = [each for each, status in zip(images, answers, strict=True) if status == 0]
        assert set(answers) == {0, OUT_OF_RESOURCES}
        assert answers == sorted(answers), "an instance was kept after one was refused"
        assert shutil.disk_usage(small_disk).free > 4 * MIB
        assert node.echo()
        assert all_kept_are_whole(node, kept)
        assert list((small_disk / "root" / "temporary").iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=96m", str(small_disk)], check=True)
        assert set(statuses(node, images)) == {0}
        goes_on(node)
        assert parts(node) == before
        assert "defect" not in node.log.read_text()


def test_a_disk_that_others_fill_to_the_last_byte_costs_no_process_and_no_acknowledged_image(
    tmp_path: Path, small_disk: Path
) -> None:
    with node_on(tmp_path, small_disk, reserve_mib=1) as node:
        before = parts(node)
        first = [instance(new_study(), size=MIB) for _ in range(5)]
        assert set(statuses(node, first)) == {0}
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(65536)):
                    continue
            except OSError:
                pass
        for _ in range(10):
            assert statuses(node, [instance(new_study(), size=MIB)]) == [OUT_OF_RESOURCES]
            assert node.echo()
            time.sleep(0.5)
        filler.unlink()
        wait_for(lambda: statuses(node, [instance(new_study())]) == [0], 20, "the node to take images again")
        assert all_kept_are_whole(node, first)
        goes_on(node)
        assert parts(node) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount the storage root read-only")
def test_a_storage_root_that_becomes_read_only_is_answered_with_a700_until_it_is_writable(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        before, root = parts(node), str(node.settings.storage.root)
        first = [instance(new_study())]
        assert statuses(node, first) == [0]
        subprocess.run(["mount", "--bind", root, root], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
            assert statuses(node, [instance(new_study())]) == [OUT_OF_RESOURCES]
            assert node.echo()
        finally:
            subprocess.run(["umount", "--lazy", root], check=True)
        wait_for(lambda: statuses(node, [instance(new_study())]) == [0], 20, "the node to take images again")
        assert all_kept_are_whole(node, first)
        goes_on(node)
        assert parts(node) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount the storage root read-only")
def test_a_storage_root_that_is_read_only_stops_the_start(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(root)], check=True)
    try:
        with live_node(tmp_path) as node:
            (tmp_path / "node.toml").write_text(settings_toml(node.settings))
            refused = mome_node("serve", tmp_path / "node.toml")
        assert refused.returncode == Exit.NOT_READY
        assert "cannot be written: Read-only file system" in refused.stdout + refused.stderr
    finally:
        subprocess.run(["umount", str(root)], check=True)


# --- F10, F11: the database


@pytest.mark.exhaustive
def test_a_database_that_is_locked_for_30_s_means_no_success_and_then_all_goes_on(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        goes_on(node)  # each process has begun: one that begins with a locked database ends, and is started again
        before = parts(node)
        holder = sqlite3.connect(node.settings.storage.root / "ledger.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        locked_until, refused = time.monotonic() + 30, []
        while time.monotonic() < locked_until:
            started = time.monotonic()
            refused += statuses(node, [instance(new_study())])
            assert time.monotonic() - started < 15 * SLOWEST_MACHINE
            assert node.echo()
        assert set(refused) == {OUT_OF_RESOURCES}
        holder.execute("ROLLBACK")
        holder.close()
        assert statuses(node, [instance(new_study())]) == [0]
        goes_on(node)
        assert parts(node) == before


def test_a_database_that_is_locked_for_3_s_is_waited_for(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        holder = sqlite3.connect(
            node.settings.storage.root / "ledger.db", isolation_level=None, check_same_thread=False
        )
        holder.execute("BEGIN EXCLUSIVE")
        threading.Timer(3.0, holder.close).start()
        assert statuses(node, [instance(new_study())]) == [0]


def test_a_damaged_database_stops_the_start_and_recover_rebuilds_it(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        sent = [instance(new_study()) for _ in range(3)]
        assert statuses(node, sent) == [0, 0, 0]
        assert node.stop() == 0
        with (node.settings.storage.root / "ledger.db").open("r+b") as ledger:
            ledger.seek(4096)
            ledger.write(os.urandom(8192))
        refused = mome_node("serve", tmp_path / "node.toml")
        assert refused.returncode == Exit.NOT_READY
        assert "mome-node recover" in refused.stdout + refused.stderr
        assert not node.echo()
        assert mome_node("recover", tmp_path / "node.toml").returncode == Exit.OK
        node.start()
        assert all_kept_are_whole(node, sent)
        goes_on(node)


# --- F24: the clock


@pytest.mark.exhaustive
@pytest.mark.skipif(LIBFAKETIME is None, reason="libfaketime is not installed (Debian: faketime)")
@pytest.mark.parametrize("jump_hours", [26, -26])
def test_a_clock_that_jumps_makes_no_study_complete_early_and_none_wait_for_ever(
    tmp_path: Path, jump_hours: int
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    with live_node(tmp_path, quiet_seconds=8.0) as node:
        node.start(
            LD_PRELOAD=str(LIBFAKETIME),
            FAKETIME_TIMESTAMP_FILE=str(clock),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        study = new_study()
        for number in range(12):
            node.send_until_all_are_kept([instance(study)])
            if number == 4:
                clock.write_text(f"{jump_hours:+d}h")
            time.sleep(1.0)
            assert node.ledger.reading.study(study).study.revision == 1
            assert node.ledger.reading.study(study).study.state is StudyState.RECEIVING
        assert node.outcome(study, "ANALYZED", "DELIVERED", seconds=60).study.revision == 1
        goes_on(node)


# --- S11, F32: descriptors, and a machine that stands still


def test_no_descriptor_left_neither_spins_nor_needs_a_restart(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        before = parts(node)
        listener = psutil.Process(before["listener"])
        few = listener.num_fds() + 6
        _, most = listener.rlimit(psutil.RLIMIT_NOFILE)
        listener.rlimit(psutil.RLIMIT_NOFILE, (few, most))
        flood = [socket.create_connection(("127.0.0.1", node.settings.dicom.port)) for _ in range(60)]
        used, started = sum(listener.cpu_times()[:2]), time.monotonic()
        time.sleep(3)
        share = (sum(listener.cpu_times()[:2]) - used) / (time.monotonic() - started)
        assert share < 0.5, f"the listener used {share:.0%} of a processor"
        wait_for(node.echo, 30, "an echo to be answered while strangers come and go")
        for each in flood:
            each.close()
        wait_for(lambda: statuses(node, [instance(new_study())]) == [0], 30, "images to be taken again")
        listener.rlimit(psutil.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[0], most))
        goes_on(node)
        assert parts(node) == before


def test_a_machine_that_stands_still_for_10_s_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        before, study = parts(node), new_study()
        images = [instance(study, size=MIB) for _ in range(200)]
        association = node.associate(MRImageStorage)
        answers: list[int] = []

        def send() -> None:
            answers.extend(int(association.send_c_store(each).Status) for each in images)

        sender = threading.Thread(target=send)
        sender.start()
        wait_for(lambda: len(answers) > 3, 20, "the first images to be kept")
        everyone = [os.getpgid(node.process.pid)] if node.process else []
        for group in everyone:
            os.killpg(group, signal.SIGSTOP)
        frozen_at = len(answers)
        time.sleep(10)
        assert len(answers) <= frozen_at + 1
        for group in everyone:
            os.killpg(group, signal.SIGCONT)
        sender.join(60)
        association.release()
        assert answers == [0] * len(images)
        done = node.outcome(study, "ANALYZED", "DELIVERED")
        assert done.study.revision == 1
        assert [job.attempts for job in done.jobs if job.kind == JobKind.ANALYZE] == [1]
        assert all_kept_are_whole(node, images)
        assert parts(node) == before
