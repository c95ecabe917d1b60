"""A node is ready when every process has a recent heartbeat and the disk has room."""

from __future__ import annotations

import time
from pathlib import Path

from node.settings import Settings
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.watching.readiness import Readiness


def test_what_is_silent_and_a_full_disk_are_named(tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path, "reserve_mib": 1})
    store, now = HealthStore(Ledger(settings.database_url).engine), time.time()
    for part, at in (("listener", now), ("scheduler", now - 600)):
        store.beat(settings.node_name, part, at)
    store.beat("another@host:1", "worker", now)
    assert Readiness(settings, store).failing() == ["scheduler", "worker"]
    for part in ("scheduler", "worker"):
        store.beat(settings.node_name, part, now)
    assert Readiness(settings, store).failing() == []
    full = settings.model_copy(update={"storage": settings.storage.model_copy(update={"reserve_mib": 2**40})})
    assert Readiness(full, store).failing() == ["disk"]
