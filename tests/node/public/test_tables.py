"""Tables are read by the names of their columns, wherever the header is."""

from __future__ import annotations

from pathlib import Path

import pytest

import public_tables as tables
from node.errors import NodeError, NotReady
from node.public.tables import TableShape, WrongHeader, find_table, read_rows

SHAPE = TableShape(columns=("Patient ID", "Mol Subtype"), optional=("Age",), sheet="Data")


@pytest.mark.parametrize("above", [0, 1, 3])
def test_the_header_is_found_below_titles(above: int, tmp_path: Path) -> None:
    lines = [["A title"]] * above + [["Mol  subtype", "PATIENT_ID", "more"], [3, "p1", "x"], ["", "", ""], [0, "p2"]]
    path = tables.sheet(tmp_path / "t.xlsx", {"Other": [["x"]], "Data": lines})
    assert read_rows(path, SHAPE) == [
        {"Patient ID": "p1", "Mol Subtype": "3"},
        {"Patient ID": "p2", "Mol Subtype": "0"},
    ]


def test_a_difference_names_what_is_there_instead(tmp_path: Path) -> None:
    path = tables.delimited(tmp_path / "t.csv", [["Patient ID", "Molecular Subtype"], ["p1", 3]])
    with pytest.raises(WrongHeader, match=r"no column 'Mol Subtype' \(but 'Molecular Subtype'\)"):
        read_rows(path, SHAPE)
    path.write_text("")
    with pytest.raises(WrongHeader, match="its columns: none"):
        read_rows(path, SHAPE)


def test_a_table_may_have_been_saved_in_another_form(tmp_path: Path) -> None:
    tables.delimited(tmp_path / "deep" / "Clinical.tsv", [["Patient ID", "Mol Subtype"], ["p1", "3"]], "\t")
    path = find_table(tmp_path, "Clinical.xlsx")
    assert read_rows(path, SHAPE)[0]["Mol Subtype"] == "3"
    with pytest.raises(NodeError, match=r"has no Other\.xlsx: it is on the collection's page"):
        find_table(tmp_path, "Other.xlsx")


def test_the_old_excel_format_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "t.xls").write_bytes(b"\xd0\xcf")
    with pytest.raises(NotReady, match=r"save it as t\.xlsx"):
        read_rows(tmp_path / "t.xls", SHAPE)
