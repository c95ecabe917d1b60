"""`mome-node train` and `mome-node evaluate` on a cohort of DICOM folders."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

import phantom
from mome_core.calibration import FEWEST_CASES
from mome_core.model.checkpoint import load_checkpoint
from node.cli.evaluate import evaluate
from node.cli.train import train
from node.models import find_bundle

app = typer.Typer()
app.command("train")(train)
app.command("evaluate")(evaluate)

FOLDS = ("--folds", "2", "--inner-folds", "2", "--threads", "1")


def invoke(*arguments: str) -> dict:  # type: ignore[type-arg]  # JSON
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def write_site(folder: Path, splits: Mapping[str, int]) -> Path:
    """A phantom for each case of a split, malignant and benign by turns, and one that is lost."""
    lines = ["case,patient,malignancy,split"]
    for n, split in enumerate(split for split, cases in splits.items() for _ in range(cases)):
        phantom.study(folder / f"s{n}", vendor="siemens", lesion="benign" if n % 2 else "malignant", seed=50 + n)
        lines.append(f"s{n},p{n},{1 - n % 2},{split}")
    lines.append(f"lost,p99,1,{next(iter(splits))}")
    manifest = folder / "cohort.csv"
    manifest.write_text("\n".join(lines))
    return manifest


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_site_trains_its_model_and_measures_it_against_the_one_it_started_from(tmp_path: Path) -> None:
    """Forty cases choose epoch and operating point: with fewer the model would give no score (FEWEST_CASES)."""
    site, ours = write_site(tmp_path, {"training": 2, "validation": 2 * FEWEST_CASES, "test": 4}), tmp_path / "ours"
    (tmp_path / "config.toml").write_text('estimators = ["none"]\n')
    cache = ("--cache", str(tmp_path / "cache"))
    config = ("--config", str(tmp_path / "config.toml"), "--epochs", "2", "--threads", "1")
    trained = invoke("train", str(site), "--out", str(ours), *config, *cache)
    assert trained["excluded"] == [{"case": "lost", "reason": "the folder holds no DICOM or NIfTI file"}]
    assert (trained["training_cases"], trained["validation_cases"]) == (2, 40)
    board = EventAccumulator(str(tmp_path / "ours.run" / "tensorboard")).Reload()
    assert set(board.Tags()["scalars"]) == {"loss", "learning_rate", "auroc/malignancy"}
    assert [point.step for point in board.Scalars("loss")] == [1, 2]
    checkpoint = load_checkpoint(ours)
    assert checkpoint.identity.sha256 == trained["sha256"]
    assert checkpoint.manifest["provenance"]["started_from"] == load_checkpoint(find_bundle("demo")).identity.sha256
    table, page = tmp_path / "cases.csv", tmp_path / "page.html"
    models = ("--model", str(ours), "--against", "demo", "--repeats", "100")
    measured = invoke("evaluate", f"{site}:test", *models, "--cases", str(table), "--report", str(page), *cache)
    (cohort,) = measured["sets"]
    assert [model["model"] for model in cohort["models"]] == ["ours", "demo"] and cohort["cases"] == 4
    assert {"auroc", "auroc_delong"} <= set(cohort["models"][0]["against"])
    assert cohort["models"][0]["exposure"]["is_test"]
    assert len(table.read_text().splitlines()) == 5
    assert "None of the 4 cases taught ours" in page.read_text() and page.read_text().count("<svg") >= 6


@pytest.mark.slow
def test_two_processes_train_one_bundle(tmp_path: Path) -> None:
    site, out = write_site(tmp_path, {"": 8}), tmp_path / "ours"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "node.cli.main", "train", str(site), "--out", str(out), "--epochs", "1"]
    command += [*FOLDS, "--cache", str(tmp_path / "cache"), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["sha256"] == load_checkpoint(out).identity.sha256
    assert ran.stderr.count("excluded lost") == 1, "one of them says what both see"


def test_folds_and_splits_at_once_are_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    manifest = tmp_path / "cohort.csv"
    manifest.write_text("case,patient,malignancy,split\ns0,p0,1,training\ns1,p1,0,test\n")
    result = CliRunner().invoke(app, ["train", str(manifest), "--out", str(tmp_path / "ours"), "--all-folds"])
    assert result.exit_code == 2
    assert "folds need it without splits" in " ".join(result.output.split())
