"""Values of a data set straight from its bytes: fast, and robust to VRs that a PACS has changed.

pydicom converts an element on first access, which costs more than reading the file, and raises on invalid
values. Archives also rewrite private elements as UN. Neither matters when text and numbers are parsed here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple, Self

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence
from pydicom.tag import BaseTag

from dicom_io.encoding.tables import BINARY_NUMBERS

RawElements = dict[BaseTag, tuple[str | None, bytes]]  # VR if the file says it, and the value
_PADDING = " \0\t\r\n"
_MAX_KEPT_BYTES = 1 << 14  # longer public elements are lookup tables, icons and overlays: nobody asks for them
_MANY = 4096
_MAX_REMEMBERED_BYTES = 256  # what a longer value says is not kept beyond its study


@lru_cache(_MANY)
def tag_of(key: str | int) -> BaseTag:
    """The tag of a keyword ("SeriesDescription") or of a number (0x0008103E); the same object for both."""
    if not isinstance(key, str):
        return BaseTag(key)
    number = tag_for_keyword(key)
    if number is None:
        raise ValueError(f"{key} is no DICOM keyword")
    return tag_of(int(number))


@lru_cache(_MANY)
def _vr_of(tag: BaseTag) -> str:
    """The VR of a public tag, which implicit files do not write; UN of a private one."""
    return dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"


def _is_kept(tag: BaseTag, value: Any, vr: str | None) -> bool:
    """Whether a reference to an image may need this element."""
    if tag & 0x10000:
        return False
    return value.__class__ is not bytes or len(value) <= _MAX_KEPT_BYTES or (vr or _vr_of(tag)) == "SQ"


class _PrivateBlock(NamedTuple):
    """Elements (gggg,xx00-xxFF) of one creator: PS3.5 7.8.1, (gggg,00xx) names it."""

    group: int
    creator: str
    number: int

    @property
    def owner(self) -> int:
        """The tag of the element that names the creator."""
        return self.group << 16 | self.number

    def tag(self, element: int) -> int:
        """The tag of one of its elements, by its last two digits."""
        return self.group << 16 | self.number << 8 | element


class Elements:
    """Reads one data set; an absent, empty or invalid value is "" or None, never an exception.

    It stands on a Dataset of pydicom, or on the bytes of a little-endian file (`of_bytes`); then there is a Dataset
    only when somebody asks for it.
    """

    __slots__ = ("_blocks", "_dataset", "_elements", "_implicit", "_raw")

    def __init__(self, dataset: Dataset) -> None:
        self._dataset: Dataset | None = dataset
        self._elements: dict[BaseTag, Any] = dict(dataset.items())  # those that pydicom has not converted yet are raw
        self._raw = self._implicit = False
        self._blocks: dict[tuple[int, str], int] | None = None

    @classmethod
    def of_bytes(cls, elements: RawElements, *, implicit: bool) -> Self:
        """Elements whose values are bytes of a little-endian file; implicit: as it is inside their sequences."""
        made = cls.__new__(cls)
        made._dataset, made._blocks = None, None
        made._elements, made._raw, made._implicit = elements, True, implicit
        return made

    @property
    def dataset(self) -> Dataset:
        """The data set for pydicom, assembled on first access."""
        if self._dataset is None:
            implicit = self._implicit
            self._dataset = Dataset(
                {
                    tag: RawDataElement(tag, vr, len(value), value, 0, implicit, True, True)
                    for tag, (vr, value) in self._elements.items()
                }
            )
            self._dataset.set_original_encoding(implicit, True, self._encodings() or None)
        return self._dataset

    def public(self) -> Elements:
        """Without private elements, and without long ones that are no sequence: lookup tables, icons, overlays."""
        if self._raw:
            found = {tag: each for tag, each in self._elements.items() if _is_kept(tag, each[1], each[0])}
            return Elements.of_bytes(found, implicit=self._implicit)
        kept = Dataset({tag: each for tag, each in self.dataset.items() if _is_kept(tag, each.value, each.VR)})
        implicit, little_endian = self.dataset.original_encoding
        kept.set_original_encoding(implicit, little_endian, self.dataset.original_character_set)
        return Elements(kept)

    def __contains__(self, key: str | int) -> bool:
        return self._value(key) not in (None, b"", "")

    def tags(self) -> tuple[int, ...]:
        """The tags of all elements, ascending."""
        return tuple(sorted(map(int, self._elements)))

    def text(self, key: str | int) -> str:
        """The value as one line of text; several values are joined by a backslash as in the file."""
        return "\\".join(self.texts(key))

    def texts(self, key: str | int) -> tuple[str, ...]:
        """Every value as text without padding."""
        value = self._value(key)
        if value is None:
            return ()
        if isinstance(value, bytes):
            remembered = len(value) <= _MAX_REMEMBERED_BYTES and _is_plain(value)
            return _ascii_texts(value) if remembered else _parts_of(self._decoded(value))
        several = hasattr(value, "append") or isinstance(value, tuple)
        return tuple(str(part).strip(_PADDING) for part in (value if several else (value,)))

    def numbers(self, key: str | int, binary: str = "") -> tuple[float, ...]:
        """The values as numbers; empty when one of them is invalid or not finite.

        Parameters
        ----------
        binary
            VR to assume for an element that was stored as UN and holds no text, e.g. "FD".
        """
        value = self._value(key)
        if value is None:
            return ()
        if isinstance(value, bytes):
            element = self._elements[tag_of(key)]
            vr, little = (element[0], True) if self._raw else (element.VR, getattr(element, "is_little_endian", True))
            read = _remembered_numbers if len(value) <= _MAX_REMEMBERED_BYTES else _numbers_in
            return read(value, vr or _vr_of(tag_of(key)), little, binary)
        try:
            several = hasattr(value, "append") or isinstance(value, tuple)
            return _finite(tuple(float(part) for part in (value if several else (value,))))
        except (TypeError, ValueError, OverflowError):
            return ()

    def number(self, key: str | int, binary: str = "") -> float | None:
        """The first value as a number, None when there is none."""
        values = self.numbers(key, binary)
        return values[0] if values else None

    def integer(self, key: str | int, binary: str = "") -> int | None:
        """The first value as a whole number, None when there is none."""
        value = self.number(key, binary)
        return int(value) if value is not None and abs(value) < 1e15 else None

    def seconds(self, key: str | int) -> float | None:
        """A time or date-time as seconds of its day."""
        return seconds_of_day(self.text(key))

    def data(self, key: str | int) -> bytes:
        """The bytes of a binary element."""
        value = self._value(key)
        return value if isinstance(value, bytes) else b""

    def items(self, key: str | int) -> list[Elements]:
        """The items of a sequence, each as Elements."""
        tag = tag_of(key)
        if tag not in self._elements:
            return []
        try:
            value = self.dataset[tag].value
            if isinstance(value, bytes):  # stored as UN, which is implicit little-endian inside (PS3.5 6.2.2)
                value = read_sequence(BytesIO(value), True, True, len(value), "latin-1")
        except Exception:  # noqa: BLE001 - pydicom raises many kinds; a sequence nobody can parse has no items
            return []
        return [Elements(item) for item in value if isinstance(item, Dataset)] if hasattr(value, "append") else []

    def item(self, key: str | int) -> Elements:
        """The first item of a sequence; an empty one when there is none."""
        items = self.items(key)
        return items[0] if items else Elements(Dataset())

    def private(self, group: int, creator: str, element: int) -> int:
        """Tag of a private element, wherever an archive moved its block; the usual block 10 when nobody claims it."""
        if self._blocks is None:
            found = reversed(tuple(self.private_blocks()))  # of several the first
            self._blocks = {(block.group, block.creator.upper()): block.number for block in found}
        return group << 16 | self._blocks.get((group, creator), 0x10) << 8 | element

    def private_blocks(self) -> Iterator[_PrivateBlock]:
        """The blocks that a creator has claimed, ascending."""
        for tag in self.tags():
            if tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF:
                yield _PrivateBlock(tag >> 16, self.text(tag), tag & 0xFF)

    def _value(self, key: str | int) -> Any:
        element = self._elements.get(tag_of(key))
        if element is None:
            return None
        if self._raw:
            return element[1] or None
        value = element.value
        if value.__class__ is bytes:
            return value or None
        return None if value == "" else value

    def _decoded(self, value: bytes) -> str:
        if _is_plain(value):
            return value.decode("ascii")
        try:
            return decode_bytes(value, self._encodings() or convert_encodings([""]), set())
        except (LookupError, ValueError):
            return value.decode("latin-1")

    def _encodings(self) -> list[str]:
        """Python's names of the character sets of this data set; [] where it names none."""
        named = self._value("SpecificCharacterSet")  # not by `texts`: its own bytes are in no character set
        texts = _parts_of(named.decode("latin-1")) if isinstance(named, bytes) else self.texts("SpecificCharacterSet")
        try:
            return convert_encodings(list(texts)) if texts else []
        except (LookupError, ValueError):  # a zero byte is a ValueError of codecs.lookup
            return convert_encodings([""])


