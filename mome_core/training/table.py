"""Tables of a cohort: CSV or Parquet by the file's ending, every value as text."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mome_core.training.errors import TrainingRefused
from mome_core.training.files import write_whole

Record = dict[str, str]
_FORMULA, _NUMBER = re.compile(r"'*\s*[=+\-@]"), re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)


def read_table(path: Path) -> tuple[list[str], list[Record]]:
    """Names of the columns, and the lines; what is empty is "". TrainingRefused when the file cannot be read."""
    try:
        names, rows = _read_parquet(path) if is_parquet(path) else _read_csv(path)
    except (OSError, ValueError, csv.Error) as error:  # a broken Parquet file or encoding is a ValueError
        raise TrainingRefused(f"cannot read the table {path}: {error}") from error
    return names, [{name: as_text(row.get(name)) for name in names} for row in rows]


def write_table(path: Path, rows: Iterable[Record]) -> None:
    """The table, whole or not at all; every column that any row has. NotWritable when the disk does not take it."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_whole(path, _parquet_of(names, rows) if is_parquet(path) else _csv_of(names, rows))


def is_parquet(path: Path) -> bool:
    """Whether the ending says Parquet."""
    return path.suffix.lower() in (".parquet", ".pq")


def _read_csv(path: Path) -> tuple[list[str], Sequence[Mapping[str, Any]]]:
    """Columns and lines; a column without a name is left out."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = [name for name in reader.fieldnames or () if name]
        rows = ({_from_cell(name): _from_cell(row.get(name) or "") for name in names} for row in reader)
        return list(map(_from_cell, names)), list(rows)


def _read_parquet(path: Path) -> tuple[list[str], Sequence[Mapping[str, Any]]]:
    """Columns and rows with the types that the file gives them."""
    table = _parquet().read_table(path)
    return list(table.column_names), table.to_pylist()


def _csv_of(names: list[str], rows: list[Record]) -> bytes:
    """The content of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(as_cells(names))
    writer.writerows(as_cells(row.get(name, "") for name in names) for row in rows)
    return text.getvalue().encode()


def as_cells(values: Iterable[object]) -> list[object]:
    """The cells of a line for a spreadsheet: a text that would be a formula (`=HYPERLINK(...)`) gets an apostrophe."""
    return [_as_cell(value) if isinstance(value, str) else value for value in values]


def _as_cell(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _from_cell(text: str) -> str:
    """A text without the apostrophe of `as_cells`."""
    return text[1:] if text[:1] == "'" and _as_cell(text[1:]) == text else text


def _parquet_of(names: list[str], rows: list[Record]) -> bytes:
    """The content of a Parquet file, all columns as text: what a column is, the manifest says (`cohort`)."""
    import pyarrow

    columns = {name: pyarrow.array([row.get(name, "") for row in rows], pyarrow.string()) for name in names}
    content = io.BytesIO()
    _parquet().write_table(pyarrow.table(columns), content)
    return content.getvalue()


def _parquet() -> Any:
    """pyarrow's module for Parquet; TrainingRefused when it is not installed."""
    try:
        from pyarrow import parquet as module
    except ImportError:
        raise TrainingRefused("Parquet needs pyarrow: pip install 'mome-node[train]', or write a CSV") from None
    return module


def as_text(value: Any) -> str:
    """A value as a CSV would hold it: no trailing .0 that a column with gaps gives its integers."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return str(int(value) if whole else value).strip()
