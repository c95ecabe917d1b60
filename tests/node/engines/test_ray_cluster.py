"""A Ray cluster of several hosts (raylets of their own on this machine): deaths, other code, no cluster."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_work import TroubleWork
from node.engines.engine import Batch, EngineRefused, Limits, LostTask
from node.engines.ray_cluster import RayEngine
from ray_hosts import ray_hosts

pytestmark = [pytest.mark.slow, pytest.mark.system]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without work, and two hosts."""
    with ray_hosts(2) as found:
        yield found


def run(cluster: Any, work: TroubleWork, count: int) -> dict[int, int | LostTask]:
    told: dict[int, int | LostTask] = {}
    RayEngine(cluster.address).run(Batch(list(range(count)), work, Limits()), told.__setitem__)
    return told


def test_a_host_that_dies_in_mid_run_costs_only_what_it_worked_on(cluster: Any, tmp_path: Path) -> None:
    work = TroubleWork(tmp_path, seconds=0.5)
    dying = sorted(cluster.worker_nodes, key=str)[0]

    def kill() -> None:
        while len(list(tmp_path.glob("opened-*"))) < 2:
            time.sleep(0.1)
        cluster.remove_node(dying, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    told = run(cluster, work, 24)
    killer.join()
    assert told == {n: n * n for n in range(24)}
    tried = (tmp_path / "tried").read_text().split()
    assert 24 <= len(tried) <= 26
    assert len(list(tmp_path.glob("opened-*"))) == 2


def test_a_host_that_comes_later_is_used(cluster: Any, tmp_path: Path) -> None:
    start = [str(Path(sys.executable).with_name("ray")), "start", f"--address={cluster.address}", "--num-cpus=1"]
    with subprocess.Popen([*start, "--block"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as joining:
        told = run(cluster, TroubleWork(tmp_path, seconds=1.0), 40)
        joining.terminate()
    assert told == {n: n * n for n in range(40)}
    assert len(list(tmp_path.glob("opened-*"))) == 3


def test_a_host_with_other_code_is_refused_before_any_work(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="another version"):
        run(cluster, _OtherThere(tmp_path), 4)
    assert not (tmp_path / "tried").exists()


class _OtherThere(TroubleWork):
    """Says another version in every process but the test's."""

    def fingerprint(self) -> str:
        return f"in {socket.gethostname()} {threading.main_thread().ident}"


def test_processes_that_cannot_load_the_work_end_the_batch_with_the_cause(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("from engine_work import TroubleWork\nclass Work(TroubleWork): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("only_here").Work(tmp_path)
    with pytest.raises(EngineRefused, match=r"do not start.*only_here"):
        run(cluster, work, 4)


def test_without_a_cluster_there_the_address_and_the_command_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match=r"no Ray cluster at 127\.0\.0\.1:1\b.*ray start --head"):
        RayEngine("127.0.0.1:1").run(Batch([1], TroubleWork(tmp_path), Limits()), lambda number, answer: None)
