"""Numbers and tables as people read them."""

from __future__ import annotations

import pytest

from mome_core.training.report.markup import (
    Cell,
    anchor,
    difference,
    p_value,
    p_words,
    percent,
    section,
    signed,
    table,
    with_interval,
)
from mome_core.training.statistics import Interval

NAN = float("nan")


def test_an_interval_is_read_without_a_second_minus() -> None:
    assert with_interval(Interval(0.9, 0.85, 0.95)) == Cell("0.900", "(0.850–0.950)")
    assert with_interval(Interval(0.1, -0.05, 0.25)) == Cell("0.100", "(−0.050 to 0.250)")
    assert with_interval(Interval(NAN, NAN, NAN)) == Cell("–")


def test_differences_have_their_sign_and_zero_has_none() -> None:
    assert difference(Interval(0.06, -0.02, 0.14)) == Cell("+0.060", "(−0.020 to +0.140)")
    assert [signed(each) for each in (0.0, -0.0, -0.00001)] == ["0.000"] * 3


@pytest.mark.parametrize(
    ("p", "words", "strong"),
    [
        (0.0004, "< 0.001", True),
        (0.0123, "0.012", True),
        (0.05, "0.050", False),
        (0.372, "0.37", False),
        (NAN, "–", False),
    ],
)
def test_p_values_are_printed_as_journals_do(p: float, words: str, strong: bool) -> None:
    assert (p_words(p), p_value(p).strong) == (words, strong)


def test_small_shares_keep_a_decimal() -> None:
    assert [percent(each) for each in (0.0, 0.073, 0.5, 1.0, NAN)] == ["0 %", "7.3 %", "50 %", "100 %", "–"]


def test_text_is_escaped_wherever_it_stands() -> None:
    drawn = table(["<a>"], [[Cell("<b>", "<i>"), "<u>"]], "<s>", [("<q>", 1)])
    assert all(tag not in drawn for tag in ("<a>", "<b>", "<i>", "<u>", "<s>", "<q>"))
    assert 'scope="row"' in drawn and 'class="scroll"' in drawn


def test_a_section_without_content_is_none() -> None:
    assert section("Readers", "", "") == ""
    assert section("BI-RADS 4", "x").startswith('<section id="bi-rads-4">')
    assert anchor("Groups of patients") == "groups-of-patients"
