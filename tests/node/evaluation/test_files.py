"""An evaluation as files: plain values for scripts, a table of cases to look at, a page without network."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from measured_models import measured
from mome_core.training.dataset import ExcludedCase
from node.evaluation.files import report_json, write_cases, write_figures, write_page
from node.evaluation.measure import EvaluationReport


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return EvaluationReport(measured(), {"internal": (ExcludedCase("s9", "torn"),), "external": ()})


def test_scripts_get_every_model_of_every_set_with_comparisons(report: EvaluationReport) -> None:
    told = json.loads(json.dumps(report_json(report), allow_nan=False))
    assert told["conclusion"].startswith("On internal (80 cases")
    assert [(each["set"], each["cases"]) for each in told["sets"]] == [("internal", 80), ("external", 70)]
    first = told["sets"][0]
    assert first["excluded"] == [{"case": "s9", "reason": "torn"}] and first["flow"]["listed"] == 84
    ours, other = first["models"]
    assert (ours["model"], other["model"], other["against"]) == ("ours", "resnet34-dce", {})
    value = report.measured.sets[0].models[0].figures["auroc"].value
    assert ours["figures"]["auroc"]["value"] == ours["against"]["auroc"]["first"] == value
    assert set(ours["against"]) >= {"auroc", "auprc", "f1", "mcc", "auroc_delong"}
    assert {len(curve["x"]) for curve in ours["curves"].values()} == {99, 101}


def test_readers_groups_subsets_shares_and_bi_rads_4_are_numbers_too(report: EvaluationReport) -> None:
    first = report_json(report)["sets"][0]  # type: ignore[index]
    assert {each["name"] for each in first["readers"]} == {"Ann", "Bob"}
    assert {each["column"] for each in first["groups"]} == {"age", "bpe", "bi_rads", "site"}
    ours = first["models"][0]
    assert [each["modalities"] for each in ours["coalitions"]] == ["DCE+DWI+T2", "DCE", "T2"]
    assert ours["contributions"]["DCE"]["negative"] < 0 < ours["contributions"]["DCE"]["positive"]
    assert ours["bi_rads_4"]["downgrade"]["spared"]["of"] > 0


def test_every_number_is_a_line_of_the_figures(report: EvaluationReport, tmp_path: Path) -> None:
    write_figures(tmp_path / "figures.csv", report)
    with (tmp_path / "figures.csv").open() as file:
        figures = {row["figure"]: row["value"] for row in csv.DictReader(file)}
    value = report.measured.sets[1].models[1].figures["mcc"].value
    assert float(figures["sets.1.models.1.figures.mcc.value"]) == value
    assert "sets.0.models.0.curves.roc.low.50" in figures


def test_no_line_of_the_figures_is_a_formula_for_a_spreadsheet(report: EvaluationReport, tmp_path: Path) -> None:
    named = replace(report, excluded={**report.excluded, "internal": (ExcludedCase("=HYPERLINK(1)", "torn"),)})
    write_figures(tmp_path / "figures.csv", named)
    assert "sets.0.excluded.0.case,'=HYPERLINK(1)\n" in (tmp_path / "figures.csv").read_text("utf-8")


def test_the_first_model_s_most_confident_error_is_the_first_case(report: EvaluationReport, tmp_path: Path) -> None:
    write_cases(tmp_path / "cases.csv", report)
    with (tmp_path / "cases.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["set"] == "internal"]
    assert len(lines) == 80
    gaps = [abs(float(line["ours"]) - int(line["label"])) for line in lines]
    assert gaps == sorted(gaps, reverse=True)
    answers = report.measured.sets[0].models[1].answers
    by_name = {line["case"]: line for line in lines}
    assert float(by_name["internal/003"]["resnet34-dce"]) == pytest.approx(answers.probability[3], abs=1e-6)
    calls = np.where(answers.called, "positive", "negative")
    assert [by_name[f"internal/{n:03d}"]["resnet34-dce call"] for n in range(80)] == calls.tolist()
    assert {line["to ours"] for line in lines} == {"new"}


def test_the_page_is_written_whole(report: EvaluationReport, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", report)
    assert (tmp_path / "page.html").read_text("utf-8").endswith("</html>\n")
