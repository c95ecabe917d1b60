"""What became of every case, and the table of patients."""

from __future__ import annotations

import numpy as np

from measured_models import case_set, measured
from mome_core.training.report.patients import flow, patients_table


def test_the_flow_counts_everyone_who_was_listed() -> None:
    found = measured(sets=1).sets[0]
    shown = flow(found)
    assert "<b>84</b>listed" in shown and "<b>2</b>excluded: no breast was found" in shown
    assert "<b>1</b>without a label" in shown and "<b>80</b>measured" in shown
    assert "<b>4</b>no call by resnet34-dce" in shown and "no call by ours" not in shown
    assert "<b>1</b>no score by ours: motion left" in shown


def test_levels_stand_in_their_order_with_shares_of_those_known() -> None:
    evaluation = measured()
    shown = patients_table(evaluation.patients, evaluation.sets)
    assert shown.index("minimal") < shown.index("mild") < shown.index("marked")
    cases = case_set("internal", 80, 11)
    ages = [float(each) for each, yes in zip(cases.column("age"), cases.truth, strict=True) if not yes]
    assert f"{np.median(ages):.0f}" in shown and "between sets" in shown


def test_one_set_has_no_comparison_between_sets() -> None:
    evaluation = measured(("ours",), "", sets=1)
    assert "between sets" not in patients_table(evaluation.patients, evaluation.sets)
    assert patients_table((), evaluation.sets) == ""
