"""Values of a manifest's columns as the paper groups them, and in the order in which people read them."""

from __future__ import annotations

from collections.abc import Iterable

_AGES = ("under 40", "40 to 59", "60 and over")
_KNOWN_ORDER = (*_AGES, "minimal", "mild", "moderate", "marked")
_BI_RADS_4 = ("4", "4a", "4b", "4c")
_LETTERS = {"a": 0.1, "b": 0.2, "c": 0.3}


def is_bi_rads_4(value: str) -> bool:
    """Whether a category is 4, with or without a letter."""
    return value.lower() in _BI_RADS_4


def group_of(column: str, value: str) -> str:
    """The subgroup that a value belongs to, as the paper has them: ages in three groups, BI-RADS 4 or other.

    Empty where the manifest does not say; any other column's value is its own group.
    """
    if column == "age" and is_number(value):
        return _AGES[(float(value) >= 40) + (float(value) >= 60)]
    if column == "bi_rads" and value:
        return "4" if is_bi_rads_4(value) else "other than 4"
    return value


def in_order(values: Iterable[str]) -> list[str]:
    """Distinct values that are not empty: those with a known order by it, then numbers, then words."""
    return sorted(set(values) - {""}, key=_place)


def rating_of(text: str) -> float | None:
    """A number, or a BI-RADS category such as 4a, which lies a tenth above 4; None for anything else."""
    head, tail = (text[:-1], _LETTERS[text[-1].lower()]) if text[-1:].lower() in _LETTERS else (text, 0.0)
    try:
        return float(head) + tail
    except ValueError:
        return None


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    return text[-1:].isdigit() and rating_of(text) is not None


def _place(value: str) -> tuple[int, float, str]:
    if value in _KNOWN_ORDER:
        return 0, _KNOWN_ORDER.index(value), value
    rating = rating_of(value)
    return (2, 0.0, value) if rating is None else (1, rating, value)
