"""Values of a manifest as people group and order them."""

from __future__ import annotations

import pytest

from mome_core.training.levels import group_of, in_order, is_bi_rads_4, is_number, rating_of


@pytest.mark.parametrize(
    ("age", "group"), [("39", "under 40"), ("40", "40 to 59"), ("59.9", "40 to 59"), ("60", "60 and over"), ("", "")]
)
def test_ages_fall_into_the_paper_s_three_groups(age: str, group: str) -> None:
    assert group_of("age", age) == group


def test_categories_are_4_or_other_and_other_columns_are_left_alone() -> None:
    assert [group_of("bi_rads", each) for each in ("4", "4A", "4c", "5", "")] == ["4", "4", "4", "other than 4", ""]
    assert group_of("site", "north") == "north"
    assert group_of("age", "unknown") == "unknown"
    assert is_bi_rads_4("4B") and not is_bi_rads_4("45")


def test_levels_are_read_in_their_order() -> None:
    assert in_order(["marked", "minimal", "", "mild"]) == ["minimal", "mild", "marked"]
    assert in_order(["60 and over", "under 40", "40 to 59"]) == ["under 40", "40 to 59", "60 and over"]
    assert in_order(["5", "4b", "4", "4a", "10", "3"]) == ["3", "4", "4a", "4b", "5", "10"]
    assert in_order(["south", "3", "1.5", "north"]) == ["1.5", "3", "north", "south"]


def test_ratings_are_numbers_or_categories() -> None:
    assert [rating_of(text) for text in ("3", "4a", "4C", "0.25")] == pytest.approx([3.0, 4.1, 4.3, 0.25])
    assert rating_of("benign") is None and rating_of("") is None
    assert is_number("1.5") and not is_number("4a") and not is_number("")
