"""Every network of the paper's comparison from the command line: trained, written, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import phantom
from mome_core.model.checkpoint import Description, load_either, save_checkpoint
from mome_core.results import Endpoint
from mome_core.training.exposure import ExposureRecord
from mome_core.training.scored import scored
from mome_core.training.start import NetworkKind, from_scratch
from node.cli.train import train
from training_examples import RECIPE, SMALL, examples

pytestmark = pytest.mark.slow
app = typer.Typer()
app.command("train")(train)


@app.callback()
def program() -> None:
    """So that `train` is a command of it and not all of it."""


CONFIG = """
epochs = 1
batch_size = 2
threads = 1
parts = "everything"
estimators = ["none"]
resnet_widths = [4]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tiny phantoms with two endpoints and a molecular subtype, and a tiny network to start from."""
    folder = tmp_path_factory.mktemp("site")
    lines = ["case,patient,malignancy,molecular_subtype,split"]
    splits = ("training", "training", "validation")
    for n in range(12):
        phantom.study(folder / f"s{n}", lesion="malignant" if n % 2 else "benign", seed=50 + n)
        lines.append(f"s{n},p{n},{n % 2},{n % 4},{splits[n // 4]}")
    (folder / "cohort.csv").write_text("\n".join(lines))
    (folder / "config.toml").write_text(CONFIG)
    told = {"exposure": ExposureRecord().to_json()}
    save_checkpoint(folder / "start", from_scratch(SMALL, 1), RECIPE, Description("start", "1", "Knows nothing.", told))
    return folder


def invoke(*arguments: str) -> dict:  # type: ignore[type-arg]  # JSON
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def trained(site: Path, out: Path, *options: str) -> dict:  # type: ignore[type-arg]
    common = ("--config", str(site / "config.toml"), "--start", str(site / "start"), "--cache", str(site / "cache"))
    return invoke("train", str(site / "cohort.csv"), "--out", str(out), *common, *options)


@pytest.mark.parametrize("kind", list(NetworkKind))
def test_a_network_is_trained_and_its_bundle_answers(site: Path, tmp_path: Path, kind: NetworkKind) -> None:
    told = trained(site, tmp_path / "ours", "--network", kind.value)
    assert (told["training_cases"], told["validation_cases"]) == (8, 4)
    model = load_either(tmp_path / "ours")
    assert model.manifest["provenance"]["network"] == kind.value
    probabilities = scored(model, examples(tmp_path / "cases", 4), Endpoint.MALIGNANCY)
    assert len(probabilities) == 4 and np.isfinite(probabilities).all()


def test_several_endpoints_and_the_four_class_subtype_are_learned_at_once(site: Path, tmp_path: Path) -> None:
    trained(site, tmp_path / "ours", "--endpoint", "malignancy", "--endpoint", "molecular_subtype")
    checkpoint = load_either(tmp_path / "ours")
    assert [(head.endpoint.value, head.classes) for head in checkpoint.architecture.answers] == [
        ("malignancy", 2),
        ("triple_negative", 4),
    ]
    history = (tmp_path / "ours.run" / "history.jsonl").read_text().splitlines()
    assert set(json.loads(history[0])["auroc"]) == {"malignancy", "triple_negative"}


def test_an_unknown_network_is_a_mistake_of_the_command_line(site: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", str(site / "cohort.csv"), "--out", str(tmp_path / "ours"), "--network", "vgg"]
    )
    assert result.exit_code == 2 and "vgg" in result.output
