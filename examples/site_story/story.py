"""A site retrains the shipped model on its own (simulated) patients, proves it, promotes it, and rolls it back.

    python examples/site_story/story.py --out site-story

The hospital's protocol takes a phase every 20 s; the shipped model knows dynamics of 60 to 90 s and is worse there.
Every step is a command of `mome-node` as a physicist would type it; what it says is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study

VENDORS = ("siemens", "ge", "philips")
TRAINING_SEEDS, LOCKED_SEEDS, LIVE_SEEDS = 510_000, 520_000, 530_000
PROTOCOL = {"phase_seconds": 20.0, "first_gap_seconds": 40.0}
CONFIG = Path(__file__).with_name("training.toml")


def main() -> None:
    """The whole story."""
    arguments = parsed()
    out: Path = arguments.out
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    began = time.monotonic()
    chapter("The hospital's studies, and what pathology said")
    write_studies(out / "studies", TRAINING_SEEDS, arguments.training)
    write_studies(out / "locked-studies", LOCKED_SEEDS, arguments.locked)
    for name in ("studies", "locked-studies"):
        cohort = cohort_of(name)
        say(out, "cohort", "init", name, "--out", cohort)
        say(out, "cohort", "add", cohort, "--labels", f"{name}.pathology.csv")
        say(out, "cohort", "check", cohort, "--workers", "2")

    chapter("Five models, each proved on the fold that it has not seen")
    cache = ("--cache", "prepared", "--workers", "2")
    folds = ("--all-folds", "--inner-folds", "2")  # half of the rest validates: 20 of each class are needed for a score
    say(out, "train", "studies.csv", "--out", "ours", *folds, "--config", str(CONFIG.absolute()), *cache)

    chapter("The first of them on cases that none has seen, against the model in use")
    candidate = "ours/fold-1"
    page = ("--report", "report.html", "--figures", "figures.csv", "--cases", "cases.csv")
    say(out, "evaluate", "locked-studies.csv", "--model", candidate, "--against", "demo", *page, *cache)

    chapter("A node answers; the candidate first beside it, then in its place, then gone again")
    key = say(out, "model", "key", "site-key.pem")
    say(out, "model", "sign", candidate, "--key", "site-key.pem")
    write_settings(out, trusted=key[key.index("[model.trusted_keys]") :])
    with node(out):
        say(out, "model", "lock", "locked-studies.csv", "-c", "node.toml")
        say(out, "model", "shadow", candidate, "-c", "node.toml")
        for number in range(arguments.live):
            answered(out, LIVE_SEEDS + number)
        time.sleep(5)
        say(out, "model", "report", "-c", "node.toml")
        say(out, "model", "promote", candidate, *cache, "-c", "node.toml")
        print(f"   the next study is answered by {answered(out, LIVE_SEEDS + 91)}")
        say(out, "model", "promote", "demo", *cache, "-c", "node.toml", allowed=(1,))
        say(out, "model", "rollback", "-c", "node.toml")
        print(f"   the next study is answered by {answered(out, LIVE_SEEDS + 93)}")
        say(out, "model", "list", "-c", "node.toml")
        say(out, "audit", "verify", "-c", "node.toml")
    print(f"\nDone in {time.monotonic() - began:.0f} s. The report: {out / 'report.html'}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("site-story"), help="folder of the story; replaced")
    parser.add_argument("--training", type=int, default=120, help="patients to learn from")
    parser.add_argument("--locked", type=int, default=60, help="patients that candidates are judged by")
    parser.add_argument("--live", type=int, default=2, help="patients that arrive while the candidate is a shadow")
    return parser.parse_args()


def chapter(title: str) -> None:
    print(f"\n== {title}", flush=True)


def say(out: Path, *words: str, allowed: tuple[int, ...] = (0,)) -> str:
    """Run one command of the program in the story's folder, printing both; it must end with an allowed code."""
    print(f"\n$ mome-node {shlex.join(words)}", flush=True)
    command = [sys.executable, "-m", "node.cli.main", *words]
    ran = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    printed = ran.stdout + ran.stderr
    print("   " + printed.strip().replace("\n", "\n   "), flush=True)
    if ran.returncode not in allowed:
        raise SystemExit(f"mome-node {shlex.join(words)} ended with {ran.returncode}")
    return ran.stdout


def cohort_of(name: str) -> str:
    """The manifest of a folder of studies."""
    return f"{name}.csv"


def write_studies(folder: Path, first_seed: int, count: int) -> None:
    """Patients of the hospital, and beside the folder what pathology found, by the hospital's patient IDs."""
    with folder.with_name(f"{folder.name}.pathology.csv").open("w", newline="") as file:
        pathology = csv.writer(file)
        pathology.writerow(["patient_id", "malignancy", "age", "bi_rads"])
        for number in range(count):
            malignant = number % 2
            patient = write_patient(folder / f"{number:03d}", first_seed + number, malignant=bool(malignant))
            pathology.writerow([patient, malignant, 35 + 7 * number % 45, ("4a", "4b")[malignant]])
    print(f"   {count} studies in {folder}", flush=True)


def write_patient(folder: Path, seed: int, *, malignant: bool) -> str:
    """One study as a scanner of one of three vendors writes it; gives the patient's ID."""
    lesion = Lesion.MALIGNANT if malignant else Lesion.BENIGN
    spec = PhantomSpec(seed=seed, lesion=lesion, size=Size.TINY, **PROTOCOL)
    paths = write_study(simulate(spec), VENDORS[seed % len(VENDORS)], None, folder)
    return str(pydicom.dcmread(paths[0], stop_before_pixels=True).PatientID)


def write_settings(out: Path, trusted: str) -> None:
    """A node of the story's own, without dashboard and without a PACS, that trusts the site's key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (out / "node.toml").write_text(
        f'[dicom]\nport = {port}\n[storage]\nroot = "root"\n[gather]\nquiet_seconds = 2.0\n'
        f"[dashboard]\nenabled = false\n{trusted}"
    )


@contextmanager
def node(out: Path) -> Iterator[None]:
    """`mome-node serve`, until the story is over."""
    with (out / "node.log").open("w") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "node.cli.main", "serve", "-c", "node.toml"], cwd=out, stdout=log, stderr=log
        )
        try:
            while "ready to analyse" not in (out / "node.log").read_text():
                if serving.poll() is not None:
                    raise SystemExit(f"the node ended: see {out / 'node.log'}")
                time.sleep(0.5)
            yield
        finally:
            serving.terminate()
            serving.wait(30)


def answered(out: Path, seed: int) -> str:
    """One more patient; gives the name of the model that answered."""
    folder = out / f"live-{seed}"
    write_patient(folder, seed, malignant=bool(seed % 2))
    say(out, "ingest", folder.name, "-c", "node.toml")
    study = str(pydicom.dcmread(next(folder.rglob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)
    for _ in range(240):
        shown = json.loads(shown_by("studies", "show", study, "-c", "node.toml", "--json", out=out))
        if scores := shown["summary"].get("scores"):
            return f"{scores[0]['model']['name']} {scores[0]['model']['sha256'][:12]}: {scores[0]['probability']:.1%}"
        if reason := shown["summary"].get("reason"):
            return f"nobody: {reason}"
        time.sleep(0.5)
    raise SystemExit(f"study {study} was not answered: see {out / 'node.log'}")


def shown_by(*words: str, out: Path) -> Any:
    """What a command prints, quietly."""
    command = [sys.executable, "-m", "node.cli.main", *words]
    return subprocess.run(command, cwd=out, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
