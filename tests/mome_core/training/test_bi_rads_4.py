"""BI-RADS 4: what a model would spare and miss, at a point chosen on other cases."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from measured_models import answers, truth_of
from mome_core.training.answers import Answers
from mome_core.training.bi_rads_4 import bi_rads_4, category_four, choose_downgrade, trade_off


def made(truth: np.ndarray, probability: np.ndarray) -> Answers:
    n = len(truth)
    return Answers(tuple(map(str, range(n))), truth, probability, probability > 0.5, np.ones(n, bool))


def test_categories_with_and_without_a_letter_are_4() -> None:
    assert bi_rads_4(["4", "4A", "4b", "4c", "5", "3", ""]).tolist() == [True] * 4 + [False] * 3


def test_the_point_keeps_98_percent_where_it_was_chosen_and_is_read_elsewhere() -> None:
    chosen = made(np.arange(100) >= 40, np.linspace(0.01, 1, 100))
    others = made(np.array([False, True, False, True]), np.array([0.1, 0.2, 0.3, 0.5]))
    found = choose_downgrade(chosen, others)
    assert found is not None and found.threshold == pytest.approx(0.42)
    assert (found.kept.count, found.kept.of) == (59, 60)
    assert (found.spared.count, found.spared.of) == (2, 2)
    assert (found.missed.count, found.missed.of) == (1, 2)


def test_without_a_malignant_case_to_choose_on_or_a_case_to_read_there_is_no_point() -> None:
    benign, empty = made(np.zeros(5, bool), np.linspace(0, 1, 5)), made(np.zeros(0, bool), np.zeros(0))
    some = answers(truth_of(20, 1), 1.0, 2)
    assert choose_downgrade(benign, some) is None
    assert choose_downgrade(some, empty) is None


def test_shares_have_exact_intervals() -> None:
    chosen, others = answers(truth_of(60, 1), 1.0, 2), answers(truth_of(80, 3), 1.0, 4)
    found = choose_downgrade(chosen, others)
    assert found is not None
    for share in (found.kept, found.spared, found.missed):
        expected = proportion_confint(share.count, share.of, method="beta")
        assert (share.low, share.high) == pytest.approx(expected, abs=1e-9)


def test_of_two_breasts_with_one_answer_the_exact_intervals_count_one() -> None:
    """Ten patients with both breasts benign are ten, not twenty; a breast of each class of a patient counts in each."""
    chosen = made(np.arange(20) >= 10, np.linspace(0.01, 1, 20))
    truth = np.array([False] * 20 + [True, False])
    patients = tuple(f"p{n // 2}" for n in range(22))
    others = Answers(patients, truth, np.full(22, 0.1), np.zeros(22, bool), np.ones(22, bool))
    found = choose_downgrade(chosen, others)
    assert found is not None and (found.spared.count, found.spared.of, found.missed.of) == (11, 11, 1)


def test_a_trade_off_runs_from_nothing_spared_to_everything_missed() -> None:
    model = answers(truth_of(60, 4), 2.0, 5)
    spared, missed = trade_off(model)
    assert (spared[0], missed[0], spared[-1], missed[-1]) == (0, 0, 1, 1)
    assert (np.diff(spared) >= 0).all() and (np.diff(missed) >= 0).all()
    cut = np.unique(model.probability)[20]
    assert spared[20] == pytest.approx((model.probability[~model.truth] < cut).mean())


def test_a_better_model_has_more_net_benefit_and_one_class_has_no_curve() -> None:
    truth = truth_of(80, 6)
    good, poor = answers(truth, 3.0, 7), answers(truth, 0.2, 8)
    found = category_four(good, None, poor, repeats=100)
    assert found is not None and found.difference is not None
    assert (found.cases, found.malignant) == (80, int(truth.sum()))
    assert found.difference.value[40:60].mean() > 0
    assert category_four(good.of(truth), None, None, repeats=50) is None
