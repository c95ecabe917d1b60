"""A batch on a Ray cluster whose driver or head dies: the same command ends with the table of one process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from batch_site import manifest_of, plan_of
from node.batch.run import run_batch
from node.batch.study import ROWS
from node.batch.table import RESULTS
from places import ROOT
from ray_hosts import ray_hosts

pytestmark = [pytest.mark.system, pytest.mark.slow]
STUDIES = 6


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest_of(tmp_path_factory.mktemp("studies"), STUDIES)


@pytest.fixture(scope="module")
def table(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one process writes."""
    out = tmp_path_factory.mktemp("serial")
    run_batch(plan_of(manifest, out), lambda done, planned: None)
    return (out / RESULTS).read_bytes()


def command(manifest: Path, out: Path, cluster: Any) -> list[str]:
    words = ["cohort", "run", str(manifest), "--out", str(out), "--engine", "ray", "--ray-address", cluster.address]
    return [sys.executable, "-m", "node.cli.main", *words, "--json"]


def after_the_first_row(words: list[str], out: Path) -> subprocess.Popen[str]:
    """The command, once a study is answered."""
    begun = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not list((out / ROWS).glob("*.json")):
        assert begun.poll() is None, begun.communicate()[0]
        time.sleep(0.05)
    return begun


def test_a_killed_driver_is_followed_by_the_same_command(manifest: Path, table: bytes, tmp_path: Path) -> None:
    with ray_hosts(2) as cluster:
        words = command(manifest, tmp_path, cluster)
        driver = after_the_first_row(words, tmp_path)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["answered_now"] < STUDIES + 1
    assert (tmp_path / RESULTS).read_bytes() == table


@pytest.mark.exhaustive
def test_a_dead_head_ends_the_command_and_on_the_next_cluster_it_goes_on(
    manifest: Path, table: bytes, tmp_path: Path
) -> None:
    with ray_hosts(2) as cluster:
        driver = after_the_first_row(command(manifest, tmp_path, cluster), tmp_path)
        cluster.remove_node(cluster.head_node, allow_graceful=False)
        said, _ = driver.communicate(timeout=240)
        assert driver.returncode != 0, said
        assert not (tmp_path / RESULTS).exists()
    with ray_hosts(2) as cluster:
        subprocess.run(command(manifest, tmp_path, cluster), cwd=ROOT, capture_output=True, text=True, check=True)
    assert (tmp_path / RESULTS).read_bytes() == table
