"""The tables of a batch: every column typed, whatever the rows hold."""

from __future__ import annotations

from pathlib import Path

from pyarrow import parquet

from mome_core.calibration import Call
from mome_core.results import Endpoint
from node.batch.table import RESULTS, TIMINGS, BatchRow, RowStatus, write_tables
from node.summary import AnalysisSummary, ModelSummary, ScoreSummary


def scored(probability: float | None) -> AnalysisSummary:
    model = ModelSummary("demo", "3", "0" * 64)
    call = Call.WITHHELD if probability is None else Call.POSITIVE
    score = ScoreSummary(Endpoint.MALIGNANCY, probability, 0.4, 0.0, 1, {}, 0.1, model, call)
    return AnalysisSummary(scores=(score,), modalities=(), timings_s={"scores": 1.5})


def test_columns_are_the_same_with_and_without_rows(tmp_path: Path) -> None:
    write_tables(tmp_path, [])
    empty = parquet.read_schema(tmp_path / RESULTS)
    write_tables(tmp_path, [BatchRow("a", "p", "row", scored(0.7)), BatchRow("b", "p", "", None, "why")])
    assert parquet.read_schema(tmp_path / RESULTS) == empty
    assert str(empty.field("malignancy_probability").type) == "double"
    assert str(empty.field("malignancy_call").type) == "string"


def test_what_is_not_known_is_null_and_a_withheld_score_shows_no_point(tmp_path: Path) -> None:
    write_tables(tmp_path, [BatchRow("a", "p", "row", scored(None)), BatchRow("b", "p", "", None, "why")])
    first, second = parquet.read_table(tmp_path / RESULTS).to_pylist()
    assert first["malignancy_probability"] is None and first["malignancy_operating_point"] is None
    assert first["malignancy_call"] == "withheld"
    assert (second["status"], second["code"], second["reason"]) == ("failed", "FAILED", "why")


def test_seconds_are_in_a_table_of_their_own(tmp_path: Path) -> None:
    write_tables(tmp_path, [BatchRow("a", "p", "row", scored(0.7))])
    assert parquet.read_table(tmp_path / TIMINGS).to_pylist() == [{"case": "a", "stage": "scores", "seconds": 1.5}]


def test_status_follows_from_what_was_found() -> None:
    assert BatchRow("a", "p", "row", scored(0.7)).status is RowStatus.SCORED
    assert BatchRow("a", "p", "row", AnalysisSummary()).status is RowStatus.NOT_ANALYSED
    assert BatchRow("a", "p", "", None, "why").status is RowStatus.FAILED
