"""What an engine costs: efficiency with more hosts, and processor time of its own for each task.

    python -m benchmarks.engines

Every task sleeps, so that hosts do not share this machine's processors: what is missing to the ideal is the engine's.
Hosts are raylets of their own (ray.cluster_utils); efficiency is the time on one host over N times that on N.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from node.engines.engine import Batch, Engine, Limits
from node.engines.local import LocalEngine
from node.engines.ray_cluster import RayEngine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from engine_work import TroubleWork
from places import ROOT
from ray_hosts import ray_hosts

TASKS, SECONDS, HOSTS = 400, 0.5, (1, 2, 4)


def seconds_of(engine: Engine, tasks: int, seconds: float) -> float:
    """Wall time of so many tasks that sleep, start of the engine's processes included."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        work = TroubleWork(Path(folder), seconds)
        engine.run(Batch(range(tasks), work, Limits()), lambda number, answer: None)
        return time.perf_counter() - began


def processor_ms(engine: Engine, tasks: int) -> float:
    """Processor time of this process and its children for each task that does nothing, beyond that of one task."""
    few, many = _processor(engine, 1), _processor(engine, tasks)
    return 1000 * (many - few) / (tasks - 1)


def _processor(engine: Engine, tasks: int) -> float:
    """Processor seconds of a run."""
    before = _used()
    seconds_of(engine, tasks, 0.0)
    return _used() - before


def _used() -> float:
    """Processor seconds of this process and of its children that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in uses)


def main() -> None:
    """Print both tables."""
    print(f"{TASKS} tasks of {SECONDS} s")
    for name in ("local", "ray"):
        alone = 0.0
        for hosts in HOSTS:
            wall = _wall(name, hosts)
            alone = alone or wall
            print(f"{name:6} {hosts} hosts: {wall:6.1f} s, efficiency {alone / hosts / wall:.3f}", flush=True)
    os.environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests' / 'support'}"
    for name, engine in (("local", LocalEngine(1)), ("ray", RayEngine(workers=1))):
        print(f"{name:6} {processor_ms(engine, 1000):.2f} ms of processor time a task", flush=True)


def _wall(name: str, hosts: int) -> float:
    """Wall time on so many hosts, or processes."""
    if name == "local":
        return seconds_of(LocalEngine(hosts), TASKS, SECONDS)
    with ray_hosts(hosts) as cluster:
        return seconds_of(RayEngine(cluster.address), TASKS, SECONDS)


if __name__ == "__main__":
    main()
