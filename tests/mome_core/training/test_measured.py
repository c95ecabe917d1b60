"""Models on one set: figures and differences by the same draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from measured_models import answers, case_set, measured_set, truth_of
from mome_core.results import ModelIdentity
from mome_core.training.answers import Answers
from mome_core.training.exposure import ExposureReport
from mome_core.training.measured import Scored, measure_models
from mome_core.training.metrics import all_metrics
from mome_core.training.statistics import delong

TRUTH = truth_of(70, 2)
OURS, OTHER = answers(TRUTH, 2.5, 3), answers(TRUTH, 1.0, 4)


def named(name: str, said: Answers) -> Scored:
    seen = ExposureReport({}, 0, 0, 0, complete=True, recorded=True)
    return Scored(ModelIdentity(name, "1", "a" * 64, "for tests"), said, seen)


def test_every_figure_of_every_model_is_compared_with_the_one_that_is_named() -> None:
    ours, other = measure_models([named("ours", OURS), named("other", OTHER)], "other", [None, None], repeats=100)
    assert {n: v.value for n, v in ours.figures.items()} == pytest.approx(all_metrics(TRUTH, OURS.probability, 0.5))
    assert other.against == {} and set(ours.against) == {*ours.figures, "auroc_delong"}
    for name, found in ours.against.items():
        base = name.removesuffix("_delong")
        expected = ours.figures[base].value - other.figures[base].value
        assert found.difference.value == pytest.approx(expected)
    assert ours.against["auroc_delong"] == delong(TRUTH, OURS.probability, OTHER.probability)
    assert ours.curves.difference is not None and other.curves.difference is None


def test_patients_with_several_cases_are_drawn_whole_and_delong_is_not_given() -> None:
    patients = tuple(str(n // 2) for n in range(70))
    pair = [named(n, replace(said, patients=patients)) for n, said in (("ours", OURS), ("other", OTHER))]
    ours, _ = measure_models(pair, "other", [None, None], repeats=100)
    assert "auroc_delong" not in ours.against
    alone, _ = measure_models([named("ours", OURS), named("other", OTHER)], "other", [None, None], repeats=100)
    assert ours.figures["auroc"].low != alone.figures["auroc"].low


def test_figures_of_calls_leave_out_what_was_not_called() -> None:
    answered = np.arange(70) >= 20
    (model,) = measure_models([named("ours", replace(OURS, answered=answered))], "", [None], repeats=50)
    expected = all_metrics(TRUTH[20:], OURS.probability[20:], 0.5)
    assert model.figures["mcc"].value == pytest.approx(expected["mcc"])
    assert model.figures["auroc"].value == pytest.approx(all_metrics(TRUTH, OURS.probability, 0.5)["auroc"])


def test_a_model_that_calls_nothing_has_rankings_only() -> None:
    (model,) = measure_models([named("ours", replace(OURS, answered=np.zeros(70, bool)))], "", [None], repeats=50)
    assert np.isnan(model.figures["sensitivity"].value) and model.figures["auroc"].value > 0.5


def test_answers_of_two_lengths_are_no_answers() -> None:
    with pytest.raises(ValueError, match="one length"):
        replace(OURS, truth=TRUTH[1:])


def test_a_set_holds_its_columns() -> None:
    found = measured_set(case_set("internal", 60, 5), ("ours",), "")
    assert len(found.cases.column("age")) == 60 and found.cases.column("absent") == [""] * 60
