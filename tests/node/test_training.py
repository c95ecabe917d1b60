"""A site's own model without any command line: from a cohort of DICOM folders to bundles, and what the report says."""

from __future__ import annotations

from pathlib import Path

import pytest

import phantom
from mome_core.model.checkpoint import load_checkpoint
from mome_core.results import Endpoint
from mome_core.training.cohort import read_manifest
from mome_core.training.config import TrainingConfig
from mome_core.training.dataset import ExcludedCase
from mome_core.training.errors import TrainingRefused
from mome_core.training.run_state import EpochReport
from mome_core.training.statistics import Interval
from node.errors import SettingsError
from node.models import find_bundle
from node.training import (
    OutOfFold,
    TrainedModel,
    TrainingPlan,
    TrainingProgress,
    TrainingReport,
    train_models,
    training_config,
)

MODEL = TrainedModel("ours", "a" * 64, best_epoch=3, validation_auroc=0.75, training_cases=8, validation_cases=2)


class Heard(TrainingProgress):
    def __init__(self) -> None:
        self.epochs: list[tuple[str, int]] = []

    def epoch(self, model: str, report: EpochReport, epochs: int) -> None:
        self.epochs.append((model, report.epoch + 1))


def test_the_protocol_is_the_endpoint_s_unless_a_file_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text('accumulation = 8\nflips = "group"\n')
    config = training_config(file, Endpoint.TRIPLE_NEGATIVE, epochs=3)
    assert (config.epochs, config.accumulation, config.class_weighted) == (3, 8, True)
    assert training_config(None, Endpoint.MALIGNANCY, threads=None) == TrainingConfig()
    file.write_text("accumulations = 8\n")
    with pytest.raises(TrainingRefused, match="no 'accumulations'"):
        training_config(file, Endpoint.MALIGNANCY)


def test_a_config_that_cannot_be_read_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text("{")
    for name in ("torn.json", "missing.toml"):
        with pytest.raises(SettingsError, match=name):
            training_config(tmp_path / name, Endpoint.MALIGNANCY)


def test_the_report_of_one_model_is_flat_and_of_all_folds_a_list() -> None:
    excluded = (ExcludedCase("s9", "torn"),)
    one = TrainingReport((MODEL,), excluded).to_json()
    assert one["excluded"] == [{"case": "s9", "reason": "torn"}]
    assert one["validation_auroc"] == 0.75 and "folds" not in one
    pooled = OutOfFold(10, {"auroc": Interval(0.7, 0.5, 0.9)})
    folds = TrainingReport((MODEL, MODEL), excluded, pooled).to_json()
    assert [each["best_epoch"] for each in folds["folds"]] == [3, 3]  # type: ignore[attr-defined]
    assert folds["out_of_fold"] == {"cases": 10, "figures": {"auroc": {"value": 0.7, "low": 0.5, "high": 0.9}}}


@pytest.mark.slow
def test_with_all_folds_every_case_is_answered_by_a_model_that_has_not_seen_it(tmp_path: Path) -> None:
    lines = ["case,patient,malignancy"]
    for n in range(4):
        phantom.study(tmp_path / f"s{n}", vendor="siemens", lesion="benign" if n % 2 else "malignant", seed=50 + n)
        lines.append(f"s{n},p{n},{1 - n % 2}")
    (tmp_path / "cohort.csv").write_text("\n".join(lines))
    plan = TrainingPlan(
        start=find_bundle("demo"),
        endpoint=Endpoint.MALIGNANCY,
        config=training_config(None, Endpoint.MALIGNANCY, epochs=1, threads=1),
        out=tmp_path / "ours",
        folds=2,
        fold=None,
        cache=tmp_path / "cache",
    )
    heard = Heard()
    report = train_models(read_manifest(tmp_path / "cohort.csv"), plan, heard)
    assert report is not None and report.out_of_fold is not None
    assert [Path(each.bundle).name for each in report.models] == ["fold-1", "fold-2"]
    assert report.out_of_fold.cases == 4
    assert heard.epochs == [("fold-1", 1), ("fold-2", 1)]
    assert (plan.out / "fold-1.run" / "history.svg").read_text().count("<svg") == 1
    assert load_checkpoint(plan.out / "fold-2").manifest["provenance"]["baseline"]["malignancy"]
