"""Whether this node can do its work now; asked by probes, so it loads little."""

from __future__ import annotations

import time
from dataclasses import dataclass

from node.settings import Settings
from node.storage.archive import is_full
from node.storage.health import HealthStore


@dataclass(frozen=True, slots=True)
class Readiness:
    """Every process of the node is alive, and its disk has room."""

    settings: Settings
    watch: HealthStore

    def silent_processes(self) -> list[str]:
        """Processes of this node without a recent heartbeat."""
        now, name = time.time(), self.settings.node_name
        beats = [each for each in self.watch.heartbeats() if each.node == name]
        alive = {each.part for each in beats if each.is_alive(now)}
        workers = self.settings.worker.parts or tuple(each.part for each in beats if each.part.startswith("worker"))
        return [part for part in ("listener", "scheduler", *(workers or ("worker",))) if part not in alive]

    def failing(self) -> list[str]:
        """What does not work: silent processes, a disk that is full."""
        storage = self.settings.storage
        full = is_full(storage.root, storage.reserve_mib * 2**20)
        return self.silent_processes() + (["disk"] if full else [])
