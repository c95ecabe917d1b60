"""`mome-node evaluate` as a person at a terminal sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import phantom
from mome_core.case import Modality
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.training.dataset import Example
from mome_core.training.exposure import ExposureRecord
from node.cli.evaluate import evaluate
from node.models import find_bundle

app = typer.Typer()
app.command("evaluate")(evaluate)


def bundle(folder: Path, *taught_by: str) -> Path:
    """The shipped model, saying that it was trained on these patients and nobody else."""
    demo = load_checkpoint(find_bundle("demo"))
    cases = [Example(patient, patient, {}, Path("x"), (Modality.T2,)) for patient in taught_by]
    told = {"exposure": ExposureRecord().extended(cases, ()).to_json()}
    save_checkpoint(folder / "ours", demo.network, demo.recipe, Description("ours", "1", "For tests.", told))
    return folder / "ours"


@pytest.mark.slow
def test_training_cases_are_named_in_the_first_line(tmp_path: Path) -> None:
    lines = ["case,patient,malignancy"]
    for n in range(4):
        phantom.study(tmp_path / f"s{n}", lesion="benign" if n % 2 else "malignant", seed=50 + n)
        lines.append(f"s{n},p{n},{1 - n % 2}")
    (tmp_path / "cohort.csv").write_text("\n".join(lines))

    def first_line(*taught_by: str) -> str:
        model, cache = str(bundle(tmp_path, *taught_by)), str(tmp_path / "cache")
        result = CliRunner().invoke(
            app, [str(tmp_path / "cohort.csv"), "--model", model, "--repeats", "100", "--cache", cache]
        )
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()[0]

    assert first_line("p0", "p3").startswith(
        "NOT A TEST of ours: 2 of 4 cases are not new to it. 2 of 4 patients taught"
    )
    assert first_line("p9") == "None of the 4 cases taught ours, and it was chosen on none of them"
