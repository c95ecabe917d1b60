"""How long and how much memory it takes to assemble a study of the paper's size, against dcm2niix on the same files.

    python benchmarks/assemble.py [--json] [--vendor ge] [--layout one-series] [--rounds N]

The study: a synthetic one of about 1,500 instances (nine phases of 384 x 384 x 128, T1, T2, DWI, ADC, subtraction, MIP,
localizers), written to a temporary folder. Three programs read it in turn, each in a process of its own, and the
fastest of their rounds counts; the files are in the page cache for all of them:

    case        what the node does: headers, roles, volumes of DCE, T2 and DWI in memory; `assembling` leaves out the
                start of Python and its libraries, which the node's worker pays once a day
    all series  mome-node assemble --all-series: every series as NIfTI and JSON
    dcm2niix    every series as NIfTI and JSON; one call per series, as it wants no mixed folder

Peak memory is the kernel's figure for each process; pixel bytes are those of the files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A process starts with the peak of the one that started it: so the study is written, too, by a process of its own.
WRITE = """
import sys
from pathlib import Path
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
folder, vendor, layout = sys.argv[1:]
write_study(simulate(PhantomSpec(seed=3, size=Size.PAPER, post_phases=8)), vendor, layout, Path(folder))
"""
CASE = """
import sys, time
from pathlib import Path
from dicom_io.study.classify import assign_roles
from dicom_io.files import files_under
from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import read_case
start = time.perf_counter()
read_case(assign_roles(read_series_headers(files_under(Path(sys.argv[1])))))
print(time.perf_counter() - start)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    seconds: float
    peak_mib: float
    printed: str = ""


def run(*command: str) -> Cost:
    """Run a program to its end and measure it.

    Raises CalledProcessError when it fails.
    """
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        printed = child.stdout.read() if child.stdout else ""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Cost(time.perf_counter() - start, usage.ru_maxrss / 1024, printed)


def best(costs: list[Cost]) -> Cost:
    """The fastest round, and the most memory of any."""
    return Cost(min(cost.seconds for cost in costs), max(cost.peak_mib for cost in costs))


def assemble_case(study: Path) -> Cost:
    return run(sys.executable, "-c", CASE, str(study))


def assemble_all(study: Path, out: Path) -> Cost:
    command = str(Path(sys.executable).with_name("mome-node"))
    return run(command, "assemble", str(study), "--all-series", "--out", str(fresh(out)), "--json")


def convert(study: Path, out: Path) -> Cost:
    """dcm2niix on each series folder; seconds add up."""
    program = str(Path(sys.executable).with_name("dcm2niix"))
    fresh(out)
    options = ("-f", "%s_%d", "-b", "y", "-z", "n", "-p", "n", "-o", str(out))
    costs = [run(program, *options, str(folder)) for folder in sorted(study.iterdir())]
    return Cost(sum(cost.seconds for cost in costs), max(cost.peak_mib for cost in costs))


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def measure(study: Path, work: Path, rounds: int) -> dict[str, Any]:
    """All three programs on one study, in turn."""
    files = [path for path in study.rglob("*") if path.is_file()]
    turns = [(assemble_case(study), assemble_all(study, work / "a"), convert(study, work / "b")) for _ in range(rounds)]
    assembling = min(float(turn[0].printed) for turn in turns)
    case, every, other = (best(list(column)) for column in zip(*turns, strict=True))
    pixels_mib = sum(path.stat().st_size for path in files) / 2**20
    return {
        "instances": len(files),
        "pixels_mib": round(pixels_mib),
        "assembling_s": round(assembling, 2),
        "case_s": round(case.seconds, 2),
        "case_peak_mib": round(case.peak_mib),
        "all_series_s": round(every.seconds, 2),
        "all_series_peak_mib": round(every.peak_mib),
        "dcm2niix_s": round(other.seconds, 2),
        "dcm2niix_peak_mib": round(other.peak_mib),
        "assembling_ratio": round(assembling / other.seconds, 2),
        "case_ratio": round(case.seconds / other.seconds, 2),
        "all_series_ratio": round(every.seconds / other.seconds, 2),
        "memory_ratio": round(max(case.peak_mib, every.peak_mib) / pixels_mib, 2),
    }


def argument(name: str, usual: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else usual


def main() -> None:
    vendor, layout = argument("--vendor", "siemens"), argument("--layout", "one-series")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        run(sys.executable, "-c", WRITE, str(work / "study"), vendor, layout)
        found = {"vendor": vendor, "layout": layout} | measure(work / "study", work, int(argument("--rounds", "3")))
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:20} {value}")


if __name__ == "__main__":
    main()
