"""Canon and Toshiba: the b-value in the comments."""

from __future__ import annotations

import pytest

from datasets import elements
from dicom_io.vendors.canon import CANON


@pytest.mark.parametrize(
    ("values", "b_value"),
    [
        ({"ImageComments": "b=1500(0.895,0.000,0.445)"}, 1500.0),
        ({"ImageComments": "b=1500(0.895,0.000,0.445)", "DiffusionBValue": 800.0}, 800.0),
        ({"ImageComments": "ab=7"}, None),
        ({}, None),
    ],
)
def test_the_comment_tells_the_b_value_where_the_standard_attribute_is_missing(
    values: dict[str, object], b_value: float | None
) -> None:
    assert CANON.diffusion(elements(**values)).b_value == b_value
