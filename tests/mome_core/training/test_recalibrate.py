"""A site's own prevalence: slope and intercept anew, the same weights, a bundle that names its parent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mome_core.calibration import Calibration, sigmoid
from mome_core.case import Modality
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.results import Endpoint
from mome_core.training.calibrate import calibrated
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import expected_calibration_error
from mome_core.training.recalibrate import card_of, recalibrate
from training_examples import examples

ALL = frozenset(Modality)


def site(folder: Path, cases: int = 110) -> list[Example]:
    """Cases that the model has not seen."""
    return examples(folder, cases, first=2000)


def drawn(rng: np.random.Generator, cases: int, prevalence: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels of patients as they come, and the log odds of a network for them."""
    labels = rng.random(cases) < prevalence
    return labels, 2 * (rng.normal(size=cases) + 2.2 * labels - 1)


def error_at(calibration: Calibration, labels: NDArray[np.bool_], log_odds: NDArray[np.float64]) -> float:
    read = [sigmoid(calibration.slope * each + calibration.intercept) for each in log_odds]
    return expected_calibration_error(labels, read)


def test_a_prevalence_that_falls_from_44_to_5_percent_leaves_an_error_of_at_most_2_points() -> None:
    before, after = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels, log_odds = drawn(rng, 500, 0.44)
        developed = calibrated(ALL, labels, log_odds, base_rate=0.44)
        here, there = drawn(rng, 1000, 0.05), drawn(rng, 20_000, 0.05)
        recalibrated = calibrated(ALL, *here, base_rate=float(here[0].mean()))
        before.append(error_at(developed, *there))
        after.append(error_at(recalibrated, *there))
    assert np.mean(before) > 0.08, "without it the probabilities are those of another population"
    assert np.mean(after) <= 0.01 and np.max(after) <= 0.02


@pytest.mark.slow
def test_a_recalibrated_bundle_has_the_same_weights_other_calibrations_and_its_parent(
    folder: Path, trained: Checkpoint, tmp_path: Path
) -> None:
    cases = site(folder)
    told: list[str] = []
    planned: list[int] = []

    def counting(count: int) -> Callable[[str], None]:
        planned.append(count)
        return told.append

    found = recalibrate(trained, cases, tmp_path / "here", card_of(folder / "trained"), counting)
    here = load_checkpoint(tmp_path / "here")
    assert here.identity == found.identity
    assert (here.identity.sha256, here.identity.version) == (trained.identity.sha256, "1+site1")
    assert "110 studies of one site" in here.identity.statement
    assert [each.estimator for each in here.estimators] == [each.estimator for each in trained.estimators]
    assert here.calibrations(Endpoint.MALIGNANCY) != trained.calibrations(Endpoint.MALIGNANCY)
    provenance, parent = here.manifest["provenance"], trained.manifest["manifest_sha256"]
    assert (provenance["recalibrated_from"], provenance["lineage"]) == (parent, [parent])
    assert provenance["training_cases"] == 32, "how it was made stays known"
    assert planned == [len(told)] == [110 * len(trained.estimators)]
    card = (tmp_path / "here" / "MODEL_CARD.md").read_text()
    assert parent in card and "# trained 1\n" in card
    with pytest.raises(TrainingRefused, match=r"0 positive .* are new to the model \(110 cases are left out"):
        recalibrate(here, cases, tmp_path / "again")


def test_too_few_new_patients_or_too_few_of_a_class_are_refused(
    folder: Path, trained: Checkpoint, tmp_path: Path
) -> None:
    cases = site(folder)
    with pytest.raises(TrainingRefused, match="49 positive and 50 negative patients of malignancy are new"):
        recalibrate(trained, cases[:99], tmp_path / "few")
    rare = [replace(each, labels={Endpoint.MALIGNANCY: int(n < 19)}) for n, each in enumerate(cases)]
    with pytest.raises(TrainingRefused, match="19 positive and 91 negative"):
        recalibrate(trained, rare, tmp_path / "rare")
    one = [replace(each, patient="one") for each in cases]
    with pytest.raises(TrainingRefused, match="1 positive and 1 negative"):
        recalibrate(trained, one, tmp_path / "one")
    pairs = [replace(each, patient=f"p{n // 2}") for n, each in enumerate(cases)]  # a breast of each class
    with pytest.raises(TrainingRefused, match=r"55 positive and 55 negative .* at least 100 patients are needed"):
        recalibrate(trained, pairs, tmp_path / "pairs")
    assert not list(tmp_path.iterdir())


def test_cases_that_the_model_was_trained_on_do_not_count(folder: Path, trained: Checkpoint, tmp_path: Path) -> None:
    seen = examples(folder, 32)
    with pytest.raises(TrainingRefused, match="32 cases are left out"):
        recalibrate(trained, [*seen, *site(folder, 90)], tmp_path / "seen")


def test_a_bundle_without_a_card_has_an_empty_one(tmp_path: Path) -> None:
    assert card_of(tmp_path) == ""
