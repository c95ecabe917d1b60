"""The doctor at a running node and a real Orthanc: a phantom goes through, and its results are found in the PACS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import orthanc
from node.settings_sections import Destination
from ports import free_port
from running_node import running

pytestmark = [pytest.mark.system, pytest.mark.timeout(2400)]


def doctor(config: Path, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    command = [sys.executable, "-m", "node.cli.main", "doctor", "--json", "--config", str(config), *options]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.returncode, {each["name"]: each for each in json.loads(told.stdout)}


def test_a_healthy_house_is_found_healthy_and_the_phantom_is_found_in_the_pacs(tmp_path: Path) -> None:
    if not orthanc.available():
        pytest.skip("Orthanc is not installed")
    port = free_port()
    with orthanc.running({"node": ("MOMENODE", "127.0.0.1", port)}) as pacs:
        destination = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port)
        with running(tmp_path, [destination], port=port) as node:
            code, found = doctor(node.config, "--phantom")
    assert [each for each in found.values() if each["level"] == "FAILED"] == []
    assert code == 0
    assert found["pacs: report"]["level"] == "ok"
    assert "AI breast MRI results" in found["pacs: results"]["message"]


def test_a_pacs_that_is_down_is_named_with_what_to_check(tmp_path: Path) -> None:
    destination = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=free_port())
    with running(tmp_path, [destination]) as node:
        code, found = doctor(node.config)
    assert code == 5
    assert found["pacs: port"]["level"] == "FAILED"
    assert "is pacs running?" in found["pacs: port"]["hint"]
