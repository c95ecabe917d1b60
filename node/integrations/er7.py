"""HL7 v2 in its vertical-bar encoding (ER7): segments from fields, with every delimiter in a value escaped.

Our own, because the libraries parse what is assigned to a field: a `^` in a patient's name would become structure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

FIELD, COMPONENT, REPETITION, ESCAPE, SUBCOMPONENT = "|^~\\&"
_ENCODING_CHARACTERS = COMPONENT + REPETITION + ESCAPE + SUBCOMPONENT
_NAMES = {ESCAPE: "E", FIELD: "F", COMPONENT: "S", SUBCOMPONENT: "T", REPETITION: "R"}
_CONTROLS = frozenset(("Cc", "Cs", "Zl", "Zp"))
Field = str | Sequence[str]
"""A text, or the components of a field; trailing empty ones are left out."""


def escaped(text: str) -> str:
    """The text as a receiver reads it back (HL7 2.5.1 chapter 2.7); control characters become spaces."""
    return "".join(_escaped(each) for each in text)


def _escaped(character: str) -> str:
    if character in _NAMES:
        return f"{ESCAPE}{_NAMES[character]}{ESCAPE}"
    return " " if unicodedata.category(character) in _CONTROLS else character


def segment(name: str, *fields: Field | Sequence[Field]) -> str:
    """One segment.

    Parameters
    ----------
    fields
        In the order of the standard, from number 1; a list of lists is a field that repeats.
    """
    return FIELD.join([name, *(_field(each) for each in fields)]).rstrip(FIELD)


def _field(field: Field | Sequence[Field]) -> str:
    if isinstance(field, str):
        return escaped(field)
    if any(not isinstance(each, str) for each in field):
        return REPETITION.join(_field(each) for each in field)
    return COMPONENT.join(escaped(each) for each in field if isinstance(each, str)).rstrip(COMPONENT)


def message_header(*fields: Field) -> str:
    """The MSH segment, from its field 3 on: fields 1 and 2 are the delimiters themselves."""
    return segment(f"MSH{FIELD}{_ENCODING_CHARACTERS}", *fields)


def encoded(segments: Sequence[str]) -> bytes:
    """A message of these segments in UTF-8."""
    return "".join(f"{each}\r" for each in segments).encode()


def fields_of(message: bytes, name: str) -> list[str]:
    """The raw fields of the first segment of this name, from number 1 on; none when the message has no such segment."""
    for line in message.decode("utf-8", "replace").replace("\n", "\r").split("\r"):
        found, *fields = line.split(FIELD)
        if found == name:
            return fields
    return []
