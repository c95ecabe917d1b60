"""Curves and figures of each set."""

from __future__ import annotations

import re

import pytest

from measured_models import measured
from mome_core.training.measured import Measured
from mome_core.training.report.discrimination import curves, figures_table


@pytest.fixture(scope="module")
def evaluation() -> Measured:
    return measured()


def test_four_charts_name_every_model_with_its_figure_and_the_readers(evaluation: Measured) -> None:
    drawn = curves(evaluation.sets[0])
    charts = re.findall(r"<svg.*?</svg>", drawn, re.DOTALL)
    names = ("auroc", "auprc", "partial_auroc_specificity_90", "partial_auroc_sensitivity_90")
    for chart, name in zip(charts, names, strict=True):
        for model in evaluation.sets[0].models:
            value = model.figures[name]
            assert f"{model.identity.name} {value.value:.3f} ({value.low:.2f}–{value.high:.2f})" in chart
    assert ">AN<" in charts[0] and ">BO<" in charts[0]
    assert "n = 80" in charts[0]


def test_the_table_gives_every_figure_with_its_interval_and_p(evaluation: Measured) -> None:
    shown = figures_table(evaluation.sets[0], "resnet34-dce")
    ours, other = evaluation.sets[0].models
    for name in ours.figures:
        assert f"{ours.figures[name].value:.3f}" in shown
        assert f"{other.figures[name].value:.3f}" in shown
    rows = re.findall(r"<tr>(.*?)</tr>", shown, re.DOTALL)
    assert len(rows) == 2 + len(ours.figures) + 1
    assert "DeLong" in rows[-1] and "lower is better" in shown
    assert "not corrected for their number" in shown


def test_delong_is_left_out_where_patients_have_several_cases() -> None:
    evaluation = measured(("ours",), "", sets=1)
    assert "DeLong" not in figures_table(evaluation.sets[0], "")
