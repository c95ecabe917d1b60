"""What commands print of a summary: the measurements with their units, and why one is missing."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from node.cli.tables import print_summary
from node.summary import AnalysisSummary
from told_measurements import MEASURED


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
