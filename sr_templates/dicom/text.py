"""Our own words in the study's character set."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence

from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.valuerep import TEXT_VR_DELIMS

CharacterSet = str | Sequence[str]
"""Specific Character Set (0008,0005), as a source image states it."""

_SPELLED = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "±": "+/-", "²": "2", "³": "3", "⁻": "-", "µ": "u",
     "°": " deg", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "ß": "ss"}
)  # fmt: skip


def plain(text: str) -> str:
    """The text in ASCII, which every Specific Character Set contains.

    Objects keep the character set of the source study, so that the patient's name stays the same bytes; a model's
    statement or a flag may hold signs that the set lacks.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    kept = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return kept.encode("ascii", "replace").decode("ascii")


def holds(character_set: CharacterSet, words: str) -> bool:
    """Whether text can be written in a Specific Character Set (PS3.5 6.1.2) and read again as it was."""
    terms = [character_set] if isinstance(character_set, str) else [str(each) for each in character_set]
    if words.isascii():
        return True
    if terms[0] in ("", "ISO_IR 6") and (len(terms) == 1 or any(0x7F < ord(sign) < 0x100 for sign in words)):
        return False  # the default repertoire is ASCII, which pydicom writes as Latin-1
    encodings = convert_encodings(terms)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sign was replaced shows in what is read again
        try:
            return decode_bytes(encode_string(words, encodings), encodings, TEXT_VR_DELIMS) == words
        except (UnicodeError, LookupError):
            return False


def fitted(character_set: CharacterSet, words: str) -> str:
    """The text with each sign that a Specific Character Set lacks in ASCII."""
    if holds(character_set, words):
        return words
    return "".join(sign if holds(character_set, sign) else plain(sign) for sign in words)


def capitalised(text: str) -> str:
    """The text with its first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


def short(text: str, limit: int) -> str:
    """`plain` text that fits a value representation's length."""
    words = plain(text)
    return words if len(words) <= limit else words[: limit - 3].rstrip() + "..."


def percent(probability: float) -> str:
    """A probability as a reader sees it: no decimals, which no validation supports; never 0 or 100 %."""
    if probability < 0.01:
        return "< 1 %"
    return "> 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"
