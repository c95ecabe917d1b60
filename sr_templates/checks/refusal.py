"""How a check says no."""

from __future__ import annotations

from pydicom.dataset import Dataset

from sr_templates.errors import ObjectRefused


def refusal(instance: Dataset, defect: str) -> ObjectRefused:
    """The error that names the object by its series description, which holds no patient data."""
    return ObjectRefused(f"{instance.get('SeriesDescription', 'object without description')}: {defect}")