def _is_plain(value: bytes) -> bool:
    """Whether the bytes are ASCII in every character set; ISO 2022 writes Japanese in 7 bits after an escape."""
    return value.isascii() and b"\x1b" not in value


def _finite(values: tuple[float, ...]) -> tuple[float, ...]:
    """The values; empty when one of them is NaN or infinite."""
    return values if all(map(math.isfinite, values)) else ()


def _is_numeric_text(value: bytes) -> bool:
    """Whether bytes of unknown VR read as decimal strings."""
    return bool(value.strip(b" \0")) and not value.strip(b"0123456789+-.eE\\ \0")


def _parts_of(text: str) -> tuple[str, ...]:
    """Several values of one element, without padding."""
    return tuple(part.strip(_PADDING) for part in text.split("\\"))


@lru_cache(_MANY)
def _ascii_texts(value: bytes) -> tuple[str, ...]:
    """The values of a text element; cached, as the images of a series mostly share them."""
    return _parts_of(value.decode("ascii"))


def _numbers_in(value: bytes, vr: str, little_endian: bool, binary: str) -> tuple[float, ...]:
    """The numbers of an element, from decimal strings or binary; empty when one of them is invalid or not finite.

    Parameters
    ----------
    binary
        VR to assume where `vr` is not numeric and the value is not text.
    """
    form = BINARY_NUMBERS.get(vr)
    if form is None and binary and not _is_numeric_text(value):
        form = BINARY_NUMBERS[binary]
    if form is None:
        return _parsed_numbers(value)
    count = len(value) // struct.calcsize(form)
    return _finite(tuple(map(float, struct.unpack_from(f"{'<' if little_endian else '>'}{count}{form}", value))))


_remembered_numbers = lru_cache(_MANY)(_numbers_in)


def _parsed_numbers(value: bytes) -> tuple[float, ...]:
    """Decimal strings as numbers; empty when one of them is invalid or not finite."""
    try:
        return _finite(tuple(float(part) for part in value.decode("ascii").strip(_PADDING).split("\\")))
    except (UnicodeDecodeError, ValueError):
        return ()


def seconds_of_day(text: str) -> float | None:
    """Seconds since midnight of a DICOM TM (hhmmss.f; hh:mm:ss as ACR-NEMA wrote it) or DT (yyyymmddhhmmss.f).

    A time zone suffix is ignored: all times of one study come from one scanner.
    """
    whole, _, fraction = text.replace(":", "").partition(".")
    whole = whole.partition("+")[0].partition("-")[0].strip()
    fraction = fraction.partition("+")[0].partition("-")[0].strip()
    if not whole.isdigit() or (fraction and not fraction.isdigit()):
        return None
    time = (whole[8:] if len(whole) >= 8 else whole).ljust(6, "0")
    return int(time[:2]) * 3600 + int(time[2:4]) * 60 + int(time[4:6]) + (float(f"0.{fraction}") if fraction else 0.0)
