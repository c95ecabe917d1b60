"""The rules of the house that a machine can check: style, types, floors, and a fast `--help`."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT

PACKAGES = ("node", "mome_core", "dicom_io", "sr_templates")
VIOLATIONS = {
    "Imports go down only": ("mome_core/volume.py", "import dicom_io"),
    "torch: only in": ("node/jobs.py", "import torch"),
    "SimpleITK: only in": ("dicom_io/study/geometry.py", "import SimpleITK"),
    "nibabel: only in": ("mome_core/inference.py", "import nibabel"),
    "sklearn: only in": ("mome_core/inference.py", "import sklearn"),
    "pyarrow, tensorboard, torchio: only in": ("mome_core/inference.py", "import pyarrow"),
    "dicomanonymizer: only in": ("dicom_io/headers/read.py", "import dicomanonymizer"),
    "pydicom: only in": ("node/service/recovery.py", "import pydicom"),
    "pynetdicom: only in": ("dicom_io/headers/read.py", "import pynetdicom"),
    "highdicom: only in": ("dicom_io/study/case.py", "import highdicom"),
    "sqlalchemy, alembic: only in": ("node/service/worker.py", "import sqlalchemy"),
    "apscheduler: only in": ("node/service/worker.py", "import apscheduler"),
    "structlog: only in": ("node/service/worker.py", "import structlog"),
    "typer, rich: only in": ("node/service/delivery.py", "import rich"),
    "fastapi, starlette, uvicorn, jinja2, authlib: only in": ("node/service/delivery.py", "import fastapi"),
    "prometheus_client: only in": ("node/service/delivery.py", "import prometheus_client"),
    "matplotlib: only in": ("node/analysis.py", "import matplotlib"),
    "The listener survives": ("node/service/listener.py", "import mome_core.inference"),
    "Words of the house": ("mome_core/case.py", "import scipy"),
    "Reading and writing DICOM": ("sr_templates/objects/report.py", "import mome_core.model.mome"),
    "mome-node --help loads": ("node/cli/main.py", "import node.cli.demo"),
    "Rooms of mome_core": ("mome_core/attic.py", ""),
    "Rooms of node": ("node/storage/schema.py", "import node.service.delivery"),
}
"""A contract of setup.cfg, by the beginning of its name, and a line that breaks it."""


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "."), id="ruff"),
        pytest.param(("ruff", "format", "--check", "."), id="format"),
        pytest.param(("mypy",), id="mypy"),
        pytest.param(("lint-imports",), id="imports"),
    ],
)
@pytest.mark.slow
def test_the_checker_has_no_complaint(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_each_contract_is_broken_by_what_it_forbids(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for file, line in VIOLATIONS.values():
        with (tmp_path / file).open("a") as source:
            source.write(f"\n{line}\n")
    told = run("lint-imports", "--no-cache", folder=tmp_path).stdout
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", told, re.MULTILINE))
    assert [name for name in verdicts if not name.startswith(tuple(VIOLATIONS))] == [], "no violation was planted"
    assert len(verdicts) == len(VIOLATIONS), told
    assert {name for name, verdict in verdicts.items() if verdict == "KEPT"} == set()


def test_help_takes_under_half_a_second_of_cpu_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from node.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pynetdicom', 'pydicom', 'numpy', 'sqlalchemy', 'SimpleITK'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run(sys.executable, "-c", script)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "HEAVY []" in result.stdout, result.stdout[-500:] + result.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
