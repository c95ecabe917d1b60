"""`mome-node phantom` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
import typer
from typer.testing import CliRunner

from node.cli.phantom import phantom


def run(*arguments: str) -> str:
    """Standard output of the command; its errors are raised."""
    app = typer.Typer()
    app.command()(phantom)
    return CliRunner().invoke(app, arguments, catch_exceptions=False).output


def test_it_writes_a_study_and_the_truth_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "study"
    printed = json.loads(
        run("--out", str(out), "--vendor", "philips", "--layout", "enhanced", "--size", "tiny", "--json")
    )
    assert printed["instances"] == len(list(out.rglob("*.dcm"))) == 10
    truth = json.loads((tmp_path / "study.truth.json").read_text())
    first = pydicom.dcmread(next(out.rglob("*.dcm")))
    assert truth["study_instance_uid"] == printed["study_instance_uid"] == first.StudyInstanceUID


def test_a_detailed_patient_comes_with_all_that_was_drawn(tmp_path: Path) -> None:
    run("--out", str(tmp_path / "study"), "--size", "tiny", "--anatomy", "detailed", "--presentation", "textbook")
    truth = json.loads((tmp_path / "study.truth.json").read_text())
    assert (truth["anatomy"], truth["presentation"]) == ("detailed", "textbook")
    assert truth["drawn"]["form"] == "mass"
    assert truth["drawn"]["malignant"] is True
    assert truth["lesion_ktrans_per_minute"] == truth["drawn"]["ktrans_per_minute"]


def test_it_does_not_mix_with_what_lies_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(ValueError, match="not an empty folder"):
        run("--out", str(tmp_path))


def test_an_unknown_vendor_is_a_usage_error_that_names_the_known_ones(tmp_path: Path) -> None:
    assert "siemens" in run("--out", str(tmp_path / "x"), "--vendor", "acme")
