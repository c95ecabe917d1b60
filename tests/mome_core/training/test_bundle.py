"""From a finished run to a bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mome_core.case import Modality
from mome_core.estimator import Estimator
from mome_core.model.checkpoint import Description, as_loaded, load_checkpoint
from mome_core.preprocessing.recipe import TrainingRange
from mome_core.results import Endpoint
from mome_core.training.bundle import LICENCES, non_commercial, write_bundle
from mome_core.training.loop import train
from mome_core.training.predict import answer_cases
from mome_core.training.run_state import EpochReport
from training_examples import QUICK, RECIPE, task


def test_training_learns_and_the_bundle_gives_the_same_answers(tmp_path: Path) -> None:
    learning = task(tmp_path, replace(QUICK, epochs=6, patch_loss=0.5, accumulation=1))
    reports: list[EpochReport] = []
    outcome = train(learning, tmp_path / "run", reports.append)
    assert len(reports) == 6
    assert outcome.best_auroc == max(report.mean_auroc for report in reports)
    assert outcome.best_epoch == max(r.epoch for r in reports if r.mean_auroc == outcome.best_auroc)  # ties: later
    before = answer_cases(as_loaded(outcome.network), learning.validation, RECIPE, Estimator())
    write_bundle(tmp_path / "bundle", learning, outcome, Description("small", "1", "knows noise"))
    checkpoint = load_checkpoint(tmp_path / "bundle")
    after = answer_cases(checkpoint.network, learning.validation, checkpoint.recipe, checkpoint.estimator)
    everything = frozenset(Modality)
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one[everything][Endpoint.MALIGNANCY], other[everything][Endpoint.MALIGNANCY])
    assert checkpoint.manifest["provenance"]["config"]["epochs"] == 6
    assert checkpoint.recipe.quality.trained_on == TrainingRange(field_strength_t=(1.5, 8.5))


def test_the_card_names_the_licences_of_the_data_and_what_they_forbid(tmp_path: Path) -> None:
    learning = task(tmp_path, replace(QUICK, epochs=1))
    outcome = train(learning, tmp_path / "run")
    for name, licences in (("free", ["CC BY 4.0 (doi:1)"]), ("bound", ["CC BY 4.0 (doi:1)", "CC BY-NC 4.0 (doi:2)"])):
        write_bundle(tmp_path / name, learning, outcome, Description(name, "1", "knows noise", {LICENCES: licences}))
        card = (tmp_path / name / "MODEL_CARD.md").read_text()
        assert [each for each in licences if f"- {each}" in card] == licences
        assert ("NOT FOR COMMERCIAL USE" in card) == (name == "bound") == non_commercial(licences)
    write_bundle(tmp_path / "silent", learning, outcome, Description("silent", "1", "knows noise"))
    assert "Licences of the data" not in (tmp_path / "silent" / "MODEL_CARD.md").read_text()
