"""A process goes on saying that it is alive, whatever the clock does."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from node.service import heartbeat
from node.service.heartbeat import HeartbeatSender
from node.settings import Settings
from node.storage.ledger.ledger import Ledger


def test_heartbeats_go_on_where_a_sleep_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise OSError(22, "Invalid argument")  # what time.sleep says when the clock jumps meanwhile

    settings = Settings(storage={"root": tmp_path})
    Ledger(settings.database_url)
    monkeypatch.setattr(time, "sleep", interrupted)
    monkeypatch.setattr(heartbeat, "_HEARTBEAT_SECONDS", 0.01)
    beats, third = [], threading.Event()

    class Counted(HeartbeatSender):
        def beat(self) -> None:
            super().beat()
            beats.append(self.store.heartbeats())
            if len(beats) >= 3:
                third.set()

    Counted(settings, "worker")
    assert third.wait(120)
    assert [each.part for each in beats[-1]] == ["worker"]
