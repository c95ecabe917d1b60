"""The other sides of an evaluation: groups, readers, BI-RADS 4, augmentation, contributions, and their page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from mome_core.results import Endpoint
from mome_core.training.breakdown import (
    Downgrade,
    against_readers,
    by_group,
    downgrade,
    number,
)
from mome_core.training.errors import TrainingRefused
from mome_core.training.evaluate import Evaluation
from training_examples import examples


def evaluation(place: Path, probability: np.ndarray, truth: np.ndarray) -> Evaluation:  # type: ignore[type-arg]
    cases = tuple(examples(place, len(truth), first=300))
    return Evaluation(Endpoint.MALIGNANCY, cases, truth, probability, (), 0.5, {}, {})


def noisy(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.5
    return truth, np.clip(0.3 + 0.3 * truth + rng.normal(0, 0.2, count), 0.01, 0.99)


def test_each_group_has_the_auroc_of_its_cases_and_small_ones_none(tmp_path: Path) -> None:
    truth, scores = noisy(1)
    sites = ["north"] * 30 + ["south"] * 28 + ["west"] * 2
    groups = by_group(evaluation(tmp_path, scores, truth), {"site": sites, "age": [""] * 60}, repeats=100)
    assert [(each.column, each.value, each.cases) for each in groups] == [("site", "north", 30), ("site", "south", 28)]
    assert groups[0].auroc.value == pytest.approx(roc_auc_score(truth[:30], scores[:30]))
    assert groups[0].auroc.low < groups[0].auroc.value < groups[0].auroc.high


def test_a_reader_is_measured_on_what_he_read(tmp_path: Path) -> None:
    truth, scores = noisy(2)
    rng = np.random.default_rng(3)
    categories = np.where(truth, rng.integers(3, 6, 60), rng.integers(1, 5, 60))
    ratings = ["" if n % 3 == 0 else str(each) for n, each in enumerate(categories)]
    (reader,) = against_readers(evaluation(tmp_path, scores, truth), {"reader_a": ratings}, repeats=100)
    read = np.arange(60) % 3 != 0
    assert reader.cases == 40
    assert reader.comparison.second == pytest.approx(roc_auc_score(truth[read], categories[read]))
    assert reader.comparison.first == pytest.approx(roc_auc_score(truth[read], scores[read]))
    assert reader.sensitivity == pytest.approx(recall_score(truth[read], categories[read] >= 4))
    assert reader.specificity == pytest.approx(recall_score(~truth[read], categories[read] < 4))


def test_ratings_are_numbers_or_categories() -> None:
    assert [number("r", text) for text in ("3", "4a", "4C", "0.25")] == [3.0, 4.1, 4.3, 0.25]
    with pytest.raises(TrainingRefused, match="'benign' is not a rating"):
        number("reader_a", "benign")


def test_the_point_below_which_bi_rads_4_is_spared_comes_from_other_cases(tmp_path: Path) -> None:
    chosen = evaluation(tmp_path, np.linspace(0.01, 1, 100), np.arange(100) >= 40)
    other = evaluation(tmp_path, np.array([0.1, 0.2, 0.3, 0.5, 0.9]), np.array([False, True, False, True, False]))
    found = downgrade(chosen, ["4a"] * 100, other, ["4", "4b", "4", "4c", "5"])
    assert found == Downgrade(pytest.approx(0.42), pytest.approx(59 / 60), 100, 2, 2, 2, 1)  # type: ignore[arg-type]
    assert downgrade(chosen, ["3"] * 100, other, ["4"] * 5) is None
