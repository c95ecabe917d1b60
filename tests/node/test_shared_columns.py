"""Columns of a manifest that leaves the hospital: values of a known shape, sites and readers as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.training.cohort import ManifestRow
from node.shared_columns import is_shared, shared_facts


def row(**facts: str) -> ManifestRow:
    return ManifestRow("s", Path("s"), "p", {}, None, facts)


def test_sites_and_readers_become_numbers_in_the_order_in_which_they_come() -> None:
    rows = [
        row(site="St Brown", reader_brown="4a", reader_smith="3"),
        row(site="North", reader_brown="-1.5"),
        row(site="St Brown"),
    ]
    assert shared_facts(rows) == [
        {"site": "1", "reader_1": "4a", "reader_2": "3"},
        {"site": "2", "reader_1": "-1.5"},
        {"site": "1"},
    ]


@pytest.mark.parametrize(
    ("column", "value", "shared"),
    [
        ("age", "57", "57"),
        ("age", "93", "90"),
        ("age", "19611111", ""),
        ("bpe", "mild", "mild"),
        ("bpe", "BROWN^CHARLIE", ""),
        ("bi_rads", "4B", "4B"),
        ("bi_rads", "=1+1", ""),
        ("field_strength", "1.5", "1.5"),
        ("field_strength", "BROWN", ""),
        ("vendor", "SIEMENS", "Siemens"),
        ("vendor", "=HYPERLINK(1)", "other"),
        ("vendor", "", ""),
        ("label_source", "malignancy=verdict:agree-with-positive", "malignancy=verdict:agree-with-positive"),
        ("label_source", "biopsy malignancy=verdict:agree-with-positive", "malignancy=verdict:agree-with-positive"),
        ("label_source", "DR^BROWN", ""),
    ],
)
def test_a_value_without_the_shape_of_its_column_stays_here(column: str, value: str, shared: str) -> None:
    assert shared_facts([row(**{column: value})]) == [{column: shared}]


def test_a_column_without_a_meaning_stays_here() -> None:
    assert shared_facts([row(surname="BROWN")]) == [{}]
    assert not is_shared("surname") and is_shared("reader_1") and is_shared("age")
