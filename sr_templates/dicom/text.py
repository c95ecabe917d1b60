"""Our own words in the study's character set."""

from __future__ import annotations

import unicodedata

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


def short(text: str, limit: int) -> str:
    """`plain` text that fits a value representation's length."""
    words = plain(text)
    return words if len(words) <= limit else words[: limit - 3].rstrip() + "..."


def percent(probability: float) -> str:
    """A probability as a reader sees it: no decimals, which no validation supports; never 0 or 100 %."""
    if probability < 0.01:
        return "< 1 %"
    return "> 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"
