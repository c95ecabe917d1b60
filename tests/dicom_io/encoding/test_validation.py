"""Data sets in memory, whole or lying, before the validation that no arriving byte escapes."""

from __future__ import annotations

import struct
import time

import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO

from dicom_io.encoding.tables import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED_LENGTH
from dicom_io.encoding.validation import MAX_DEPTH, SOP_INSTANCE, validate
from dicom_io.errors import NotAnInstance
from raw_peer import element

PIXELS, SEQUENCE, LATER = 0x7FE00010, 0x00081140, 0x00200011


def tagged(tag: int, length: int = 0) -> bytes:
    """An item or delimiter."""
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)


def sequence(*items: bytes) -> bytes:
    """A sequence of undefined length whose items have undefined lengths."""
    whole = b"".join(tagged(ITEM, UNDEFINED_LENGTH) + each + tagged(ITEM_END) for each in items)
    return element(SEQUENCE, b"SQ", whole + tagged(SEQUENCE_END), UNDEFINED_LENGTH)


def test_identifiers_of_the_top_level_are_found_and_those_of_items_are_not() -> None:
    mine, other = element(SOP_INSTANCE, b"UI", b"1.2\0"), element(SOP_INSTANCE, b"UI", b"9.9\0")
    found = validate(mine + sequence(other) + element(LATER, b"IS", b"1 "), 0, explicit=True)
    assert found == {SOP_INSTANCE: b"1.2\0"}


def test_implicit_data_sets_are_walked_too() -> None:
    data_set = Dataset()
    data_set.SOPInstanceUID, data_set.Modality = "1.2.3", "MR"
    item = Dataset()
    item.CodeValue = "1"
    data_set.AnatomicRegionSequence = [item]
    stream = DicomBytesIO()
    dcmwrite(stream, data_set, implicit_vr=True, little_endian=True)
    found = validate(stream.getvalue(), 0, explicit=False)
    assert found[SOP_INSTANCE] == b"1.2.3\0"


@pytest.mark.parametrize("item_length", [0, 4, UNDEFINED_LENGTH])
def test_items_of_any_length_are_left_where_they_end(item_length: int) -> None:
    content = b"" if item_length == 0 else b"\x08\x00\x00\x01SH\x00\x00"
    length = len(content) if item_length == 4 else item_length
    end = tagged(ITEM_END) if length == UNDEFINED_LENGTH else b""
    whole = tagged(ITEM, length) + content + end + tagged(SEQUENCE_END)
    data_set = element(SEQUENCE, b"SQ", whole, UNDEFINED_LENGTH) + element(SOP_INSTANCE + 0x100000, b"UI", b"")
    assert validate(data_set, 0, explicit=True) == {}


def test_fragments_of_compressed_pixels_end_with_a_delimiter() -> None:
    fragments = tagged(ITEM) + tagged(ITEM, 4) + b"JPEG" + tagged(SEQUENCE_END)
    assert validate(element(PIXELS, b"OB", fragments, UNDEFINED_LENGTH), 0, explicit=True) == {}


def test_a_value_of_interest_that_is_too_long_is_not_kept() -> None:
    assert validate(element(0x0008103E, b"LO", b"A" * 2000), 0, explicit=True) == {}
    assert validate(element(0x0008103E, b"LO", b"T2"), 0, explicit=True) == {0x0008103E: b"T2"}


@pytest.mark.parametrize(
    ("data_set", "why"),
    [
        pytest.param(element(LATER, b"IS", b"1 ") + element(SEQUENCE, b"SQ", b""), "ascending", id="descending tags"),
        pytest.param(element(LATER, b"IS", b"1 ", 400), "longer than what holds it", id="length beyond the end"),
        pytest.param(element(PIXELS, b"UT", b"", UNDEFINED_LENGTH), "undefined length", id="text without length"),
        pytest.param(tagged(ITEM_END), "nothing ends", id="delimiter at the top"),
        pytest.param(
            element(SEQUENCE, b"SQ", tagged(ITEM_END), UNDEFINED_LENGTH), "nothing ends", id="wrong delimiter"
        ),
        pytest.param(
            element(SEQUENCE, b"SQ", tagged(SEQUENCE_END, 4) + b"1234", UNDEFINED_LENGTH),
            "nothing ends",
            id="delimiter with a length",
        ),
        pytest.param(
            element(SEQUENCE, b"SQ", element(LATER, b"IS", b"1 ")), "that is no item", id="element instead of an item"
        ),
        pytest.param(
            element(PIXELS, b"OB", tagged(ITEM, UNDEFINED_LENGTH), UNDEFINED_LENGTH),
            "that is no item",
            id="fragment without length",
        ),
        pytest.param(element(PIXELS, b"OW", b"", UNDEFINED_LENGTH), "ends inside", id="fragments without end"),
    ],
)
def test_what_does_not_add_up_is_refused(data_set: bytes, why: str) -> None:
    with pytest.raises(NotAnInstance, match=why):
        validate(data_set, 0, explicit=True)


def test_sequences_may_be_nested_to_the_limit_and_no_deeper() -> None:
    inner = b""
    for _ in range(MAX_DEPTH // 2 - 1):
        inner = sequence(inner)
    assert validate(inner, 0, explicit=True) == {}
    with pytest.raises(NotAnInstance, match="nested deeper"):
        validate(sequence(sequence(inner)), 0, explicit=True)


def test_a_long_header_of_lies_costs_no_time() -> None:
    started = time.process_time()
    with pytest.raises(NotAnInstance):
        validate(element(SEQUENCE, b"SQ", tagged(ITEM, UNDEFINED_LENGTH) * 10_000, UNDEFINED_LENGTH), 0, explicit=True)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("item", [b"", tagged(ITEM, 16)], ids=["sequence", "item"])
def test_a_sequence_that_claims_more_than_there_is_is_refused(item: bytes) -> None:
    with pytest.raises(NotAnInstance, match="longer than what holds it"):
        validate(element(SEQUENCE, b"SQ", item, len(item) or 200), 0, explicit=True)
