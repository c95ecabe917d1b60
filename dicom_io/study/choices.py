"""Which T2 and which DWI of a study the network is given: candidates before their pixels are read, best first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dicom_io.errors import NoPhaseOrder
from dicom_io.study.geometry import Stack
from dicom_io.study.phases import Slices, b_value_of, order_diffusion
from dicom_io.study.roles import RoleAssignment, SeriesRole
from dicom_io.vendors.base import Direction
from mome_core.acquired import are_alike, wanted_b_value
from mome_core.case import Role

_PARALLEL_COSINE = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class ChosenVolume:
    """One T2 or DWI volume before its pixels are read.

    Parameters
    ----------
    repeats
        Volumes of one contrast, which are averaged.
    b_value
        s/mm2; None for a T2.
    b_values
        All b-values of the series, ascending, s/mm2.
    warning
        Why the volume is not what the network was trained on; empty when it is.
    """

    item: SeriesRole
    stack: Stack
    repeats: tuple[Slices, ...]
    b_value: float | None = None
    b_values: tuple[float, ...] = ()
    warning: str = ""


class _T2Preference(NamedTuple):
    """What makes one T2 better than another, the most important first; the paper's T2 is fat suppressed."""

    fat_suppression: int
    is_parallel: bool
    is_original: bool
    voxels: int
    before_series: int


class _DwiPreference(NamedTuple):
    """What makes one DWI better than another, the most important first."""

    has_usual_b_value: bool
    b_value: float
    is_trace: bool
    is_parallel: bool
    voxels: int
    before_series: int


def t2_choices(assignment: RoleAssignment, dce: Stack | None) -> list[ChosenVolume]:
    """T2 volumes, best first: fat suppressed or TIRM, oriented as the dynamic (if there is one), many voxels."""
    return sorted(t2_volumes(assignment), key=lambda choice: _t2_preference(choice, dce), reverse=True)


def t2_volumes(assignment: RoleAssignment) -> list[ChosenVolume]:
    """Every T2 series that holds one volume, with it."""
    choices = []
    for item in assignment.of(Role.T2, Role.T2_IR):
        single = [stack for stack in item.stacks if stack.repeats == 1 and stack.slabs == 1]
        if single:  # of several echoes the longest weighs T2 most
            stack = max(single, key=lambda stack: stack.locations[0][0].acquisition.echo_ms or 0.0)
            choices.append(ChosenVolume(item, stack, (tuple(there[0] for there in stack.locations),)))
    return choices


def _t2_preference(choice: ChosenVolume, dce: Stack | None) -> _T2Preference:
    """What speaks for a T2 beside a dynamic on this grid, or without one."""
    suppressed = choice.item.series.acquisition.fat_suppressed
    if choice.item.role is Role.T2_IR:
        suppressed = True
    elif suppressed is None:
        suppressed = choice.item.name.fat_suppressed
    return _T2Preference(
        fat_suppression={True: 2, None: 1, False: 0}[suppressed],
        is_parallel=dce is None or parallel(choice.stack, dce),
        is_original=choice.item.is_original,
        voxels=_voxels(choice.stack),
        before_series=-(choice.item.series.number or 0),
    )


def dwi_choices(assignment: RoleAssignment, dce: Stack | None) -> list[ChosenVolume]:
    """DWI volumes, best first: the highest usual b-value, trace before the mean over directions."""
    return sorted(dwi_volumes(assignment), key=lambda choice: _dwi_preference(choice, dce), reverse=True)


def dwi_volumes(assignment: RoleAssignment) -> list[ChosenVolume]:
    """The volume to take of each grid of each DWI series that has one."""
    return [choice for item in assignment.of(Role.DWI) for choice in _weighted_volumes(item)]


def _dwi_preference(choice: ChosenVolume, dce: Stack | None) -> _DwiPreference:
    """What speaks for a DWI beside a dynamic on this grid, or without one."""
    return _DwiPreference(
        has_usual_b_value=not choice.warning,
        b_value=choice.b_value or 0.0,
        is_trace=_is_trace(choice.repeats[0]),
        is_parallel=dce is None or parallel(choice.stack, dce),
        voxels=_voxels(choice.stack),
        before_series=-(choice.item.series.number or 0),
    )


def _weighted_volumes(item: SeriesRole) -> Iterator[ChosenVolume]:
    """The volume to take of each grid of a series that forms one slab and has an order."""
    for stack in item.stacks:
        if stack.slabs > 1:
            continue
        try:
            choice = highest_b_volume(item, stack)
        except NoPhaseOrder:
            continue
        if choice is not None:
            yield choice


def highest_b_volume(item: SeriesRole, stack: Stack) -> ChosenVolume | None:
    """The volume of the highest usual b-value of one stack, None when it has no weighted image.

    Raises NoPhaseOrder when slices differ in their b-values.
    """
    repeats = order_diffusion(stack, item.series.vendor)
    by_volume = [b_value_of(volume[0]) for volume in repeats.volumes]
    wanted = wanted_b_value(by_volume)
    if wanted is None:
        return None
    volumes = alike_volumes(repeats.volumes, wanted.b_value)
    b_values = tuple(sorted(set(by_volume)))
    return ChosenVolume(item, stack, volumes, float(wanted.b_value), b_values, wanted.warning)


def alike_volumes(volumes: Sequence[Slices], b_value: float) -> tuple[Slices, ...]:
    """The volumes of about this b-value, of which a mean is taken: the traces, else those of every direction."""
    alike = [each for each in volumes if are_alike(b_value_of(each[0]), b_value)]
    return tuple([each for each in alike if _is_trace(each)] or alike)


def _is_trace(volume: Slices) -> bool:
    """Whether a volume is already the mean over directions."""
    plane = volume[0]
    return plane.diffusion.direction is Direction.ISOTROPIC or bool(plane.words & {"TRACEW", "TRACE"})


def parallel(a: Stack, b: Stack) -> bool:
    """Whether the slices of two stacks lie in nearly the same plane."""
    normal_a, normal_b = (np.cross(stack.affine[:3, 0], stack.affine[:3, 1]) for stack in (a, b))
    return bool(abs(normal_a @ normal_b) > _PARALLEL_COSINE * np.linalg.norm(normal_a) * np.linalg.norm(normal_b))


def why_unused(items: Sequence[SeriesRole]) -> list[str]:
    """For series of a modality that the case lacks all the same, what is wrong with each."""
    return [f"series {item.series.number} ({item.role}) is not used: {_fault(item)}" for item in items]


def _fault(item: SeriesRole) -> str:
    slabs = max((stack.slabs for stack in item.stacks), default=1)
    if item.refused:
        return item.refused
    if slabs > 1:
        return f"it consists of {slabs} slabs"
    return "its images have no b-value" if item.role is Role.DWI else "its slices are repeated"


def _voxels(stack: Stack) -> int:
    columns, rows, slices = stack.shape
    return columns * rows * slices
