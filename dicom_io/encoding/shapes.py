"""What the values of an element must look like to leave the hospital: numbers in a range, or words of a vocabulary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.tables import BINARY_NUMBERS

_DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?")  # PS3.5 6.2, DS and IS
_PARTS = re.compile(r"[ _]")
_COUNTED = re.compile(r"([A-Z]+)\d{0,2}|\d")  # T2, SAT1, S2_0
_Values = list[str] | list[int] | list[float]


class Shape(Protocol):
    """The rule for one element."""

    def read(self, elements: Elements, key: str | int, vr: str) -> _Values | None:
        """Its values as they may leave; None when they must not."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers from `low` to `high`, or as much above `offset`; one that lies outside keeps all of them here."""

    low: float
    high: float
    offset: float = 0.0

    def read(self, elements: Elements, key: str | int, vr: str) -> _Values | None:
        """The numbers; decimal strings (DS) digit by digit, whole numbers where the VR wants them."""
        texts = elements.texts(key) if vr == "DS" else ()
        numbers = tuple(map(_decimal, texts)) if texts else elements.numbers(key, vr if vr in BINARY_NUMBERS else "")
        if not numbers or not all(self.holds(number) for number in numbers):
            return None
        if vr == "DS":
            return list(texts)
        return list(numbers) if vr in ("FL", "FD") else [round(number) for number in numbers]

    def holds(self, number: float) -> bool:
        """Whether a number lies in the range."""
        return self.low <= number <= self.high or (bool(self.offset) and self.low <= number - self.offset <= self.high)


def _decimal(text: str) -> float:
    """A decimal string as a number; NaN, which lies in no range, for anything else."""
    return float(text) if _DECIMAL.fullmatch(text) else float("nan")


@dataclass(frozen=True, slots=True)
class Words:
    """Words of a vocabulary, in capitals; a value is made of them by blanks and underscores (CSA MIP, S2_0).

    Parameters
    ----------
    unknown
        Stands for a value that the vocabulary does not have; where it is empty, such a value keeps all of them here.
    divider
        Between the values of a text that holds several; those that are unknown are left out.
    """

    vocabulary: frozenset[str]
    unknown: str = ""
    divider: str = ""

    def read(self, elements: Elements, key: str | int, vr: str) -> _Values | None:
        """The words."""
        del vr
        texts = [text.upper() for text in elements.texts(key)]
        if self.divider:
            known = [part for part in self.divider.join(texts).split(self.divider) if self._knows(part)]
            return [self.divider.join(known)] if known else None
        found = [text if not text or self._knows(text) else self.unknown for text in texts]
        return None if any(text and not kept for text, kept in zip(texts, found, strict=True)) else found

    def keeps_all(self, elements: Elements, key: str | int) -> bool:
        """Whether every value is a known one."""
        texts = [text.upper() for text in elements.texts(key)]
        parts = self.divider.join(texts).split(self.divider) if self.divider else texts
        return all(not part or self._knows(part) for part in parts)

    def _knows(self, text: str) -> bool:
        return text in self.vocabulary or all(self._knows_part(part) for part in _PARTS.split(text))

    def _knows_part(self, part: str) -> bool:
        counted = _COUNTED.fullmatch(part)
        return part in self.vocabulary or (counted is not None and (counted[1] or "") in self.vocabulary | {""})


def vocabulary(text: str) -> frozenset[str]:
    """Words that are divided by blanks."""
    return frozenset(text.split())


def words(text: str, unknown: str = "") -> Words:
    """A shape of words that are divided by blanks."""
    return Words(vocabulary(text), unknown)


class PrivateTag(NamedTuple):
    """A private element by its group, the creator of its block in upper case, and its last two digits."""

    group: int
    creator: str
    element: int

    def within(self, elements: Elements) -> int:
        """The tag that it has in this data set, wherever an archive moved its block."""
        return elements.private(*self)


class SafePrivate(NamedTuple):
    """A private element that may leave the hospital, in its own VR, with values of one shape.

    Parameters
    ----------
    shape
        None for a sequence, whose items are cleaned like the data set itself.
    """

    tag: PrivateTag
    vr: str
    shape: Shape | None
