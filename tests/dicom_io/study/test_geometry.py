"""Slices to a grid with an affine, or a reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dicom_io.errors import NoVolume
from dicom_io.headers.records import Plane
from dicom_io.study.geometry import count_distinct, same_grid, stacks_of
from planes import plane, volume

SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def slices(*depths_mm: float, **facts: Any) -> list[Plane]:
    return [plane(z, **facts) for z in depths_mm]


def test_the_affine_takes_column_row_and_slice_to_millimetres() -> None:
    (stack,) = stacks_of(slices(4.0, 0.0, 2.0, spacing_mm=(0.5, 0.7)))
    np.testing.assert_allclose(stack.affine @ (2, 4, 1, 1), (1.4, 2.0, 2.0, 1.0))
    assert (stack.shape, stack.slice_step_mm, stack.repeats) == ((8, 8, 3), 2.0, 1)


def test_slices_ascend_along_row_times_column_direction() -> None:
    planes = [plane(position_mm=(x, 0.0, 0.0), orientation=SAGITTAL) for x in (3.0, 0.0, 6.0)]
    (stack,) = stacks_of(planes)
    assert [there[0].position_mm[0] for there in stack.locations] == [6.0, 3.0, 0.0]
    assert np.linalg.det(stack.affine[:3, :3]) > 0


def test_repeated_slices_share_a_place() -> None:
    (stack,) = stacks_of([*volume(), *volume(), *volume()])
    assert (stack.repeats, stack.shape[2], len(stack.planes)) == (3, 3, 9)


def test_orientations_that_differ_in_the_8th_decimal_are_one() -> None:
    tilted = (1.0, 1e-8, 0.0, 0.0, 1.0, 3e-8)
    (stack,) = stacks_of([*slices(0.0, 2.0), plane(4.0, orientation=tilted)])
    assert stack.shape == (8, 8, 3)


@pytest.mark.parametrize(
    "difference",
    [
        {"echo_ms": 4.6},
        {"image_type": ("ORIGINAL", "PRIMARY", "P")},
        {"words": frozenset({"ORIGINAL", "FAT"})},
        {"rows": 16},
    ],
    ids=["echo", "phase image", "Dixon fat", "matrix"],
)
def test_another_kind_of_image_is_another_stack_and_no_repeat(difference: dict[str, Any]) -> None:
    stacks = stacks_of([*volume(), *volume(**difference)])
    assert [stack.repeats for stack in stacks] == [1, 1]


def test_two_slabs_far_apart_are_two_stacks_that_know_of_each_other() -> None:
    stacks = stacks_of(slices(0, 2, 4, 50, 52, 54))
    assert [(stack.shape[2], stack.slabs) for stack in stacks] == [(3, 2), (3, 2)]


def test_two_slabs_by_stack_id_are_two_stacks_even_when_they_are_near() -> None:
    stacks = stacks_of([*slices(0, 2, 4, stack_id="1"), *slices(7, 9, 11, stack_id="2")])
    assert [stack.shape[2] for stack in stacks] == [3, 3]
    assert len(stacks_of([*slices(0, 2, 4, stack_id="1"), *slices(6, 8, 10, stack_id="2")])) == 1


@pytest.mark.parametrize(
    ("planes", "why"),
    [
        (slices(0.0), "single slice"),
        (slices(0.0, 2.0), "a 3-D acquisition of only 2 slices is a fragment"),
        (slices(0, 2, 4, 8, 10), "about 1 slices are missing: gaps up to 4.00 mm at a slice distance of 2.00 mm"),
        (slices(0, 2, 4, 6.9, 9), "unevenly spaced"),
        (slices(0, 2, 4, 5, 7), "unevenly spaced"),
        ([plane(0.0), plane(2.0, position_mm=())], "no position, orientation or pixel spacing"),
        ([plane(0.0), plane(2.0, orientation=SAGITTAL)], "2 orientations"),
        (slices(0, 2, 4, orientation=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0)), "not two perpendicular unit vectors"),
        (slices(0, 2, 4, orientation=(2.0, 0.0, 0.0, 0.0, 1.0, 0.0)), "not two perpendicular unit vectors"),
        ([*slices(0, 2), plane(4.0, spacing_mm=(1.1, 1.0))], "pixel spacing differs"),
        (slices(0, 2, 4, spacing_mm=(0.0, 0.0)), "spacing of 0 x 0 mm is not possible"),
        (slices(0, 2, 4, spacing_mm=(200.0, 200.0)), "not possible"),
        ([*slices(0, 2, 4), plane(position_mm=(1.0, 0.0, 2.0))], "shifted sideways"),
        ([plane(position_mm=(0.5 * (z == 2), 0.0, 2.0 * z)) for z in range(4)], "straight line"),
        ([*slices(0, 2, 4), plane(60.0)], "a single slice lies apart"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_forms_no_volume_says_why(planes: Sequence[Plane], why: str) -> None:
    with pytest.raises(NoVolume, match=why):
        stacks_of(planes)


def test_two_slices_of_a_2d_acquisition_are_a_volume() -> None:
    (stack,) = stacks_of(slices(0.0, 2.0, dimensions="2D"))
    assert stack.shape == (8, 8, 2)


def test_grids_are_the_same_within_a_twentieth_of_a_millimetre() -> None:
    (here,), (near,), (far,) = (stacks_of(slices(*(x + z for z in (0, 2, 4)))) for x in (0.0, 0.04, 0.1))
    assert same_grid(here, near)
    assert not same_grid(here, far)
    assert not same_grid(here, stacks_of(slices(0, 2, 4, 6))[0])


def test_rows_are_distinct_when_they_differ_by_more_than_the_tolerance() -> None:
    assert count_distinct(np.array([[0.0, 0.0], [0.05, 0.0], [1.0, 0.0]]), 0.1) == 2
    assert count_distinct(np.empty((0, 2)), 0.1) == 0
