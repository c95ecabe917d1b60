"""The rules of the house that a machine can check: style, types, floors, and a fast `--help`."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


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
