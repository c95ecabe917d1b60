"""The data sets of storage commitment (PS3.4 tables J.3-1 and J.3-2) as bytes: read and written without an object each.

A peer decides how many instances a request names, so what one costs must be little.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dicom_io.encoding.tables import (
    EXPLICIT_HEADER,
    IMPLICIT_HEADER,
    ITEM,
    ITEM_GROUP,
    LONG_LENGTH,
    LONG_VRS,
    SEQUENCE_END,
    UNDEFINED_LENGTH,
)
from dicom_io.errors import DicomError

_SOP_CLASS, _SOP_INSTANCE, _TRANSACTION = 0x00081150, 0x00081155, 0x00081195
_REASON, _FAILED, _REFERENCED = 0x00081197, 0x00081198, 0x00081199


class NotReferences(DicomError):
    """The bytes are no data set with references."""


@dataclass(frozen=True, slots=True)
class References:
    """A transaction, and the (SOP class, SOP instance) pairs that it is about."""

    transaction_uid: str
    instances: list[tuple[str, str]]


def read_references(content: bytes, *, explicit: bool, most: int) -> References:
    """The Referenced SOP Sequence of a request, as far as one instance more than `most`; raises NotReferences."""
    transaction, instances, sop_class, sop_instance, foreign = "", list[tuple[str, str]](), "", "", 0
    for tag, start, length in _elements(content, explicit=explicit):
        opens = length == UNDEFINED_LENGTH and tag != ITEM
        if foreign or (opens and tag != _REFERENCED):  # the inside of another sequence, down to its delimiter
            foreign += opens - (tag == SEQUENCE_END)
        elif tag == ITEM:
            sop_class = sop_instance = ""
        elif tag == _TRANSACTION:
            transaction = _uid(content[start : start + length])
        elif tag == _SOP_CLASS:
            sop_class = _uid(content[start : start + length])
        elif tag == _SOP_INSTANCE:
            sop_instance = _uid(content[start : start + length])
        if sop_class and sop_instance:
            instances.append((sop_class, sop_instance))
            sop_class = sop_instance = ""
            if len(instances) > most:
                break
    if not transaction or not instances:
        raise NotReferences("no transaction, or no instance")
    return References(transaction, instances)


def _elements(content: bytes, *, explicit: bool) -> Iterator[tuple[int, int, int]]:
    """Tag, offset and length of the value of every element, of those in the Referenced SOP Sequence too.

    What is in other sequences of undefined length follows them; what is in those of defined length is passed over.
    """
    at, end = 0, len(content)
    while at < end:
        if at + 8 > end:
            raise NotReferences("it ends inside an element")
        group, number, length = IMPLICIT_HEADER.unpack_from(content, at)
        at += 8
        if explicit and group != ITEM_GROUP:
            _, _, vr, length = EXPLICIT_HEADER.unpack_from(content, at - 8)
            if vr in LONG_VRS:
                if at + 4 > end:
                    raise NotReferences("it ends inside an element")
                length = LONG_LENGTH.unpack_from(content, at)[0]
                at += 4
                if length == UNDEFINED_LENGTH and vr != b"SQ":
                    raise NotReferences("an element of undefined length that is no sequence")
        tag = group << 16 | number
        yield tag, at, length
        if length != UNDEFINED_LENGTH:
            if at + length > end:
                raise NotReferences("an element is longer than what holds it")
            at += 0 if tag in (ITEM, _REFERENCED) else length


def _uid(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("ascii", "replace")


def write_references(kept: References, failed: Iterable[tuple[str, str, int]], *, explicit: bool) -> bytes:
    """The event information of a report: what is kept, and what is not, each with SOP class, instance and reason."""
    content = _uid_element(_TRANSACTION, kept.transaction_uid, explicit)
    lost = b"".join(
        _item(_pair(sop_class, sop_instance, explicit) + _element(_REASON, b"US", struct.pack("<H", reason), explicit))
        for sop_class, sop_instance, reason in failed
    )
    held = b"".join(_item(_pair(*each, explicit)) for each in kept.instances)
    for tag, items in ((_FAILED, lost), (_REFERENCED, held)):  # in the order of their tags
        content += _element(tag, b"SQ", items, explicit) if items else b""
    return content


def _pair(sop_class: str, sop_instance: str, explicit: bool) -> bytes:
    return _uid_element(_SOP_CLASS, sop_class, explicit) + _uid_element(_SOP_INSTANCE, sop_instance, explicit)


def _uid_element(tag: int, uid: str, explicit: bool) -> bytes:
    value = uid.encode("ascii", "replace")
    return _element(tag, b"UI", value + b"\0" * (len(value) % 2), explicit)


def _element(tag: int, vr: bytes, value: bytes, explicit: bool) -> bytes:
    if not explicit:
        return IMPLICIT_HEADER.pack(tag >> 16, tag & 0xFFFF, len(value)) + value
    if vr in LONG_VRS:
        return EXPLICIT_HEADER.pack(tag >> 16, tag & 0xFFFF, vr, 0) + LONG_LENGTH.pack(len(value)) + value
    return EXPLICIT_HEADER.pack(tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _item(content: bytes) -> bytes:
    return IMPLICIT_HEADER.pack(ITEM >> 16, ITEM & 0xFFFF, len(content)) + content
