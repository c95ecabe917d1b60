"""Groups of patients: four figures of each, and nothing of groups that are too small."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from measured_models import answers, truth_of
from mome_core.training.subgroups import by_group

TRUTH = truth_of(90, 8)
MODEL = answers(TRUTH, 2.0, 9)


def test_each_group_has_the_figures_of_its_cases() -> None:
    sites = ["north"] * 50 + ["south"] * 40
    north, south = by_group(MODEL, {"site": sites}, repeats=100)
    labels, scores, called = TRUTH[:50], MODEL.probability[:50], MODEL.called[:50]
    assert (north.value, north.cases, north.positive, south.cases) == ("north", 50, int(labels.sum()), 40)
    assert north.figures["auroc"].value == pytest.approx(roc_auc_score(labels, scores))
    assert north.figures["auprc"].value == pytest.approx(average_precision_score(labels, scores))
    assert north.figures["sensitivity"].value == pytest.approx(recall_score(labels, called))
    assert north.figures["specificity"].value == pytest.approx(recall_score(~labels, ~called))
    assert north.figures["auroc"].low < north.figures["auroc"].value < north.figures["auroc"].high


def test_a_group_with_fewer_than_five_of_a_class_is_counted_and_not_measured() -> None:
    rare = ["rare" if n in set(np.flatnonzero(TRUTH)[:4]) else "usual" for n in range(90)]
    groups = {each.value: each for each in by_group(MODEL, {"site": rare}, repeats=50)}
    assert (groups["rare"].cases, groups["rare"].figures) == (4, {})
    assert groups["usual"].figures


def test_ages_and_categories_are_grouped_as_in_the_paper_and_empty_columns_left_out() -> None:
    ages = [str(30 + n % 50) for n in range(90)]
    categories = ["4a" if n % 2 else "5" for n in range(90)]
    found = by_group(MODEL, {"age": ages, "bi_rads": categories, "bpe": [""] * 90, "vendor": ["GE"] * 90}, repeats=50)
    assert [(each.column, each.value) for each in found] == [
        ("age", "under 40"),
        ("age", "40 to 59"),
        ("age", "60 and over"),
        ("bi_rads", "4"),
        ("bi_rads", "other than 4"),
    ]
