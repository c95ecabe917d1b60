"""`serve`, `check` and others with a PostgreSQL database that is absent, late, missing, or locked: a sentence and 5."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import postgres
from node.settings import Settings
from node.settings_file import settings_toml
from ports import free_port
from running_node import running

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not postgres.available(), reason="PostgreSQL is not installed"),
]


def mome_node(folder: Path, url: str, *words: str) -> tuple[int, str]:
    """Exit code and what a command says with this database; serve waits for a second."""
    settings = Settings(
        dicom={"port": free_port()},
        storage={"root": folder / "root", "reserve_mib": 1},
        database={"url": url, "wait_seconds": 1.0},
        dashboard={"enabled": False},
    )
    config = folder / "mome-node.toml"
    config.write_text(settings_toml(settings))
    command = [sys.executable, "-m", "node.cli.main", *words, "--config", str(config)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert "Traceback" not in told.stderr
    return told.returncode, told.stdout + told.stderr


@pytest.mark.parametrize("command", [("serve",), ("studies", "list"), ("doctor",)])
def test_an_absent_server_is_one_sentence_and_five(tmp_path: Path, command: tuple[str, ...]) -> None:
    port = free_port()
    code, words = mome_node(tmp_path, f"postgresql://mome@127.0.0.1:{port}/mome", *command)
    assert code == 5
    assert f"no PostgreSQL server answers at 127.0.0.1 port {port}" in words


def test_a_missing_database_and_a_wrong_password_are_one_sentence_and_five(tmp_path: Path) -> None:
    with postgres.cluster(passwords=True) as cluster:
        cluster.run("CREATE ROLE mome LOGIN PASSWORD 'right'")
        for login, remedy in (("mome:right", "createdb --owner mome mome"), ("mome:wrong", "wrong password")):
            code, words = mome_node(tmp_path, cluster.url("mome", login), "serve")
            assert (code, remedy in words) == (5, True), words


def test_check_names_the_database_once(tmp_path: Path) -> None:
    settings = Settings(
        storage={"root": tmp_path / "root", "reserve_mib": 1},
        database={"url": f"postgresql://mome@127.0.0.1:{free_port()}/mome"},
    )
    config = tmp_path / "mome-node.toml"
    config.write_text(settings_toml(settings))
    command = [sys.executable, "-m", "node.cli.main", "check", "--config", str(config)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert told.returncode == 5
    assert told.stdout.count("no PostgreSQL server answers") == 1
    assert [line.split()[1] for line in told.stdout.splitlines() if line.startswith("FAILED")] == ["database"]


def test_a_late_server_is_waited_for_and_the_node_serves(tmp_path: Path) -> None:
    log, given_up = tmp_path / "node.log", threading.Event()
    with postgres.cluster(started=False) as cluster:

        def start_when_waited_for() -> None:
            while not (log.exists() and "waiting for the database" in log.read_text()) and not given_up.wait(0.2):
                continue
            cluster.start()

        starter = threading.Thread(target=start_when_waited_for)
        starter.start()
        try:
            with running(tmp_path, database={"url": cluster.url(), "wait_seconds": 600.0}) as node:
                assert node.ledger.reading.counts() is not None
        finally:
            given_up.set()
            starter.join(60)
