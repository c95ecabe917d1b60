"""The columns of a manifest that may leave the hospital, and what their values must look like; all others stay here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from dicom_io.vendors.registry import vendor_of
from mome_core.training.cohort import GROUPS, LABEL_SOURCE, READER, ManifestRow

_OLDEST = 89  # years; above it an age identifies (45 CFR 164.514(b)(2)(i)(C)): it becomes 90


def shared_facts(rows: Sequence[ManifestRow]) -> list[dict[str, str]]:
    """Of each row what may be shared; sites and readers become numbers, and a value without its shape becomes empty."""
    sites = _numbered(row.facts.get("site", "") for row in rows)
    readers = _numbered(name for row in rows for name in row.facts if name.startswith(READER))
    return [_shared(row.facts, sites, readers) for row in rows]


def is_shared(name: str) -> bool:
    """Whether a column may leave the hospital."""
    return name in (*GROUPS, LABEL_SOURCE) or name.startswith(READER)


def _shared(facts: Mapping[str, str], sites: Mapping[str, str], readers: Mapping[str, str]) -> dict[str, str]:
    shapes: dict[str, Callable[[str], str]] = {**_SHAPES, "site": lambda text: sites.get(text, "")}
    groups = {name: shapes[name](facts[name]) for name in (*GROUPS, LABEL_SOURCE) if name in facts}
    ratings = {f"{READER}{number}": _rating(facts[name]) for name, number in readers.items() if name in facts}
    return groups | ratings


def _numbered(names: Iterable[str]) -> dict[str, str]:
    """A number for each name, in the order in which they come."""
    return {name: str(number) for number, name in enumerate(dict.fromkeys(filter(None, names)), start=1)}


def _like(pattern: str) -> Callable[[str], str]:
    """A value when all of it fits the pattern, else nothing."""
    return lambda text: text if re.fullmatch(pattern, text) else ""


def _age(text: str) -> str:
    years = _like(r"\d{1,3}(\.\d{1,2})?")(text)
    return str(_OLDEST + 1) if years and float(years) > _OLDEST else years


_FROM_VERDICT = r"[a-z_]{1,32}=verdict:[a-z+:-]{1,80}"
_rating = _like(r"-?\d{1,3}(\.\d{1,6})?[a-cA-C]?")  # a number, or a BI-RADS category
_SHAPES: Mapping[str, Callable[[str], str]] = {
    "age": _age,
    "bpe": _like("minimal|mild|moderate|marked|[a-d1-4]"),
    "bi_rads": _like("[0-6]|4[a-cA-C]"),
    "field_strength": _like(r"\d{1,2}(\.\d{1,5})?"),
    LABEL_SOURCE: lambda text: " ".join(filter(_like(_FROM_VERDICT), text.split())),
    "vendor": lambda text: str(vendor_of(text)) if text else "",
}
