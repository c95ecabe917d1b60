"""Walks the content tree of a structured report that was read from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pydicom.dataset import Dataset

from sr_templates.dicom import codes

_T = TypeVar("_T")
CodedName = tuple[str, str]  # code value, coding scheme designator
_TRACKING_IDENTIFIER = (codes.TRACKING_IDENTIFIER.value, codes.TRACKING_IDENTIFIER.scheme_designator)


def content_items(
    parent: Dataset, name: Callable[[Dataset], _T], path: tuple[_T, ...] = ()
) -> Iterator[tuple[tuple[_T, ...], Dataset]]:
    """Every content item below, each before its children, with the names that lead to it; `name` gives that of one."""
    for item in parent.get("ContentSequence", []):
        here = (*path, name(item))
        yield here, item
        yield from content_items(item, name, here)


def concept_of(item: Dataset) -> CodedName:
    """The concept name of a content item; empty where it has none."""
    return _code(item, "ConceptNameCodeSequence")


def value_of(item: Dataset) -> CodedName:
    """What a CODE content item says; empty where it says nothing."""
    return _code(item, "ConceptCodeSequence")


def tracking_identifier_of(group: Dataset) -> str:
    """What a group is called in whatever document it stands (PS3.16 TID 4108); empty without that."""
    for child in group.get("ContentSequence", []):
        if concept_of(child) == _TRACKING_IDENTIFIER:
            return str(child.TextValue)
    return ""


def _code(item: Dataset, keyword: str) -> CodedName:
    for each in item.get(keyword) or ():
        return str(each.get("CodeValue", "")), str(each.get("CodingSchemeDesignator", ""))
    return "", ""
