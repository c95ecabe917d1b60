"""The elements of a little-endian file up to its pixels, as raw bytes: the quick way to the headers of a study.

pydicom reads them at a fifth of the speed and handles everything; whatever is unusual is left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from pydicom.tag import BaseTag

from dicom_io.encoding.elements import RawElements, tag_of
from dicom_io.encoding.tables import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT_HEADER,
    FIRST_PIXEL_TAG,
    IMPLICIT_HEADER,
    ITEM,
    ITEM_END,
    ITEM_GROUP,
    LONG_HEADER_BYTES,
    LONG_LENGTH,
    LONG_VRS,
    PREAMBLE_BYTES,
    SEQUENCE_END,
    SHORT_HEADER_BYTES,
    SHORT_VRS,
    UNDEFINED_LENGTH,
)

_MAX_DEPTH = 32
_MANY_HEADS = 1 << 14

_Head = tuple[
    int, BaseTag, str | None, int, int
]  # tag as number and as pydicom's, VR, length if short, bytes of it all
_HeadReader = Callable[[bytes], _Head]


class NeedsFullParser(Exception):
    """The file is encoded in an unusual way; pydicom must read it."""


def syntax_and_start(head: bytes) -> tuple[str, int]:
    """Transfer syntax of a file by its first bytes, and where its data set begins.

    Raises NeedsFullParser when no file meta information of known length is in front, or the data set is big-endian.
    """
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 12] != b"DICM\2\0\0\0UL\4\0" or len(head) < PREAMBLE_BYTES + 16:
        raise NeedsFullParser
    start = PREAMBLE_BYTES + 16 + LONG_LENGTH.unpack_from(head, PREAMBLE_BYTES + 12)[0]
    if start > len(head):
        raise NeedsFullParser
    at = head.find(b"\2\0\x10\0UI", PREAMBLE_BYTES, start)
    length = int.from_bytes(head[at + 6 : at + 8], "little")
    syntax = head[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("ascii", "replace")
    if at < 0 or syntax in (BIG_ENDIAN, DEFLATED):
        raise NeedsFullParser
    return syntax, start


def raw_elements(buffer: bytes, start: int, explicit: bool) -> tuple[RawElements, int]:
    """Every element before the pixels, and the offset at which the pixels' element (or nothing more) begins.

    Raises NeedsFullParser when the buffer ends before that, or the elements are not in order.
    """
    elements: RawElements = {}
    head_of = _explicit_head if explicit else _implicit_head
    at, end, before = start, len(buffer), -1
    while at < end:
        tag, key, vr, length, size = head_of(buffer[at : at + 8])
        if tag >= FIRST_PIXEL_TAG:
            return elements, at
        value_at = at + size
        if size == LONG_HEADER_BYTES:
            length = _length_at(buffer, at + 8)
        value_end = at = value_at + length
        if length == UNDEFINED_LENGTH:
            at = _whole_sequence(buffer, value_at, head_of, vr)
            value_end = at - 8
        if tag <= before or at > end:
            raise NeedsFullParser
        before = tag
        elements[key] = (vr, buffer[value_at:value_end])
    raise NeedsFullParser


@lru_cache(_MANY_HEADS)
def _implicit_head(head: bytes) -> _Head:
    """The head of an element, from its first 8 bytes; cached, as the images of a series mostly share them.

    Raises NeedsFullParser when they are not 8.
    """
    if len(head) < SHORT_HEADER_BYTES:
        raise NeedsFullParser
    group, number, length = IMPLICIT_HEADER.unpack(head)
    return group << 16 | number, tag_of(group << 16 | number), None, length, SHORT_HEADER_BYTES


@lru_cache(_MANY_HEADS)
def _explicit_head(head: bytes) -> _Head:
    """The head of an element with an explicit VR, from its first 8 bytes; items and delimiters have no VR.

    Raises NeedsFullParser when they are not 8, or for a VR that does not exist.
    """
    if len(head) < SHORT_HEADER_BYTES:
        raise NeedsFullParser
    group, number, vr, length = EXPLICIT_HEADER.unpack(head)
    tag = group << 16 | number
    if vr in SHORT_VRS:
        return tag, tag_of(tag), SHORT_VRS[vr], length, SHORT_HEADER_BYTES
    if vr in LONG_VRS:
        return tag, tag_of(tag), LONG_VRS[vr], 0, LONG_HEADER_BYTES
    if group == ITEM_GROUP:
        return tag, tag_of(tag), None, LONG_LENGTH.unpack_from(head, 4)[0], SHORT_HEADER_BYTES
    raise NeedsFullParser


def _length_at(buffer: bytes, at: int) -> int:
    """The length of an element whose VR needs four bytes for it; raises NeedsFullParser at the end of the buffer."""
    if at + 4 > len(buffer):
        raise NeedsFullParser
    return int(LONG_LENGTH.unpack_from(buffer, at)[0])


def _element_at(buffer: bytes, at: int, head_of: _HeadReader) -> tuple[int, int, int]:
    """Tag, length and offset of the value of the element that begins here."""
    tag, _, _, length, size = head_of(buffer[at : at + 8])
    return tag, _length_at(buffer, at + 8) if size == LONG_HEADER_BYTES else length, at + size


def _whole_sequence(buffer: bytes, at: int, head_of: _HeadReader, vr: str | None) -> int:
    """Offset behind a sequence of undefined length.

    Raises NeedsFullParser when it is none (UN, whose inside is always implicit), or the buffer ends inside.
    """
    if vr not in ("SQ", None):
        raise NeedsFullParser
    return _end_of_sequence(buffer, at, head_of, 0)


def _end_of_sequence(buffer: bytes, at: int, head_of: _HeadReader, depth: int) -> int:
    """Offset behind the delimiter of a sequence of undefined length whose items begin at `at`.

    Raises NeedsFullParser when the buffer ends inside, or something in it is no item.
    """
    if depth > _MAX_DEPTH:
        raise NeedsFullParser
    while True:
        tag, length, at = _element_at(buffer, at, head_of)
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM:
            raise NeedsFullParser
        at = _end_of_item(buffer, at, head_of, depth) if length == UNDEFINED_LENGTH else at + length


def _end_of_item(buffer: bytes, at: int, head_of: _HeadReader, depth: int) -> int:
    """Offset behind the delimiter of an item of undefined length whose elements begin at `at`."""
    while True:
        tag, length, at = _element_at(buffer, at, head_of)
        if tag == ITEM_END:
            return at
        at = _end_of_sequence(buffer, at, head_of, depth + 1) if length == UNDEFINED_LENGTH else at + length
