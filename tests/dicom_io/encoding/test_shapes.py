"""What values must look like to leave: numbers in a range, words of a vocabulary."""

from __future__ import annotations

import pytest

from datasets import elements
from dicom_io.encoding.shapes import Numbers, PrivateTag, Words, vocabulary, words

TAG = PrivateTag(0x0051, "SIEMENS MR HEADER", 0x16)


@pytest.mark.parametrize(
    ("vr", "value", "left"),
    [
        ("DS", "1.50", ["1.50"]),
        ("DS", "-0.99989950656891\\2", ["-0.99989950656891", "2"]),
        ("UN", b"1.5 BROWN ", None),
        ("DS", "1\\19611111", None),
        ("IS", "7", [7]),
        ("IS", "7.0", [7]),
        ("UN", b"1000\\8", [1000.0, 8.0]),
        ("FD", 2.5, [2.5]),
        ("FD", 19611111.0, None),
        ("US", 7, [7]),
    ],
)
def test_numbers_leave_when_all_lie_in_their_range(vr: str, value: object, left: object) -> None:
    data = elements({TAG: (vr, value)})
    assert Numbers(-9_999, 9_999).read(data, TAG.within(data), vr) == left


def test_numbers_with_an_offset_lie_in_two_ranges() -> None:
    b_values = Numbers(0, 20_000, offset=1_000_000_000)
    assert b_values.holds(800) and b_values.holds(1_000_000_800) and not b_values.holds(19_611_111)


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("ORIGINAL\\PRIMARY", ["ORIGINAL", "PRIMARY"]),
        ("DERIVED\\BROWN", ["OTHER", "OTHER"]),
        ("CSA MIP\\T2\\S2_0", ["CSA MIP", "T2", "S2_0"]),
        ("T19611111\\19", ["OTHER", "OTHER"]),
        ("ORIGINAL\\\\PRIMARY", ["ORIGINAL", "", "PRIMARY"]),
    ],
)
def test_words_leave_when_all_their_parts_are_known(value: str, left: list[str]) -> None:
    shape = words("ORIGINAL PRIMARY CSA MIP T S", unknown="OTHER")
    assert shape.read(elements(ImageType=value), "ImageType", "CS") == left


def test_an_unknown_word_for_which_none_stands_keeps_the_element_here() -> None:
    assert words("YES NO").read(elements(BurnedInAnnotation="BROWN"), "BurnedInAnnotation", "CS") is None


@pytest.mark.parametrize(("value", "left"), [("M/BROWN/NORM", ["M/NORM"]), ("BROWN/CHARLIE", None)])
def test_of_words_in_one_text_the_known_ones_leave(value: str, left: object) -> None:
    shape = Words(vocabulary("M NORM"), divider="/")
    data = elements({TAG: ("LO", value)})
    assert shape.read(data, TAG.within(data), "LO") == left
