"""What commands print of a summary: the measurements with their units, and why one is missing."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from mome_core.calibration import AmongCases
from mome_core.measurements import Measurand, NotMeasured, NotMeasuredCode
from node.cli.tables import print_summary
from node.summary import AnalysisSummary
from told_measurements import MEASURED
from told_results import SCORE


def printed(summary: AnalysisSummary) -> str:
    console = Console(file=StringIO(), width=160)
    print_summary(summary, console)
    return str(console.file.getvalue())


def test_measurements_are_printed_also_where_no_score_is_given() -> None:
    text = printed(AnalysisSummary(reason="the breasts moved", measurements=MEASURED))
    assert "not analysed: the breasts moved" in text
    assert "Measured on the images, not by the network" in text
    assert "washout (type III), -19 % from post-contrast phase 1 to 3, 180 s later" in text
    assert "No ADC: they differ" in text


def test_a_summary_of_an_older_release_prints_none() -> None:
    assert "Measured on" not in printed(AnalysisSummary())


def test_a_score_is_printed_with_its_place_among_the_validation_cases() -> None:
    score = replace(SCORE, among=AmongCases(97, 1240, 61, 310))
    told = "higher than 97 % of 1240 negative and 61 % of 310 positive validation patients"
    assert told in printed(AnalysisSummary(scores=(score,)))
    assert "higher than" not in printed(AnalysisSummary(scores=(SCORE,))), "the bundle does not hold their scores"


def test_a_size_that_is_withheld_is_told_with_its_reason() -> None:
    tissue = MEASURED.tissue
    assert tissue is not None
    why = NotMeasured(Measurand.SIZE, NotMeasuredCode.EDGE_UNCLEAR, "the images do not show where the tissue ends")
    unclear = replace(MEASURED, tissue=replace(tissue, volume_ml=None, extents_mm=None), not_measured=(why,))
    text = printed(AnalysisSummary(measurements=unclear))
    assert "No size: the images do not show where the tissue ends" in text and " ml" not in text
