"""Cross-validation as the paper prints it, with an interval that knows that folds share their training cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mome_core.model.checkpoint import Checkpoint
from mome_core.results import Endpoint
from mome_core.training.answers import Answers
from mome_core.training.metrics import auroc, call_metrics
from mome_core.training.nested import FoldScores, cross_validated, fold_scores
from mome_core.training.scored import scored
from training_examples import examples


def fold(seed: int, cases: int = 20, gain: float = 1.0, scale: float = 1.0) -> FoldScores:
    rng = np.random.default_rng(seed)
    truth = np.arange(cases) % 2 == 0
    odds = scale * (rng.normal(size=cases) + gain * truth)
    patients = tuple(f"{seed}-{n}" for n in range(cases))
    return scores(truth, 1 / (1 + np.exp(-odds)), patients, training_cases=64)


def scores(
    truth: np.ndarray, probability: np.ndarray, patients: tuple[str, ...], training_cases: int, threshold: float = 0.5
) -> FoldScores:
    said = Answers(patients, truth, probability, probability > threshold, np.ones(len(truth), bool))
    return FoldScores(said, training_cases)


def with_calls(fold: FoldScores, answered: np.ndarray) -> FoldScores:
    return replace(fold, answers=replace(fold.answers, answered=answered))


def test_mean_and_deviation_are_over_the_folds() -> None:
    folds = [fold(seed) for seed in range(5)]
    found = cross_validated(folds, repeats=200)
    alone = [auroc(each.answers.truth, each.answers.probability) for each in folds]
    assert found.mean["auroc"].mean == pytest.approx(np.mean(alone))
    assert found.mean["auroc"].sd == pytest.approx(np.std(alone, ddof=1))
    assert str(found.mean["auroc"]) == f"{np.mean(alone):.3f} +- {np.std(alone, ddof=1):.3f}"
    assert found.cases == 100
    assert {"sensitivity", "specificity"} <= found.mean.keys()  # each fold at its own operating point
    assert not {"sensitivity", "specificity"} & found.pooled.keys()  # thresholds differ, so none is pooled


def test_the_interval_of_the_mean_by_hand() -> None:
    """Nadeau and Bengio 2003: variance of the folds times (1/5 + 20/64), Student's t with four degrees of freedom."""
    folds = [fold(seed) for seed in range(5)]
    found = cross_validated(folds, repeats=100).mean["auroc"]
    assert found.high - found.mean == pytest.approx(2.7764451 * found.sd * np.sqrt(1 / 5 + 20 / 64))
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_one_class_at_a_fold_s_threshold_leaves_a_figure_without_number_not_the_report() -> None:
    silent = scores(np.array([True, False]), np.array([0.4, 0.1]), ("a", "b"), training_cases=10, threshold=0.9)
    found = cross_validated([silent, silent], repeats=100)
    assert np.isnan(found.mean["ppv"].mean)
    assert found.mean["auroc"].mean == 1.0


def test_what_the_node_would_withhold_has_a_rank_but_no_call_and_is_counted() -> None:
    whole = fold(1)
    silent = with_calls(whole, np.zeros(20, bool))
    some = replace(with_calls(whole, np.arange(20) < 10), unanswered=3)
    found = cross_validated([whole, some, silent], repeats=100)
    assert (found.cases, found.withheld) == (63, 33)
    assert "sensitivity" not in silent.figures() and silent.figures()["auroc"] == whole.figures()["auroc"]
    first = call_metrics(whole.answers.truth[:10], whole.answers.called[:10])["sensitivity"]
    assert some.figures()["sensitivity"] == first
    assert found.mean["sensitivity"].mean == np.mean([whole.figures()["sensitivity"], first])


def test_a_fold_of_one_class_tells_no_figure_and_ends_nothing() -> None:
    one = fold(1)
    negative = replace(one, answers=replace(one.answers, truth=np.zeros(20, bool)))
    assert negative.figures() == {}
    found = cross_validated([one, fold(2), negative], repeats=100)
    assert found.mean["auroc"].mean == np.mean([one.figures()["auroc"], fold(2).figures()["auroc"]])
    nothing = cross_validated([negative, negative], repeats=100)
    assert (nothing.cases, nothing.mean, nothing.pooled) == (40, {}, {})


def test_a_fold_asks_no_network_about_cases_whose_images_withhold_the_score(folder: Path, trained: Checkpoint) -> None:
    first, second, moved = examples(folder, 3, first=400)
    moved = replace(moved, facts=replace(moved.facts, motion_left_mm=9.0))
    asked: list[str] = []
    found = fold_scores(trained, [first, moved, second], 8, asked.append)[Endpoint.MALIGNANCY]
    assert asked == [first.name, second.name]
    assert (found.cases, found.unanswered, len(found.answers)) == (3, 1, 2)
    assert found.answers.probability.tolist() == scored(trained, [first, second], Endpoint.MALIGNANCY).tolist()


@pytest.mark.exhaustive
def test_the_interval_covers_the_truth_where_folds_lean_on_each_other() -> None:
    """A linear rule learnt from noise: the plain interval covers a half too seldom, the corrected one does not."""
    rng, covered, plain = np.random.default_rng(3), 0, 0
    for _ in range(300):
        features, truth = rng.normal(size=(100, 40)), np.arange(100) % 2 == 0
        of = np.arange(100) // 2 % 5
        folds = []
        for n in range(5):
            inside = of == n
            rule = features[truth & ~inside].mean(0) - features[~truth & ~inside].mean(0)
            values = 1 / (1 + np.exp(-features[inside] @ rule))
            folds.append(scores(truth[inside], values, tuple(map(str, np.flatnonzero(inside))), 80))
        found = cross_validated(folds, repeats=100).mean["auroc"]
        covered += found.low <= 0.5 <= found.high
        reach = 1.96 * found.sd / np.sqrt(5)
        plain += found.mean - reach <= 0.5 <= found.mean + reach
    assert covered >= 0.93 * 300
    assert plain < covered
