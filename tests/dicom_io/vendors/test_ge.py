"""GE: the private b-value with its offset, the direction kind, and a clock of writing."""

from __future__ import annotations

import pytest

from datasets import elements
from dicom_io.vendors.base import Clue, Direction
from dicom_io.vendors.ge import B_VALUE, DIRECTION_KIND, GE


@pytest.mark.parametrize(
    ("vr", "value", "b_value"),
    [
        ("IS", [500, 8, 0, 0], 500.0),
        ("IS", [1000001000, 8, 0, 0], 1000.0),
        ("UN", b"500\\8\\0\\0 ", 500.0),
        ("IS", [0, 268435456, 0, 0], 0.0),
    ],
)
def test_the_first_of_its_private_values_without_the_offset_is_the_b_value(
    vr: str, value: object, b_value: float
) -> None:
    assert GE.diffusion(elements({B_VALUE: (vr, value)})).b_value == b_value


def test_a_b0_says_so_by_its_direction_kind_alone() -> None:
    b0 = GE.diffusion(elements({DIRECTION_KIND: ("US", 14)}))
    assert (b0.b_value, b0.direction) == (0.0, Direction.NONE)
    assert GE.diffusion(elements()).b_value is None


def test_the_standard_b_value_is_read_where_the_private_one_is_missing() -> None:
    weighted = GE.diffusion(elements({DIRECTION_KIND: ("US", 16)}, DiffusionBValue=800.0))
    assert (weighted.b_value, weighted.direction) == (800.0, Direction.DIRECTIONAL)


def test_options_without_fat_suppression_say_that_there_is_none() -> None:
    assert GE.fat_suppressed(elements(ScanOptions=["FAST_GEMS", "NPW"])) is False
    assert GE.fat_suppressed(elements(ScanOptions=["FAST_GEMS", "SPECIAL"])) is True


def test_content_time_orders_phases_but_does_not_time_them() -> None:
    assert Clue.CONTENT_TIME in GE.phase_order
    assert Clue.CONTENT_TIME not in GE.timing_clues
    assert GE.phase_order.index(Clue.TRIGGER_TIME) < GE.phase_order.index(Clue.ACQUISITION_TIME)
