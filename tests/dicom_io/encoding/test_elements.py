"""Values of elements, from bytes and from pydicom's data sets: text, numbers, times, sequences, private blocks."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_io.encoding.elements import Elements, seconds_of_day, tag_of


def raw(**values: tuple[str | None, bytes]) -> Elements:
    """Elements of bytes, each with the VR that the file gives."""
    return Elements.of_bytes({tag_of(keyword): value for keyword, value in values.items()}, implicit=False)


def private(*elements: tuple[int, str, bytes]) -> Elements:
    return Elements.of_bytes({tag_of(tag): (vr, value) for tag, vr, value in elements}, implicit=False)


def test_keyword_and_number_name_the_same_tag() -> None:
    assert tag_of("SeriesDescription") is tag_of(0x0008103E)
    with pytest.raises(ValueError, match="no DICOM keyword"):
        tag_of("SeriesDescribtion")


def test_text_loses_its_padding_and_keeps_its_values() -> None:
    elements = raw(ImageType=("CS", b"ORIGINAL\\PRIMARY \\M\0"))
    assert elements.texts("ImageType") == ("ORIGINAL", "PRIMARY", "M")
    assert elements.text("ImageType") == "ORIGINAL\\PRIMARY\\M"
    assert elements.texts("SeriesDescription") == ()


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (b"1.5\\2", (1.5, 2.0)),
        (b" 7 ", (7.0,)),
        (b"", ()),
        (b"nan", ()),
        (b"1e999", ()),
        (b"four", ()),
        (b"1\\four", ()),
        (b"\xff", ()),
    ],
)
def test_decimal_strings_are_numbers_or_nothing(value: bytes, numbers: tuple[float, ...]) -> None:
    assert raw(EchoTime=("DS", value)).numbers("EchoTime") == numbers


def test_binary_numbers_are_read_by_their_vr_and_nan_is_none() -> None:
    assert raw(Rows=("US", struct.pack("<H", 512))).integer("Rows") == 512
    assert raw(DiffusionBValue=("FD", struct.pack("<d", 800.0))).number("DiffusionBValue") == 800.0
    assert raw(DiffusionBValue=("FD", struct.pack("<d", float("nan")))).number("DiffusionBValue") is None
    assert raw(Rows=(None, struct.pack("<H", 3))).integer("Rows") == 3  # implicit: the VR of the dictionary


def test_a_private_number_that_an_archive_stored_as_un_is_read_as_what_it_was() -> None:
    value = private((0x00191010, "UN", struct.pack("<d", 1000.0)))
    assert value.number(0x00191010, binary="FD") == 1000.0
    assert private((0x00191010, "UN", b"1000 ")).number(0x00191010, binary="FD") == 1000.0


def test_a_private_block_is_found_wherever_an_archive_moved_it() -> None:
    moved = private((0x00190015, "LO", b"SIEMENS MR HEADER "), (0x0019150C, "IS", b"800 "))
    assert moved.number(moved.private(0x0019, "SIEMENS MR HEADER", 0x0C)) == 800.0
    assert private().private(0x0019, "SIEMENS MR HEADER", 0x0C) == 0x0019100C


def test_items_of_a_sequence_are_elements_also_where_its_vr_was_lost() -> None:
    item, dataset = Dataset(), Dataset()
    item.CodeValue = "113062"
    dataset.DerivationCodeSequence = Sequence([item])
    assert Elements(dataset).item("DerivationCodeSequence").text("CodeValue") == "113062"
    implicit = struct.pack("<HHI", 0xFFFE, 0xE000, 12) + struct.pack("<HHI", 0x0008, 0x0100, 4) + b"1130"
    unknown = raw(DerivationCodeSequence=("UN", implicit))
    assert [each.text("CodeValue") for each in unknown.items("DerivationCodeSequence")] == ["1130"]
    assert raw(DerivationCodeSequence=("SQ", b"rubbish")).items("DerivationCodeSequence") == []
    assert Elements(Dataset()).item("DerivationCodeSequence").text("CodeValue") == ""


@pytest.mark.filterwarnings("ignore:Unknown encoding")
def test_text_is_decoded_in_its_character_set_and_never_raises() -> None:
    umlaut = raw(SpecificCharacterSet=("CS", b"ISO_IR 192"), SeriesDescription=("LO", "T1 für Brüste".encode()))
    assert umlaut.text("SeriesDescription") == "T1 für Brüste"
    unknown = raw(SpecificCharacterSet=("CS", b"KLINGON "), SeriesDescription=("LO", b"f\xfcr "))
    assert unknown.text("SeriesDescription").endswith("r")


def test_the_public_part_has_no_private_and_no_long_elements() -> None:
    elements = Elements.of_bytes(
        {
            tag_of(0x0008103E): ("LO", b"T2"),
            tag_of(0x00191010): ("LO", b"secret"),
            tag_of(0x60003000): ("OW", bytes(1 << 15)),
        },
        implicit=False,
    )
    public = elements.public()
    assert "SeriesDescription" in public
    assert [int(each.tag) for each in public.dataset] == [0x0008103E]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("101112.5", 36672.5),
        ("10:11:12", 36672.0),
        ("20250314101112.5+0100", 36672.5),
        ("1011", 36660.0),
        ("10", 36000.0),
        ("", None),
        ("noon", None),
        ("101112.x", None),
    ],
)
def test_times_are_seconds_of_their_day(text: str, seconds: float | None) -> None:
    assert seconds_of_day(text) == seconds


@pytest.mark.parametrize("named", [b"ISO_IR\x00100", b"ISO_IR\xb9100", b"\xff"])
def test_a_character_set_that_cannot_be_one_leaves_latin_letters(named: bytes) -> None:
    raw = {tag_of("SpecificCharacterSet"): ("CS", named), tag_of("PatientName"): ("PN", b"M\xfcller")}
    elements = Elements.of_bytes(raw, implicit=False)
    assert elements.text("PatientName") == "M\u00fcller"
    assert elements.texts("SpecificCharacterSet")
    assert elements.dataset.original_character_set
