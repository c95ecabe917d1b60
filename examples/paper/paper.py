"""The figures and tables of the paper on simulated patients, as one page.

    python examples/paper/paper.py --out paper-run

Two simulated hospitals with six simulated readers become cohorts, and one `mome-node evaluate` measures the shipped
demo model on both, beside every bundle that --compare names. Studies that exist are kept, and no case is answered
twice, so a run that was killed continues. RESEARCH USE ONLY: no number here says anything about patients.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

from cohort import EXTERNAL, INTERNAL, write_hospital


def main() -> None:
    """The cohorts, then the page."""
    arguments = parsed()
    out, began = arguments.out, time.monotonic()
    splits = {"training": arguments.training, "validation": arguments.validation, "test": arguments.internal}
    write_hospital(out, INTERNAL, splits)
    write_hospital(out, EXTERNAL, {"test": arguments.external})
    models = ["demo", *(str(bundle.absolute()) for bundle in arguments.compare)]
    words = ["evaluate", "internal=north.csv:test", "external=south.csv:test", "--against", "demo"]
    words += [word for name in models for word in ("--model", name)]
    words += ["--choose", "validation", "--report", "page.html", "--figures", "figures.csv", "--cases", "cases.csv"]
    words += ["--cache", "prepared", "--workers", str(arguments.workers), "--json"]
    (out / "figures.json").write_text(say(out, *words), "utf-8")
    print(f"\nDone in {time.monotonic() - began:.0f} s. The page: {out / 'page.html'}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("paper-run"), help="folder; what it holds is kept")
    parser.add_argument("--compare", type=Path, action="append", default=[], help="another bundle; repeatable")
    parser.add_argument("--training", type=int, default=90, help="patients for training networks to compare with")
    parser.add_argument("--validation", type=int, default=60, help="patients that operating points are chosen on")
    parser.add_argument("--internal", type=int, default=90, help="patients measured at the first hospital")
    parser.add_argument("--external", type=int, default=72, help="patients measured at the second")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare studies")
    return parser.parse_args()


def say(out: Path, *words: str) -> str:
    """Run one command of the program in the run's folder; gives what it prints on stdout."""
    print(f"\n$ mome-node {shlex.join(words)}", flush=True)
    ran = subprocess.run(
        [sys.executable, "-m", "node.cli.main", *words], cwd=out, stdout=subprocess.PIPE, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(f"mome-node {shlex.join(words)} ended with {ran.returncode}")
    return ran.stdout


if __name__ == "__main__":
    main()
