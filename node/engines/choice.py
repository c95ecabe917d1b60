"""The engine that a command names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from node.engines.engine import Engine
from node.engines.local import LocalEngine
from node.engines.ray_cluster import RayEngine


class EngineName(StrEnum):
    """The engines that there are."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What only a cluster needs: its address, and graphics cards of each process."""

    ray_address: str = ""
    gpus: float = 0.0


def engine_named(name: EngineName, workers: int, options: EngineOptions) -> Engine:
    """The engine with so many processes; 0: one for each processor that there is."""
    if name is EngineName.RAY:
        return RayEngine(options.ray_address, workers, options.gpus)
    return LocalEngine(workers or os.cpu_count() or 1)
