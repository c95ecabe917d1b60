"""A database that is late is waited for; one that waiting does not help is not."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest

import postgres
from node.errors import NotReady
from node.service.late_database import ledger_when_there
from node.settings import Settings
from node.storage.postgres import DatabaseAway
from ports import free_port

pytestmark = pytest.mark.skipif(not postgres.available(), reason="PostgreSQL is not installed")


def settings_for(root: Path, url: str, wait_seconds: float) -> Settings:
    return Settings(storage={"root": root}, database={"url": url, "wait_seconds": wait_seconds})


def test_a_server_that_starts_after_us_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paused = threading.Event()
    with postgres.cluster(started=False) as cluster, caplog.at_level(logging.WARNING):

        def start() -> None:
            paused.wait(60)
            cluster.start()

        starter = threading.Thread(target=start)
        starter.start()
        ledger = ledger_when_there(settings_for(tmp_path, cluster.url(), 300.0), paused.set)
        starter.join(60)
        assert ledger.reading.counts() is not None
        ledger.engine.dispose()
    assert "waiting for the database: no PostgreSQL server answers" in caplog.text


def test_the_wait_has_an_end(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, f"postgresql://mome@127.0.0.1:{free_port()}/mome", 0.5)
    with pytest.raises(DatabaseAway):
        ledger_when_there(settings)


def test_what_waiting_does_not_help_is_said_at_once(tmp_path: Path) -> None:
    with postgres.cluster() as cluster:
        settings, started = settings_for(tmp_path, cluster.url("nothere"), 3000.0), time.monotonic()
        with pytest.raises(NotReady, match="createdb"):
            ledger_when_there(settings)
        assert time.monotonic() - started < 600
