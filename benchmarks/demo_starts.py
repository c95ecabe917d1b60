"""Whether `mome-node demo` ends well on a machine that has ten times as much to do, and the longest stall of reception.

    python -m benchmarks.demo_starts [--starts 20] [--busy 20] [--folder DIR]

Beside each demo, so many busy processes run: ten for each processor by default. Printed for each start: exit code,
duration, and the longest time between two instances that its ledger has as received.
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
from contextlib import contextmanager
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--busy", type=int, default=10 * (os.cpu_count() or 1))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mome-demo-starts")
    wanted = parser.parse_args()
    failed, slowest = 0, 0.0
    with busy_machine(wanted.busy):
        for number in range(1, wanted.starts + 1):
            out, began = wanted.folder / str(number), time.monotonic()
            out.mkdir(parents=True, exist_ok=True)
            with (out / "told.log").open("wb") as told:
                command = [sys.executable, "-m", "node.cli.main", "demo", "--out", str(out)]
                code = subprocess.run(command, stdout=told, stderr=told, check=False).returncode
            stall = longest_stall(out / "node" / "ledger.db")
            failed, slowest = failed + (code != 0), max(slowest, stall)
            load = os.getloadavg()[0]
            print(
                f"{number:3d}  exit {code}  {time.monotonic() - began:5.0f} s  stall {stall:.1f} s  load {load:.0f}",
                flush=True,
            )
    print(f"{wanted.starts - failed} of {wanted.starts} ended well; longest stall {slowest:.1f} s")


if __name__ == "__main__":
    main()
