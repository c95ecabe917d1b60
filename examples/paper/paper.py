"""The figures and tables of the paper on simulated patients, as one page.

    python examples/paper/paper.py --out paper-run --docs docs

Two simulated hospitals with six simulated readers become cohorts; small networks of the paper's comparison are trained
on the first, and one `mome-node evaluate` measures them and the shipped demo model on both. --docs writes docs/paper.md
with a picture of each section of the page. Studies that exist are kept, a training that was killed continues, and no
case is answered twice. RESEARCH USE ONLY: no number here says anything about patients.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

from cohort import EXTERNAL, INTERNAL, write_hospital
from document import write_document

from mome_core.calibration import withheld_words
from mome_core.case import Modality
from mome_core.model.checkpoint import load_either
from mome_core.results import Endpoint

CONFIG = Path(__file__).with_name("networks.toml")
NETWORKS = ("resnet34-dce", "feature-fusion")


def main() -> None:
    """The cohorts, the networks, the page, and the document."""
    arguments = parsed()
    out, began = arguments.out, time.monotonic()
    splits = {"training": arguments.training, "validation": arguments.validation, "test": arguments.internal}
    write_hospital(out, INTERNAL, splits)
    write_hospital(out, EXTERNAL, {"test": arguments.external})
    models = ["demo", *(name for name in arguments.network if trained(out, name, arguments.workers))]
    words = ["evaluate", "internal=north.csv:test", "external=south.csv:test", "--against", "demo"]
    words += [word for name in models for word in ("--model", name)]
    words += ["--choose", "validation", "--report", "page.html", "--figures", "figures.csv", "--cases", "cases.csv"]
    words += ["--cache", "prepared", "--workers", str(arguments.workers), "--json"]
    (out / "figures.json").write_text(say(out, *words), "utf-8")
    if arguments.docs:
        write_document(out, arguments.docs, command_of(arguments))
    print(f"\nDone in {time.monotonic() - began:.0f} s. The page: {out / 'page.html'}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("paper-run"), help="folder; what it holds is kept")
    parser.add_argument("--docs", type=Path, help="folder of the documents; paper.md and its pictures are renewed")
    parser.add_argument("--network", nargs="*", default=NETWORKS, help="networks of the paper to compare with")
    parser.add_argument("--training", type=int, default=24, help="patients that these networks learn from")
    parser.add_argument("--validation", type=int, default=42, help="patients that operating points are chosen on")
    parser.add_argument("--internal", type=int, default=30, help="patients measured at the first hospital")
    parser.add_argument("--external", type=int, default=24, help="patients measured at the second")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare studies")
    return parser.parse_args()


def command_of(arguments: argparse.Namespace) -> str:
    """The command that makes the same cohort and the same networks."""
    sizes = ("training", "validation", "internal", "external")
    words = [word for name in sizes for word in (f"--{name}", str(getattr(arguments, name)))]
    return shlex.join(["python", "examples/paper/paper.py", "--docs", "docs", *words, "--network", *arguments.network])


def trained(out: Path, network: str, workers: int) -> bool:
    """Whether a network becomes a model that gives a score; one that could not be validated is told and left out."""
    if not (out / network).exists():
        words = ("train", "north.csv", "--out", network, "--network", network, "--config", str(CONFIG.absolute()))
        say(out, *words, "--cache", "prepared", "--workers", str(workers))
    model = load_either(out / network)
    calibration = model.calibrations(Endpoint.MALIGNANCY).of(Modality)
    if not calibration.shows_score:
        print(f"   {network} is left out: {withheld_words(calibration)}")
    return calibration.shows_score


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
