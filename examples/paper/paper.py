"""Every figure and table of the paper on simulated patients, from nothing, by one command.

    python examples/paper/paper.py --out paper-run

Two simulated hospitals become cohorts with six simulated readers; two networks that the paper compares MOME with are
trained on the first hospital; one `mome-node evaluate` measures them and the shipped demo model on both. Killed, it
continues. With --docs the page's figures become docs/paper.md and docs/paper/ (needs Chromium and playwright).
RESEARCH USE ONLY: no number here says anything about patients.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

from cohort import EXTERNAL, INTERNAL, write_hospital

CONFIG = Path(__file__).with_name("training.toml").absolute()
NETWORKS = ("resnet34-dce", "feature-fusion")


def main() -> None:
    """The cohort, the networks, the page."""
    arguments = parsed()
    out, began = arguments.out, time.monotonic()
    chapter("Two simulated hospitals")
    splits = {"training": arguments.training, "validation": arguments.validation, "test": arguments.internal}
    write_hospital(out, INTERNAL, splits)
    write_hospital(out, EXTERNAL, {"test": arguments.external})

    cache = ("--cache", "prepared", "--workers", str(arguments.workers))
    for network in NETWORKS:
        if not (out / network).exists():
            chapter(f"A network to compare with: {network}")
            say(out, "train", "north.csv", "--network", network, "--out", network, "--config", str(CONFIG), *cache)

    chapter("All of them on both hospitals")
    models = [word for name in ("demo", *NETWORKS) for word in ("--model", name)]
    sets = ("internal=north.csv:test", "external=south.csv:test")
    files = ("--report", "page.html", "--figures", "figures.csv", "--cases", "cases.csv", "--json")
    told = say(out, "evaluate", *sets, *models, "--against", "demo", "--choose", "validation", *files, *cache)
    (out / "figures.json").write_text(told)
    print(f"\nDone in {time.monotonic() - began:.0f} s. The page: {out / 'page.html'}")
    if arguments.docs:
        beside = Path(__file__).parent
        subprocess.run([sys.executable, beside / "document.py", out], check=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("paper-run"), help="folder; what it holds is kept")
    parser.add_argument("--training", type=int, default=90, help="patients that teach the compared networks")
    parser.add_argument("--validation", type=int, default=60, help="patients for epoch and operating points")
    parser.add_argument("--internal", type=int, default=90, help="patients measured at the first hospital")
    parser.add_argument("--external", type=int, default=72, help="patients measured at the second")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare studies")
    parser.add_argument("--docs", action="store_true", help="renew docs/paper.md and its pictures")
    return parser.parse_args()


def chapter(title: str) -> None:
    print(f"\n== {title}", flush=True)


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
