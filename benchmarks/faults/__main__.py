"""Kill hosts that share a ledger while scanners send, and compare at the end what was promised with what is there.

python -m benchmarks.faults --deaths 20 --page docs/faults.md
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(_ROOT / "tests" / "support"))

from benchmarks.faults import cluster as clusters  # noqa: E402
from benchmarks.faults.page import Run, page  # noqa: E402
from benchmarks.faults.run import planned, run  # noqa: E402


def main() -> int:
    """Run, print or write the page; 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="write the page here")
    given = parser.parse_args()
    if missing := clusters.missing_programs():
        sys.exit(f"not installed: {', '.join(missing)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mome-faults-") as folder:
        happened, verdict, namespaces = run(Path(folder), planned(given.deaths), hosts=given.hosts, seed=given.seed)
    words = f"python -m benchmarks.faults --deaths {given.deaths} --hosts {given.hosts} --page docs/faults.md"
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    day, minutes = datetime.date.today().isoformat(), (time.monotonic() - began) / 60
    told = page(Run(words, day, commit.stdout.strip(), given.hosts, minutes, namespaces, happened, verdict))
    if given.page:
        given.page.write_text(told, "utf-8")
    print(told)
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
