"""The tables of public collections: a sheet or a delimited file, with its header checked.

Names are compared without case, blanks and signs ("Mol Subtype" is "mol_subtype"), which is also how the Imaging Data
Commons writes the clinical tables that it made of the same spreadsheets.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mome_core.training.table import as_text
from node.errors import NodeError, NotReady

Row = Mapping[str, str]  # a value of each column that was asked for, as text; empty where there is none
_HEADER_ROWS = 5  # a header lies in one of the first lines; spreadsheets have titles and groups above


class WrongHeader(NodeError):
    """A table has not the columns that the collection's page describes; the message names the difference."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """How a table looks.

    Parameters
    ----------
    columns
        Columns that must be there, under their published names.
    optional
        Columns that are read where they are.
    sheet
        Of a spreadsheet; its first one when empty or not there.
    skipped
        Lines between the header and the first patient.
    """

    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    sheet: str = ""
    skipped: int = 0


def find_table(folder: Path, name: str) -> Path:
    """The first table of that name below a folder; NodeError says what is looked for.

    A spreadsheet that was saved as .csv, .tsv or .xlsx under the same name will do.
    """
    return find_tables(folder, name)[0]


def find_tables(folder: Path, name: str) -> list[Path]:
    """Every table of that name below a folder, as of a set whose centres have one each; at least one, as above."""
    stem = Path(name).stem
    endings = list(dict.fromkeys((Path(name).suffix, ".xlsx", ".csv", ".tsv", ".txt")))
    found = [each for each in folder.rglob(f"{stem}.*") if each.stem == stem and each.suffix in endings]
    tables = sorted((endings.index(each.suffix), each) for each in found if each.is_file())
    if tables:
        return [path for _, path in tables]
    raise NodeError(f"{folder} has no {name}: it is on the collection's page, not among the images; put it there")


def read_rows(path: Path, shape: TableShape) -> list[Row]:
    """The lines of a table by the published names of its columns; WrongHeader names every difference."""
    lines = list(_lines(path, shape.sheet))
    number, places = _header(path, lines, shape)
    rows: list[Row] = []
    for line in lines[number + 1 + shape.skipped :]:
        row = {name: line[place] if place < len(line) else "" for name, place in places.items()}
        if any(row.values()):
            rows.append(row)
    return rows


def _normal(name: str) -> str:
    """A column's name without case, blanks and signs."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _header(path: Path, lines: Sequence[Sequence[str]], shape: TableShape) -> tuple[int, dict[str, int]]:
    """Which line is the header, and where each column is: the line with most of the columns."""
    best = max(range(min(_HEADER_ROWS, len(lines))), key=lambda n: len(_places(lines[n], shape)), default=None)
    places = {} if best is None else _places(lines[best], shape)
    missing = [name for name in shape.columns if name not in places]
    if best is None or missing:
        there = [] if best is None else [each for each in lines[best] if each]
        raise WrongHeader(f"{path.name} has another header: {_difference(missing or shape.columns, there)}")
    return best, places


def _places(line: Sequence[str], shape: TableShape) -> dict[str, int]:
    """Where the columns of a shape are in a header; of columns that are named alike the first."""
    normals = [_normal(each) for each in line]
    names = (*shape.columns, *shape.optional)
    return {name: normals.index(_normal(name)) for name in names if _normal(name) in normals}


def _difference(missing: Sequence[str], there: Sequence[str]) -> str:
    """Each column that is not there, with what is written in its place."""
    words = []
    for name in missing:
        near = get_close_matches(name, there, n=1, cutoff=0.6)
        words.append(f"no column '{name}'" + (f" (but '{near[0]}')" if near else ""))
    return f"{', '.join(words)}; its columns: {', '.join(there) or 'none'}"


def _lines(path: Path, sheet: str) -> Iterator[list[str]]:
    """Every line as texts."""
    if path.suffix.lower() == ".xls":
        raise NotReady(f"{path.name} is of the old Excel: save it as {path.stem}.xlsx or {path.stem}.csv beside it")
    if path.suffix.lower() == ".xlsx":
        yield from _sheet_lines(path, sheet)
        return
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    for line in csv.reader(io.StringIO(text), delimiter=delimiter):
        yield [each.strip() for each in line]


def _sheet_lines(path: Path, sheet: str) -> Iterator[list[str]]:
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise NotReady("reading spreadsheets needs openpyxl: pip install 'mome-node[public]'") from None
    book = load_workbook(path, read_only=True, data_only=True)
    try:
        chosen = book[sheet] if sheet in book.sheetnames else book[book.sheetnames[0]]
        for line in chosen.iter_rows(values_only=True):
            yield [as_text(each) for each in line]
    finally:
        book.close()
