"""Whether `mome-node demo` ends well on a machine that has ten times as much to do, and the longest stall of reception.

    python -m benchmarks.demo_starts [--starts 20] [--at-once 1] [--busy 20] [--folder DIR]

Beside the demos, so many busy processes run: ten for each processor by default; demos beside each other are load, too.
Printed for each start: exit code, duration, the longest time between two instances that its ledger has as received, and
the load of the machine (processes that want a processor, mean of a minute).
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

BUSY = "while True: pass"


@contextmanager
def busy_machine(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def longest_stall(database: Path) -> float:
    """Seconds between the two instances, one after the other, that lie farthest apart."""
    with sqlite3.connect(database) as ledger:
        times = [row[0] for row in ledger.execute("SELECT received_at FROM instance ORDER BY received_at")]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def start(folder: Path, number: int) -> tuple[int, float]:
    """Run one demo and print how it ended; gives its exit code and the longest stall of its reception, in seconds."""
    out, began = folder / str(number), time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with (out / "told.log").open("wb") as told:
        command = [sys.executable, "-m", "node.cli.main", "demo", "--out", str(out)]
        code = subprocess.run(command, stdout=told, stderr=told, check=False).returncode
    stall, seconds, load = longest_stall(out / "node" / "ledger.db"), time.monotonic() - began, os.getloadavg()[0]
    print(f"{number:3d}  exit {code}  {seconds:5.0f} s  stall {stall:.1f} s  load {load:.0f}", flush=True)
    return code, stall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=1, help="demos that run beside each other")
    parser.add_argument("--busy", type=int, default=10 * (os.cpu_count() or 1))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mome-demo-starts")
    wanted = parser.parse_args()
    with busy_machine(wanted.busy), ThreadPoolExecutor(wanted.at_once) as demos:
        ended = list(demos.map(partial(start, wanted.folder), range(1, wanted.starts + 1)))
    well, slowest = sum(code == 0 for code, _ in ended), max(stall for _, stall in ended)
    print(f"{well} of {wanted.starts} ended well; longest stall {slowest:.1f} s")


if __name__ == "__main__":
    main()
