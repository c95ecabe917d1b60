"""What a model is worth, as a report: plain values for scripts, a table of cases to look at, a page without network."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.breakdown import Subgroup
from mome_core.training.dataset import ExcludedCase
from mome_core.training.evaluate import Evaluation, compare
from mome_core.training.exposure import ExposureRecord, ExposureReport, exposure_report
from mome_core.training.report import Breakdown, MeasuredModel
from mome_core.training.statistics import Interval
from node.evaluation import EvaluationReport, write_cases, write_figures, write_page
from training_examples import examples


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    truth, probability = np.array([True, False, True, False]), np.array([0.9, 0.2, 0.1, 0.6])
    cases = tuple(examples(tmp_path, 4))
    figures = {"auroc": Interval(0.75, 0.5, 1.0)}
    return Evaluation(Endpoint.MALIGNANCY, cases, truth, probability, (), 0.5, figures, {"DCE": 0.7})


def new_to_it(evaluation: Evaluation) -> ExposureReport:
    return exposure_report({"provenance": {"exposure": ExposureRecord().to_json()}}, evaluation.examples)


@pytest.fixture
def report(evaluation: Evaluation) -> EvaluationReport:
    measured = MeasuredModel(ModelIdentity("ours", "1", "a" * 64, "for tests"), evaluation, new_to_it(evaluation))
    breakdown = Breakdown(
        groups=(Subgroup("site", "north", 4, 2, Interval(0.75, 0.5, 1.0)),), contributions={Modality.DCE: 0.2}
    )
    comparison = compare(evaluation, evaluation, repeats=100)
    return EvaluationReport((measured, measured), comparison, breakdown, (ExcludedCase("s9", "torn"),))


def test_scripts_get_every_model_comparison_and_side(report: EvaluationReport) -> None:
    told = json.loads(json.dumps(report.to_json()))
    assert [(each["cases"], each["positive"], each["threshold"]) for each in told["models"]] == [(4, 2, 0.5)] * 2
    assert told["models"][0]["figures"]["auroc"] == {"value": 0.75, "low": 0.5, "high": 1.0}
    assert set(told["comparison"]) == {"bootstrap", "delong"}
    assert told["excluded"] == [{"case": "s9", "reason": "torn"}]
    assert told["contributions"] == {"DCE": 0.2}
    assert told["groups"][0]["value"] == "north"
    assert told["bi_rads_4"] is None


def test_every_number_is_a_line_of_the_figures(report: EvaluationReport, tmp_path: Path) -> None:
    write_figures(tmp_path / "figures.csv", report)
    with (tmp_path / "figures.csv").open() as file:
        figures = {row["figure"]: row["value"] for row in csv.DictReader(file)}
    assert figures["models.0.figures.auroc.value"] == "0.75"
    assert figures["contributions.DCE"] == "0.2"
    assert figures["groups.0.cases"] == "4"


def test_the_most_confident_error_is_the_first_case(report: EvaluationReport, tmp_path: Path) -> None:
    write_cases(tmp_path / "cases.csv", report.measured[0])
    with (tmp_path / "cases.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["case"] for line in lines] == ["case 2", "case 3", "case 1", "case 0"]
    assert (lines[0]["label"], lines[0]["called_positive"]) == ("1", "0")


def test_cases_that_the_model_has_seen_are_marked_everywhere(report: EvaluationReport, tmp_path: Path) -> None:
    first = report.measured[0]
    taught = ExposureRecord().extended(first.evaluation.examples[:2], first.evaluation.examples[2:3])
    seen = exposure_report({"provenance": {"exposure": taught.to_json()}}, first.evaluation.examples)
    marked = replace(report, measured=(replace(first, exposure=seen),))
    told = json.loads(json.dumps(marked.to_json()))["models"][0]["exposure"]
    assert (told["is_test"], told["patients_trained_on"], told["patients_chosen_on"]) == (False, 2, 1)
    assert told["seen_cases"] == {"case 0": "training", "case 1": "training", "case 2": "validation"}
    write_page(tmp_path / "page.html", marked)
    page = (tmp_path / "page.html").read_text()
    assert page.index('<p class="seen">NOT A TEST of ours: 3 of 4 cases') < page.index("RESEARCH USE ONLY")
    write_cases(tmp_path / "cases.csv", marked.measured[0])
    with (tmp_path / "cases.csv").open() as file:
        assert {line["case"]: line["to_the_model"] for line in csv.DictReader(file)} == {
            "case 0": "training",
            "case 1": "training",
            "case 2": "validation",
            "case 3": "new",
        }


def test_the_page_needs_no_network(report: EvaluationReport, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", report)
    page = (tmp_path / "page.html").read_text()
    assert "<svg" in page
    assert not any(loads in page for loads in ('src="', 'href="http', "@import"))
