"""Readers and model on the same cases, at a BI-RADS cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, recall_score, roc_auc_score

from measured_models import answers, truth_of
from mome_core.training.errors import TrainingRefused
from mome_core.training.readers import ReaderCut, against_readers

TRUTH = truth_of(90, 3)
MODEL = answers(TRUTH, 2.0, 4)
RATINGS = ["2", "3", "4a", "4b", "4c", "5"]


def rated(seed: int = 5) -> list[str]:
    rng = np.random.default_rng(seed)
    return [RATINGS[min(5, max(0, int(2 + 2 * yes + rng.normal(0, 1.3))))] for yes in TRUTH]


def test_by_default_a_reader_is_positive_from_4b_on_as_in_the_paper() -> None:
    ratings = rated()
    (reader,) = against_readers(MODEL, {"reader_Ann": ratings}, repeats=100)
    called = np.array([each in {"4b", "4c", "5"} for each in ratings])
    assert (reader.name, reader.cases, reader.positive) == ("Ann", 90, int(TRUTH.sum()))
    assert reader.of_reader["sensitivity"].value == pytest.approx(recall_score(TRUTH, called))
    assert reader.of_reader["specificity"].value == pytest.approx(recall_score(~TRUTH, ~called))
    assert reader.of_reader["f1"].value == pytest.approx(f1_score(TRUTH, called))
    assert reader.of_reader["mcc"].value == pytest.approx(matthews_corrcoef(TRUTH, called))


def test_another_cut_moves_the_reader_and_not_the_model() -> None:
    found = [against_readers(MODEL, {"reader_a": rated()}, cut, repeats=50)[0] for cut in ReaderCut]
    sensitivities = [each.of_reader["sensitivity"].value for each in found]
    assert sensitivities == sorted(sensitivities, reverse=True)
    assert len({each.of_model["mcc"].value for each in found}) == 1
    assert len({each.of_reader["auroc"].value for each in found}) == 1


def test_differences_are_the_model_s_minus_the_reader_s_on_the_cases_that_were_read() -> None:
    ratings = ["" if n % 3 == 0 else each for n, each in enumerate(rated())]
    read = np.arange(90) % 3 != 0
    (reader,) = against_readers(MODEL, {"reader_a": ratings}, repeats=100)
    assert reader.cases == 60
    for name, measure in (("f1", f1_score), ("mcc", matthews_corrcoef)):
        compared = reader.differences[name]
        assert compared.first == pytest.approx(measure(TRUTH[read], MODEL.called[read]))
        assert compared.difference.value == pytest.approx(compared.first - compared.second)
        assert compared.difference.low < compared.difference.value < compared.difference.high
        assert 0 < compared.p_value <= 1
    assert reader.differences["auroc"].first == pytest.approx(roc_auc_score(TRUTH[read], MODEL.probability[read]))


def test_a_plain_4_counts_as_below_4b_and_is_counted() -> None:
    ratings = ["4" if n < 10 else each for n, each in enumerate(rated())]
    (at_4b,) = against_readers(MODEL, {"reader_a": ratings}, repeats=50)
    (at_4,) = against_readers(MODEL, {"reader_a": ratings}, ReaderCut.FOUR, repeats=50)
    assert (at_4b.without_letter, at_4.without_letter) == (10, 0)


def test_probabilities_are_cut_at_a_half() -> None:
    given = np.clip(0.5 + 0.2 * (TRUTH - 0.5) + np.random.default_rng(1).normal(0, 0.2, 90), 0.01, 0.99)
    (reader,) = against_readers(MODEL, {"reader_a": [f"{each:.4f}" for each in given]}, repeats=50)
    assert reader.of_reader["sensitivity"].value == pytest.approx(recall_score(TRUTH, given >= 0.5))


def test_cases_without_a_call_are_compared_with_nobody() -> None:
    silent = replace(MODEL, answered=np.arange(90) >= 30)
    (reader,) = against_readers(silent, {"reader_a": rated()}, repeats=50)
    assert reader.cases == 60


def test_a_reader_of_one_class_is_left_out_and_words_are_refused() -> None:
    only_positive = [each if yes else "" for each, yes in zip(rated(), TRUTH, strict=True)]
    assert against_readers(MODEL, {"reader_a": only_positive}, repeats=50) == []
    with pytest.raises(TrainingRefused, match="'benign' is not a rating"):
        against_readers(MODEL, {"reader_a": ["benign"] * 90}, repeats=50)
