"""Tables of a cohort: what is written comes back, as CSV and as Parquet."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mome_core.training.errors import NotWritable, TrainingRefused
from mome_core.training.table import as_text, read_table, write_table

ROWS = [{"case": "0001", "note": 'a,b\n"c"'}, {"case": "0002", "age": "51"}]


@pytest.mark.parametrize("name", ["cohort.csv", "cohort.parquet"])
def test_a_table_comes_back_with_every_column_that_any_row_has(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / name, ROWS)
    names, rows = read_table(tmp_path / name)
    assert names == ["case", "note", "age"]
    assert rows == [{"case": "0001", "note": 'a,b\n"c"', "age": ""}, {"case": "0002", "note": "", "age": "51"}]
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_csv_is_what_python_writes(tmp_path: Path) -> None:
    write_table(tmp_path / "cohort.csv", [{"case": "ä", "patient": "1"}])
    assert (tmp_path / "cohort.csv").read_bytes() == "case,patient\r\nä,1\r\n".encode()


@pytest.mark.parametrize("name", ["cohort.csv", "cohort.parquet"])
def test_a_table_that_cannot_be_read_or_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(TrainingRefused, match="cannot read the table"):
        read_table(tmp_path / name)
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="cannot be written"):
        write_table(tmp_path / "file" / name, ROWS)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (float("nan"), ""), (3.0, "3"), (3.5, "3.5"), (True, "1"), (" x ", "x"), (7, "7")]
)
def test_a_value_is_what_a_csv_would_hold(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+CMD", "-x", "@SUM", "\t=1", "'=1", "''", "-1.5", "", "a=b"])
def test_no_cell_of_a_csv_is_a_formula_and_every_text_comes_back(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, [{"a": text, "=b": "1"}])
    header, line = list(csv.reader(path.open(newline="")))
    assert header == ["a", "'=b"]
    assert line[0].lstrip()[:1] not in ("=", "+", "-", "@") or line[0] == "-1.5"
    assert read_table(path)[1] == [{"a": text.strip(), "=b": "1"}]
