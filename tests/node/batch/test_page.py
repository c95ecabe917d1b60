"""The page of a batch: what became of the studies, with text from outside escaped."""

from __future__ import annotations

from pathlib import Path

from node.batch.page import PAGE, write_page
from node.batch.run import BatchReport
from node.batch.table import BatchRow
from node.summary import AnalysisSummary


def page_of(folder: Path, *rows: BatchRow, answered: int = 0) -> str:
    write_page(folder, BatchReport(rows, answered, 7200.0, "demo 3"))
    return (folder / PAGE).read_text("utf-8")


def test_reasons_are_counted_with_an_example(tmp_path: Path) -> None:
    none = AnalysisSummary("No breast was found.", "NO_BREAST")
    rows = [BatchRow(f"case{n}", "p", "row", none) for n in range(3)]
    page = page_of(tmp_path, *rows, BatchRow("bad", "p", "", None, "took longer than 8 s and was stopped"))
    assert "RESEARCH USE ONLY" in page
    assert "<b>3</b>not analysed" in page and "<b>1</b>failed; the next call tries again" in page
    assert page.index("NO_BREAST") < page.index("took longer than 8 s")


def test_rate_and_what_many_would_take_are_of_this_call_only(tmp_path: Path) -> None:
    row = BatchRow("case", "p", "row", AnalysisSummary("No breast was found.", "NO_BREAST"))
    assert "analysed 2 studies in 7200 s: 1 an hour" in page_of(tmp_path, row, answered=2)
    assert "analysed nothing" in page_of(tmp_path, row)


def test_names_from_outside_are_text(tmp_path: Path) -> None:
    page = page_of(tmp_path, BatchRow("<script>alert(1)</script>", "p", "", None, "<b>why</b>"))
    assert "<script>" not in page and "&lt;script&gt;" in page and "&lt;b&gt;why" in page
