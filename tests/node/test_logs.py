"""What may be read in the log: one line of JSON for each event, whatever happened, and never a patient."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CANARY = "ZZPHI^CANARY"
PREAMBLE = f"""
import logging, warnings
from pydicom.dataset import Dataset
from node.logs import configure_logs
from node.errors import NodeError
CANARY = {CANARY!r}
configure_logs("worker")
log = logging.getLogger("node.service.worker")
"""


def logged(script: str) -> list[dict[str, object]]:
    """The lines that a process logs which runs this script."""
    done = subprocess.run([sys.executable, "-c", PREAMBLE + script], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("Dataset().PatientBirthDate = CANARY", id="pydicom warns of an invalid value"),
        pytest.param("warnings.warn(CANARY)", id="a library warns"),
        pytest.param("try: int(CANARY)\nexcept ValueError: log.exception('failed')", id="an exception repeats a value"),
        pytest.param(
            "try:\n    try: int(CANARY)\n    except ValueError as e: raise NodeError('no number') from e\n"
            "except NodeError: log.exception('failed')",
            id="the cause of our exception repeats a value",
        ),
        pytest.param("log.info('x', extra={'patient_name': CANARY})", id="a field that names a patient"),
    ],
)
def test_a_patient_is_not_named_in_the_log(script: str) -> None:
    assert "CANARY" not in json.dumps(logged(script))


def test_an_exception_is_one_line_with_kind_place_and_our_words() -> None:
    (line,) = logged(
        "def f(): raise NodeError('the disk is full')\ntry: f()\nexcept NodeError: log.exception('failed')"
    )
    assert line["event"] == "failed"
    assert line["process"] == "worker"
    assert "NodeError: the disk is full" in str(line["exception"])
    assert "in f" in str(line["exception"])


def test_control_characters_cannot_forge_a_second_line() -> None:
    (line,) = logged(r"log.info('from %s', 'A\n{\"event\": \"forged\"}\x1b[2J')")
    assert str(line["event"]).startswith("from A\n")
