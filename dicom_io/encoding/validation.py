"""Every length of an arriving data set followed to its last byte, before anything in it is trusted.

The walk is iterative and its depth is limited: nesting or lengths that lie cost a refusal, not a process.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

from dicom_io.encoding.arrival import LONGEST_VALUE, WANTED
from dicom_io.encoding.tables import (
    EXPLICIT_HEADER,
    IMPLICIT_HEADER,
    ITEM,
    ITEM_END,
    ITEM_GROUP,
    LONG_LENGTH,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED_LENGTH,
)
from dicom_io.errors import NotAnInstance

MAX_DEPTH = 64
_MAX_ELEMENTS = 5_000_000
_ITEM_GROUP_BYTES = struct.pack("<H", ITEM_GROUP)
_DELIMITERS = (ITEM_END, SEQUENCE_END)
SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
PATIENT_ID, PATIENT_ID_ISSUER = 0x00100020, 0x00100021
_CHARACTER_SET, _PATIENT_NAME, _BIRTH_DATE, _SEX = 0x00080005, 0x00100010, 0x00100030, 0x00100040
PATIENT = frozenset((_CHARACTER_SET, _PATIENT_NAME, PATIENT_ID, PATIENT_ID_ISSUER, _BIRTH_DATE, _SEX))
"""Who the patient is, and in which letters."""
_IDENTIFIERS = {
    SOP_CLASS: b"UI",
    SOP_INSTANCE: b"UI",
    STUDY: b"UI",
    SERIES: b"UI",
    PATIENT_ID: b"LO",
    PATIENT_ID_ISSUER: b"LO",
}
_OF_INTEREST = WANTED | _IDENTIFIERS.keys() | PATIENT


@dataclass(slots=True)
class _OpenDataSet:
    """A data set or item whose elements are being read; `end` is None for undefined length."""

    end: int | None
    explicit: bool
    last_tag: int = -1

    def open(self, tag: int, vr: bytes, length: int, position: int) -> _OpenContainer | None:
        """What an element opens; None for a plain value, and for the delimiter that closes this item."""
        if tag in _DELIMITERS:
            _require_delimiter(self.end, length, closes=tag == ITEM_END)
            return None
        if tag <= self.last_tag or tag == ITEM:
            raise NotAnInstance("elements are not in ascending order")
        self.last_tag = tag
        if length != UNDEFINED_LENGTH:
            return _OpenSequence(position + length, explicit=True) if vr == b"SQ" else None
        if tag == PIXEL_DATA and vr in (b"OB", b"OW"):
            return _OpenFragments()
        if vr not in (b"SQ", b"UN", b""):
            raise NotAnInstance("an element of this VR cannot have undefined length")
        return _OpenSequence(None, explicit=vr == b"SQ")  # PS3.5 6.2.2: UN of undefined length is implicit inside


@dataclass(frozen=True, slots=True)
class _OpenSequence:
    """A sequence whose items are being read; `end` is None for undefined length."""

    end: int | None
    explicit: bool

    def open(self, tag: int, vr: bytes, length: int, position: int) -> _OpenContainer | None:
        """The data set of an item; None for the delimiter that closes this sequence."""
        if tag in _DELIMITERS:
            _require_delimiter(self.end, length, closes=tag == SEQUENCE_END)
            return None
        if tag != ITEM:
            raise NotAnInstance("a sequence holds something that is no item")
        return _OpenDataSet(None if length == UNDEFINED_LENGTH else position + length, self.explicit)


@dataclass(frozen=True, slots=True)
class _OpenFragments:
    """The fragments of compressed pixels (PS3.5 A.4); their end is always a delimiter."""

    end: None = None
    explicit: bool = True

    def open(self, tag: int, vr: bytes, length: int, position: int) -> _OpenContainer | None:
        """Nothing; raises NotAnInstance for what is neither fragment nor delimiter."""
        if tag in _DELIMITERS:
            _require_delimiter(self.end, length, closes=tag == SEQUENCE_END)
            return None
        if tag != ITEM or length == UNDEFINED_LENGTH:
            raise NotAnInstance("a sequence holds something that is no item")
        return None


_OpenContainer = _OpenDataSet | _OpenSequence | _OpenFragments


def _require_delimiter(end: int | None, length: int, *, closes: bool) -> None:
    """Raise NotAnInstance for a delimiter with a length, or where nothing of undefined length ends."""
    if end is not None or length or not closes:
        raise NotAnInstance("a delimiter stands where nothing ends")


def validate(content: mmap.mmap | bytes, start: int, *, explicit: bool) -> dict[int, bytes]:
    """Follow every length of a little-endian data set to its last byte; returns values of interest of its top level.

    Raises NotAnInstance when lengths do not add up, tags do not ascend, a VR is unknown or nesting is too deep.
    """
    size, position, found = len(content), start, dict[int, bytes]()
    levels: list[_OpenContainer] = [_OpenDataSet(size, explicit)]
    for _ in range(_MAX_ELEMENTS):
        level = levels[-1]
        if position == level.end:
            levels.pop()
            if not levels:
                return found
            continue
        end = size if level.end is None else level.end
        if position + 8 > end:
            raise NotAnInstance("the data set ends inside an element")
        tag, vr, length, position = _header(content, position, explicit=level.explicit)
        if tag in _OF_INTEREST and len(levels) == 1 and _is_kept(tag, vr, length):
            found[tag] = content[position : position + length]
        opened = level.open(tag, vr, length, position)
        if opened is not None:
            if opened.end is not None and opened.end > end:
                raise NotAnInstance("an element is longer than what holds it")
            levels.append(opened)
        elif tag in _DELIMITERS:
            levels.pop()
        else:
            position += length
        if position > end:
            raise NotAnInstance("an element is longer than what holds it")
        if len(levels) > MAX_DEPTH:
            raise NotAnInstance(f"sequences are nested deeper than {MAX_DEPTH}")
    raise NotAnInstance(f"the data set holds more than {_MAX_ELEMENTS} elements")


def _header(content: mmap.mmap | bytes, position: int, *, explicit: bool) -> tuple[int, bytes, int, int]:
    """Tag, VR (empty if implicit), value length and value position of the element at this position."""
    if not explicit or content[position : position + 2] == _ITEM_GROUP_BYTES:
        group, element, length = IMPLICIT_HEADER.unpack_from(content, position)
        return group << 16 | element, b"", length, position + 8
    group, element, vr, length = EXPLICIT_HEADER.unpack_from(content, position)
    if vr in SHORT_VRS:
        return group << 16 | element, vr, length, position + 8
    if vr not in LONG_VRS:
        raise NotAnInstance("an element has an unknown VR")
    if position + 12 > len(content):
        raise NotAnInstance("the data set ends inside an element")
    return group << 16 | element, vr, LONG_LENGTH.unpack_from(content, position + 8)[0], position + 12


def _is_kept(tag: int, vr: bytes, length: int) -> bool:
    """Whether the value of an element of interest is kept; raises NotAnInstance for an identifier of another VR."""
    if tag not in _IDENTIFIERS:
        return length <= LONGEST_VALUE
    if length != UNDEFINED_LENGTH and vr and vr != _IDENTIFIERS[tag]:
        raise NotAnInstance(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) has a wrong VR")
    return length != UNDEFINED_LENGTH
