"""Data sets in one line, with private elements where a vendor hides them."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import PrivateTag

Private = Mapping[PrivateTag, tuple[str, object]]


def dataset(private: Private | None = None, /, **values: object) -> Dataset:
    """A data set by keyword; private elements by their tag, each with its VR and value."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    for tag, (vr, value) in (private or {}).items():
        made.private_block(tag.group, tag.creator, create=True).add_new(tag.element, vr, value)
    return made


def elements(private: Private | None = None, /, **values: object) -> Elements:
    """The same as `dataset`, for a reader."""
    return Elements(dataset(private, **values))
