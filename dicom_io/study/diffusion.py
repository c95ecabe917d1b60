"""What an ADC (apparent diffusion coefficient) is measured on: the map of the scanner, else each b-value's volume."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from dicom_io.errors import NoPhaseOrder, PixelsUnreadable
from dicom_io.pixels.native import read_voxels
from dicom_io.study.choices import ChosenVolume, alike_volumes
from dicom_io.study.geometry import Stack
from dicom_io.study.phases import Slices, b_value_of, order_diffusion
from dicom_io.study.roles import RoleAssignment, SeriesRole
from mome_core.acquired import are_alike
from mome_core.case import Role
from mome_core.volume import Volume, Voxels

_EXPONENTIAL = re.compile(r"\beADC|\bexp", re.IGNORECASE)  # exp(-b ADC), which has no unit


@dataclass(frozen=True, slots=True, eq=False)
class _DiffusionVolumes:
    """The scanner's ADC map with its images, or the volumes of the b-values; nothing where neither can be read."""

    adc: Volume | None = None
    adc_slices: Slices = ()
    by_b_value: dict[float, Volume] = field(default_factory=dict)


def read_diffusion(assignment: RoleAssignment, chosen: ChosenVolume | None) -> _DiffusionVolumes:
    """The map of the study; without one every b-value of the DWI series that was chosen."""
    for item, stack in _maps(assignment.of(Role.ADC)):
        slices = tuple(there[0] for there in stack.locations)
        try:
            voxels = read_voxels([slices])[0]
        except PixelsUnreadable:
            continue
        return _DiffusionVolumes(Volume(voxels, stack.affine, item.series.frame_of_reference_uid), slices)
    return _DiffusionVolumes(by_b_value={} if chosen is None else _by_b_value(chosen))


def _maps(items: Sequence[SeriesRole]) -> Iterator[tuple[SeriesRole, Stack]]:
    """Series that hold one map each, with its grid; exponential ones are none."""
    for item in items:
        named = f"{item.series.description} {' '.join(item.series.words)}"
        single = next((stack for stack in item.stacks if stack.repeats == 1 and stack.slabs == 1), None)
        if single is not None and not _EXPONENTIAL.search(named):
            yield item, single


def _by_b_value(chosen: ChosenVolume) -> dict[float, Volume]:
    """One volume of each b-value, ascending; none where their images cannot be ordered or read."""
    try:
        volumes = order_diffusion(chosen.stack, chosen.item.series.vendor).volumes
        found: dict[float, Volume] = {}
        for b_value in sorted({b_value_of(volume[0]) for volume in volumes}):
            if not any(are_alike(b_value, known) for known in found):
                voxels = _mean(alike_volumes(volumes, b_value))
                found[b_value] = Volume(voxels, chosen.stack.affine, chosen.item.series.frame_of_reference_uid)
    except (NoPhaseOrder, PixelsUnreadable):
        return {}
    return found


def _mean(volumes: Sequence[Slices]) -> Voxels:
    """Geometric mean over directions, which is the trace-weighted signal; a single volume stays as it is stored."""
    voxels = read_voxels(volumes)
    if len(volumes) == 1:
        return np.asarray(voxels[0])
    logs = np.log(np.maximum(voxels, 1e-6).astype(np.float32))
    return np.asarray(np.exp(logs.mean(axis=0)))
