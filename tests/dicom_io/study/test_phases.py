"""Repeats of a slice in the order of time, by the clue that each vendor prefers; or a reason why there is no order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from dicom_io.errors import NoPhaseOrder
from dicom_io.headers.records import Plane
from dicom_io.study.geometry import Stack, stacks_of
from dicom_io.study.phases import (
    Repeats,
    order_diffusion,
    order_repeats,
    require_more_than_numbers,
    start_of,
    times_of,
    unwrapped,
)
from dicom_io.vendors.base import Clue, Direction, VendorProfile
from dicom_io.vendors.canon import CANON
from dicom_io.vendors.ge import GE
from dicom_io.vendors.philips import PHILIPS
from dicom_io.vendors.registry import OTHER
from dicom_io.vendors.siemens import SIEMENS
from dicom_io.vendors.uih import UIH
from planes import SLICES_MM, plane, volume

EVERY = (SIEMENS, GE, PHILIPS, UIH, CANON, OTHER)


def stack_of(planes: Sequence[Plane]) -> Stack:
    """The one stack of some images, in an order of arrival that means nothing."""
    shuffled = list(planes)
    random.Random(1).shuffle(shuffled)
    (stack,) = stacks_of(shuffled)
    return stack


def order_of(vendor: VendorProfile, *volumes: dict[str, float]) -> tuple[str, list[int]]:
    """What orders volumes that differ in these clocks, and in which order they come."""
    planes = [plane(z, uid=f"1.{index}.{int(z)}", **clocks) for index, clocks in enumerate(volumes) for z in SLICES_MM]
    repeats = order_repeats(stack_of(planes), vendor)
    return str(repeats.clue), [int(each[0].instance.sop_instance_uid.split(".")[1]) for each in repeats.volumes]


@pytest.mark.parametrize("vendor", EVERY, ids=str)
def test_a_single_volume_needs_no_clue(vendor: VendorProfile) -> None:
    repeats = order_repeats(stack_of(volume()), vendor)
    assert (len(repeats.volumes), repeats.clue, repeats.times_s) == (1, None, ())
    assert [each.position_mm[2] for each in repeats.volumes[0]] == list(SLICES_MM)


@pytest.mark.parametrize(
    ("vendor", "clue"),
    [
        (SIEMENS, "acquisition number"),
        (GE, "temporal position"),
        (PHILIPS, "temporal position"),
        (UIH, "temporal position"),
    ],
    ids=str,
)
def test_each_vendor_has_its_label(vendor: VendorProfile, clue: str) -> None:
    both = ({"temporal_position": 2, "acquisition_number": 2}, {"temporal_position": 1, "acquisition_number": 1})
    assert order_of(vendor, *both) == (clue, [1, 0])


@pytest.mark.parametrize(
    ("vendor", "clue"),
    [
        (SIEMENS, "content time"),
        (GE, "trigger time"),
        (PHILIPS, "trigger time"),
        (UIH, "acquisition time"),
        (CANON, "acquisition time"),
        (OTHER, "acquisition time"),
    ],
    ids=str,
)
def test_each_vendor_has_its_clock_where_no_label_counts(vendor: VendorProfile, clue: str) -> None:
    later = {"acquisition_s": 50.0, "content_s": 51.0, "trigger_s": 9.0}
    earlier = {"acquisition_s": 10.0, "content_s": 11.0, "trigger_s": 1.0}
    assert order_of(vendor, later, earlier) == (clue, [1, 0])


@pytest.mark.parametrize("vendor", [SIEMENS, GE, UIH, CANON, OTHER], ids=str)
def test_instance_numbers_that_count_volume_after_volume_order_them(vendor: VendorProfile) -> None:
    planes = [plane(z, uid=f"1.{n}", order=float(n)) for n, z in enumerate([*SLICES_MM, *SLICES_MM])]
    repeats = order_repeats(stack_of(planes), vendor)
    assert repeats.clue is Clue.INSTANCE_NUMBER
    assert [[each.clocks.order for each in there] for there in repeats.volumes] == [[0, 1, 2], [3, 4, 5]]


def test_instance_numbers_that_count_slice_after_slice_order_them_too() -> None:
    planes = [plane(z, order=float(2 * index + repeat)) for index, z in enumerate(SLICES_MM) for repeat in (0, 1)]
    repeats = order_repeats(stack_of(planes), GE)
    assert [[each.clocks.order for each in there] for there in repeats.volumes] == [[0, 2, 4], [1, 3, 5]]


def test_shuffled_instance_numbers_order_nothing() -> None:
    numbers = [4, 1, 6, 2, 5, 3]
    planes = [plane(z, order=float(n)) for n, z in zip(numbers, [*SLICES_MM, *SLICES_MM], strict=True)]
    with pytest.raises(NoPhaseOrder, match="nothing in them says which came first"):
        order_repeats(stack_of(planes), GE)


def test_the_instance_number_of_philips_is_never_believed() -> None:
    planes = [plane(z, order=float(n)) for n, z in enumerate([*SLICES_MM, *SLICES_MM])]
    with pytest.raises(NoPhaseOrder, match="nothing in them says which came first"):
        order_repeats(stack_of(planes), PHILIPS)


def test_a_label_that_every_clock_contradicts_is_refused() -> None:
    first = {"temporal_position": 1, "acquisition_s": 50.0, "content_s": 50.0}
    second = {"temporal_position": 2, "acquisition_s": 10.0, "content_s": 10.0}
    with pytest.raises(NoPhaseOrder, match="temporal position orders the images against the acquisition time and"):
        order_of(GE, first, second)


def test_one_clock_that_agrees_is_enough_for_a_label() -> None:
    """Philips clocks jump back in mid-series while the trigger time stays right."""
    first = {"temporal_position": 1, "acquisition_s": 50.0, "trigger_s": 1.0}
    second = {"temporal_position": 2, "acquisition_s": 10.0, "trigger_s": 2.0}
    assert order_of(PHILIPS, first, second) == ("temporal position", [0, 1])


def test_a_label_on_part_of_the_slices_misleads_nobody() -> None:
    planes = [
        plane(z, acquisition_s=time, temporal_position=9.0 - time if z else None)
        for time in (1.0, 2.0)
        for z in SLICES_MM
    ]
    repeats = order_repeats(stack_of(planes), UIH)
    assert repeats.clue is Clue.ACQUISITION_TIME
    assert repeats.times_s == (1.0, 2.0)


def test_times_of_slices_may_differ_inside_a_volume_but_labels_may_not() -> None:
    planes = [plane(z, acquisition_s=10 * repeat + z) for repeat in (0, 1) for z in SLICES_MM]
    assert order_repeats(stack_of(planes), UIH).clue is Clue.ACQUISITION_TIME
    numbered = [plane(z, temporal_position=10 * repeat + z) for repeat in (0, 1) for z in SLICES_MM]
    with pytest.raises(NoPhaseOrder):
        order_repeats(stack_of(numbered), UIH)


def test_times_run_on_past_midnight() -> None:
    evening, night = {"acquisition_s": 86390.0}, {"acquisition_s": 50.0}
    assert order_of(UIH, night, evening) == ("acquisition time", [1, 0])
    assert unwrapped((86390.0, 50.0)) == (86390.0, 86450.0)
    assert unwrapped((36000.0, 36100.0)) == (36000.0, 36100.0)


def test_a_second_uid_of_the_same_image_is_left_out_with_a_note() -> None:
    planes = [plane(z, order=float(n), acquisition_s=float(n)) for n, z in enumerate([*SLICES_MM, *SLICES_MM])]
    again = plane(0.0, order=0.0, acquisition_s=0.0)
    repeats = order_repeats(stack_of([*planes, again]), UIH)
    assert len(repeats.volumes) == 2
    assert repeats.notes == ("1 images repeat another one and were left out",)


def test_without_an_instance_number_nothing_proves_a_copy() -> None:
    with pytest.raises(NoPhaseOrder, match="nothing in them says which came first"):
        order_repeats(stack_of([*volume(acquisition_s=1.0), *volume(acquisition_s=1.0)]), UIH)


def test_a_dynamic_that_was_cut_off_keeps_its_complete_volumes() -> None:
    planes = [plane(z, temporal_position=float(n), acquisition_s=10.0 * n) for n in (1, 2) for z in SLICES_MM]
    planes.append(plane(SLICES_MM[0], temporal_position=3.0, acquisition_s=30.0))
    repeats = order_repeats(stack_of(planes), GE)
    assert len(repeats.volumes) == 2
    assert repeats.notes == ("1 incomplete volumes after the last complete one were left out",)


def test_a_hole_in_the_middle_is_no_cut_off_end() -> None:
    planes = [plane(z, temporal_position=float(n)) for n in (1, 3) for z in SLICES_MM]
    planes.append(plane(SLICES_MM[0], temporal_position=2.0))
    with pytest.raises(NoPhaseOrder, match="between 2 and 3 images"):
        order_repeats(stack_of(planes), GE)


def test_ge_phases_have_no_times_where_only_the_time_of_writing_is_known() -> None:
    volumes = [tuple(volume(content_s=10.0)), tuple(volume(content_s=20.0))]
    assert times_of(volumes, GE) == ()
    assert times_of(volumes, SIEMENS) == (10.0, 20.0)


def test_a_volume_starts_with_its_earliest_image_and_not_at_all_when_one_is_silent() -> None:
    assert start_of(tuple(plane(z, acquisition_s=100 - z) for z in SLICES_MM), Clue.ACQUISITION_TIME) == 96.0
    assert start_of((plane(0.0, acquisition_s=1.0), plane(2.0)), Clue.ACQUISITION_TIME) is None
    across_midnight = (plane(0.0, acquisition_s=86399.0), plane(2.0, acquisition_s=1.0))
    assert start_of(across_midnight, Clue.ACQUISITION_TIME) == 86399.0


# --- images that hold a whole volume (UIH VFRAME): any order of their numbers looks regular


def whole_volumes(*numbers: float, **times: Sequence[float]) -> Repeats:
    planes = []
    for index, number in enumerate(numbers):
        clocks = {name: values[index] for name, values in times.items()}
        planes += volume(order=number, **clocks)
    return order_repeats(stack_of(planes), UIH)


def test_numbers_of_whole_volumes_need_a_clock_that_does_not_contradict() -> None:
    with pytest.raises(NoPhaseOrder, match="2 images hold a whole volume each"):
        require_more_than_numbers(whole_volumes(1, 2))
    require_more_than_numbers(whole_volumes(1, 2, 3, content_s=(5.0, 5.0, 9.0)))


def test_a_coarse_clock_that_runs_backwards_through_numbers_is_a_contradiction() -> None:
    with pytest.raises(NoPhaseOrder, match="instance number orders the images against the content time"):
        whole_volumes(1, 2, 3, content_s=(9.0, 9.0, 5.0))


# --- diffusion


def diffusion(*b_values: float | None, **facts: object) -> Stack:
    return stack_of([plane(z, b_value=b, **facts) for b in b_values for z in SLICES_MM])


def test_diffusion_without_any_clock_is_divided_by_b_value() -> None:
    repeats = order_diffusion(diffusion(800.0, None, 50.0), GE)
    assert repeats.clue is Clue.DIFFUSION
    assert [{each.diffusion.b_value for each in there} for there in repeats.volumes] == [{None}, {50.0}, {800.0}]


def test_diffusion_keeps_the_order_of_acquisition_where_it_separates_b_values() -> None:
    planes = [plane(z, b_value=b, acquisition_s=time) for b, time in ((800.0, 1.0), (0.0, 2.0)) for z in SLICES_MM]
    repeats = order_diffusion(stack_of(planes), UIH)
    assert repeats.clue is Clue.ACQUISITION_TIME
    assert [there[0].diffusion.b_value for there in repeats.volumes] == [800.0, 0.0]


def test_the_trace_stands_behind_the_directions_of_its_b_value() -> None:
    trace, directional = plane(0.0, b_value=800.0).diffusion, plane(0.0, b_value=800.0).diffusion
    trace = type(trace)(800.0, Direction.ISOTROPIC)
    planes = [plane(z, diffusion=each) for each in (trace, directional) for z in SLICES_MM]
    repeats = order_diffusion(stack_of(planes), PHILIPS)
    assert [there[0].diffusion.direction for there in repeats.volumes] == [Direction.UNKNOWN, Direction.ISOTROPIC]


def test_slices_that_differ_in_their_b_values_are_refused() -> None:
    planes = [plane(z, b_value=b) for b in (0.0, 800.0) for z in SLICES_MM]
    with pytest.raises(NoPhaseOrder, match="how many images they have of each b-value"):
        order_diffusion(stack_of([*planes[:-1], plane(SLICES_MM[-1], b_value=400.0)]), GE)
