"""From a finished run to a bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mome_core.model.checkpoint import Description, load_checkpoint
from mome_core.preprocessing.recipe import TrainingRange
from mome_core.results import Endpoint
from mome_core.training.bundle import write_bundle
from mome_core.training.loop import train
from mome_core.training.predict import log_odds
from mome_core.training.run_state import EpochReport
from training_examples import QUICK, RECIPE, task


def test_training_learns_and_the_bundle_gives_the_same_answers(tmp_path: Path) -> None:
    learning = task(tmp_path, replace(QUICK, epochs=6, patch_loss=0.5, accumulation=1))
    reports: list[EpochReport] = []
    outcome = train(learning, tmp_path / "run", reports.append)
    assert len(reports) == 6
    assert outcome.best_auroc == max(report.mean_auroc for report in reports)
    assert outcome.best_epoch == max(r.epoch for r in reports if r.mean_auroc == outcome.best_auroc)  # ties: later
    before = log_odds(outcome.network, learning.validation, RECIPE)
    write_bundle(tmp_path / "bundle", learning, outcome, Description("small", "1", "knows noise"))
    checkpoint = load_checkpoint(tmp_path / "bundle")
    after = log_odds(checkpoint.network, learning.validation, checkpoint.recipe)
    assert np.array_equal(before[Endpoint.MALIGNANCY], after[Endpoint.MALIGNANCY])
    assert checkpoint.manifest["provenance"]["config"]["epochs"] == 6
    assert checkpoint.recipe.quality.trained_on == TrainingRange(field_strength_t=(1.5, 8.5))
