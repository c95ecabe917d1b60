"""Which T2 and which DWI the network is given, and why not another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicom_io.study.choices import ChosenVolume, dwi_choices, highest_b_volume, parallel, t2_choices, why_unused
from dicom_io.study.geometry import Stack, stacks_of
from dicom_io.study.roles import RoleAssignment, SeriesRole
from dicom_io.vendors.base import Diffusion, Direction
from mome_core.case import Role
from planes import SLICES_MM, plane, series_role, volume

SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
(DCE,) = stacks_of(volume())


def t2(description: str = "t2", **facts: Any) -> SeriesRole:
    role = facts.pop("role", Role.T2)
    return series_role(volume(**{"fat_suppressed": None, **facts}), description, role=role)


def dwi(*b_values: float | None, **facts: Any) -> SeriesRole:
    return series_role([plane(z, b_value=b, **facts) for b in b_values for z in SLICES_MM], role=Role.DWI)


def best_t2(*items: SeriesRole) -> SeriesRole:
    return t2_choices(RoleAssignment(items), DCE)[0].item


def best_dwi(*items: SeriesRole) -> ChosenVolume:
    return dwi_choices(RoleAssignment(items), DCE)[0]


def only_stack(item: SeriesRole) -> Stack:
    (stack,) = item.stacks
    return stack


# --- T2


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (t2(fat_suppressed=False), t2(fat_suppressed=None)),
        (t2(fat_suppressed=None), t2(fat_suppressed=True)),
        (t2("t2"), t2("t2 fs")),  # the name tells where the tags do not
        (t2("t2 fs", fat_suppressed=False), t2("t2", fat_suppressed=True)),
        (t2(), t2(role=Role.T2_IR, fat_suppressed=False)),  # an inversion suppresses fat
        (t2(words=frozenset({"DERIVED"})), t2()),
        (t2(), series_role([plane(z, fat_suppressed=None) for z in (0.0, 1.0, 2.0, 3.0)], "t2", role=Role.T2)),
    ],
)
def test_one_t2_is_better_than_another_in_any_order(worse: SeriesRole, better: SeriesRole) -> None:
    assert best_t2(worse, better) is better
    assert best_t2(better, worse) is better


def test_slices_parallel_to_the_dynamic_come_before_many_voxels() -> None:
    planes = [plane(position_mm=(float(x), 0.0, 0.0), orientation=SAGITTAL, fat_suppressed=None) for x in range(9)]
    sagittal = series_role(planes, "t2", role=Role.T2)
    axial = t2()
    assert best_t2(sagittal, axial) is axial
    assert not parallel(only_stack(sagittal), DCE)


def test_of_equal_t2_the_first_series_is_taken() -> None:
    first, second = (replace(t2(), series=replace(t2().series, number=number)) for number in (4, 9))
    assert best_t2(second, first) is first


def test_of_several_echoes_the_longest_weighs_t2_most() -> None:
    item = series_role([*volume(echo_ms=20.0), *volume(echo_ms=80.0)], "t2", role=Role.T2)
    (choice,) = t2_choices(RoleAssignment((item,)), DCE)
    assert choice.repeats[0][0].acquisition.echo_ms == 80.0


def test_a_t2_of_repeated_slices_or_several_slabs_is_none() -> None:
    repeated = series_role([*volume(), *volume()], "t2", role=Role.T2)
    slabs = series_role([plane(z) for z in (0, 2, 4, 50, 52, 54)], "t2", role=Role.T2)
    assert t2_choices(RoleAssignment((repeated, slabs)), DCE) == []
    assert why_unused([repeated, slabs]) == [
        "series 1 (T2) is not used: its slices are repeated",
        "series 1 (T2) is not used: it consists of 2 slabs",
    ]


# --- DWI


@pytest.mark.parametrize(
    ("b_values", "b_value", "warns"),
    [
        ((0.0, 50.0, 800.0), 800.0, False),
        ((50.0, 800.0, 1000.0, 1500.0), 1000.0, False),
        ((None, 600.0), 600.0, False),
        ((0.0, 1500.0, 2000.0), 1500.0, True),
        ((0.0, 400.0), 400.0, True),
    ],
)
def test_the_highest_usual_b_value_is_read_or_the_nearest_with_a_warning(
    b_values: tuple[float | None, ...], b_value: float, warns: bool
) -> None:
    item = dwi(*b_values)
    choice = highest_b_volume(item, only_stack(item))
    assert choice is not None
    assert (choice.b_value, bool(choice.warning)) == (b_value, warns)
    assert choice.b_values == tuple(sorted(b or 0.0 for b in b_values))


def test_a_series_without_a_weighted_image_is_no_dwi() -> None:
    item = dwi(0.0, 50.0)
    assert highest_b_volume(item, only_stack(item)) is None
    assert why_unused([item]) == ["series 1 (DWI) is not used: its images have no b-value"]


def test_directions_of_nearly_one_b_value_are_averaged_and_a_trace_is_taken_alone() -> None:
    def item(*diffusions: Diffusion) -> SeriesRole:
        return series_role([plane(z, diffusion=d) for d in diffusions for z in SLICES_MM], role=Role.DWI)

    directions = [Diffusion(b, Direction.DIRECTIONAL, g) for b, g in ((795.0, (1.0, 0, 0)), (805.0, (0, 1.0, 0)))]
    averaged = best_dwi(item(Diffusion(0.0), *directions))
    assert (averaged.b_value, len(averaged.repeats)) == (805.0, 2)
    trace = Diffusion(800.0, Direction.ISOTROPIC)
    taken = best_dwi(item(Diffusion(0.0), *directions, trace))
    assert [volume[0].diffusion for volume in taken.repeats] == [trace]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (dwi(0.0, 1500.0), dwi(0.0, 800.0)),
        (dwi(0.0, 800.0), dwi(0.0, 1000.0)),
        (dwi(0.0, 800.0), dwi(0.0, 800.0, words=frozenset({"TRACEW"}))),
    ],
)
def test_one_dwi_is_better_than_another_in_any_order(worse: SeriesRole, better: SeriesRole) -> None:
    assert best_dwi(worse, better).item is better
    assert best_dwi(better, worse).item is better


def test_a_dwi_whose_slices_differ_in_b_values_is_left_for_another() -> None:
    mixed = series_role([plane(0.0, b_value=0.0), plane(2.0, b_value=0.0), plane(4.0, b_value=800.0)], role=Role.DWI)
    assert dwi_choices(RoleAssignment((mixed,)), DCE) == []
    good = dwi(0.0, 800.0)
    assert best_dwi(mixed, good).item is good
