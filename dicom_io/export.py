"""Every series of a folder that forms a volume, described for people and scripts, and why the others form none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_io.errors import DicomError
from dicom_io.pixels.native import read_in_turn
from dicom_io.study.attempts import order_across_series
from dicom_io.study.case import Assembly
from dicom_io.study.dynamic import ChosenDynamic, choose_dynamic
from dicom_io.study.geometry import Stack
from dicom_io.study.measurements import Measurement, SeriesRepeats, same_measurement, same_protocol
from dicom_io.study.phases import Repeats, Slices, b_value_of, order_diffusion, order_repeats, times_of
from dicom_io.study.roles import RoleAssignment, SeriesRole
from dicom_io.vendors.base import Clue
from mome_core.case import Role
from mome_core.case_file import VolumeStream
from mome_core.errors import StudyIneligible

RESEARCH_USE = "research use only"


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """One series, or the series of one dynamic, as a volume of three or four axes; or why it forms none.

    Parameters
    ----------
    volumes
        The repeats in order, each one plane per slice; empty when refused.
    times_s
        Start of each repeat in seconds from the first post-contrast phase of a dynamic, else from the first.
    clue
        What ordered them.
    """

    items: tuple[SeriesRole, ...]
    role: Role
    why: str
    stack: Stack | None = None
    volumes: tuple[Slices, ...] = ()
    times_s: tuple[float, ...] = ()
    clue: Clue | None = None
    notes: tuple[str, ...] = ()
    refused: str = ""

    def read(self) -> VolumeStream | None:
        """The voxels in the scanner's own grid, rescaled, one volume after the other; None when refused.

        Raises PixelsUnreadable, also while the volumes are taken.
        """
        if self.stack is None:
            return None
        dtype, volumes = read_in_turn(self.volumes)
        columns, rows, slices = self.stack.shape
        shape = (columns, rows, slices, len(self.volumes))
        return VolumeStream(shape, dtype, self.stack.affine, self.times_s, volumes)

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON; texts are as the scanner wrote them."""
        first = self.items[0].series
        weighted = self.role is Role.DWI and not self.refused
        return {
            "series_uids": list(dict.fromkeys(item.series.series_uid for item in self.items)),
            "series_numbers": [item.series.number for item in dict.fromkeys(self.items)],
            "series_description": first.description,
            "vendor": str(first.vendor),
            "role": str(self.role),
            "why": self.why,
            "confidence": min(item.confidence for item in self.items),
            "image_type": list(first.image_type),
            "phases": self.phases(),
            "ordered_by": str(self.clue) if self.clue else None,
            "b_values": [b_value_of(volume[0]) for volume in self.volumes] if weighted else None,
            "shape": [*self.stack.shape, len(self.volumes)] if self.stack else None,
            "affine_lps_mm": self.stack.affine.tolist() if self.stack else None,
            "notes": list(self.notes),
            "refused": self.refused or None,
            "statement": RESEARCH_USE,
        }

    def phases(self) -> list[dict[str, Any]]:
        """The repeats in order with their times in seconds; empty for a single volume and for diffusion."""
        if len(self.volumes) < 2 or self.role is Role.DWI:
            return []
        times: Sequence[float | None] = self.times_s or [None] * len(self.volumes)
        return [{"index": index, "time_s": time} for index, time in enumerate(times)]


def export_series(assignment: RoleAssignment) -> Iterator[Exported]:
    """Every series that forms a volume, whatever its role; series of one dynamic together; then what forms none."""
    remaining = list(assignment.roles)
    for study in sorted({item.series.study_uid for item in assignment.roles}):
        try:
            dynamic = choose_dynamic([item for item in assignment.roles if item.series.study_uid == study])
        except StudyIneligible:
            continue
        yield _dynamic_volume(dynamic)
        remaining = [item for item in remaining if item not in dynamic.sources]
    for group in _time_point_groups(remaining):
        yield _time_points_volume(group)
        remaining = [item for item in remaining if all(one.item is not item for one in group.members)]
    for item in remaining:
        yield from _series_volumes(item)


def _time_point_groups(items: Sequence[SeriesRole]) -> list[Measurement]:
    """Series that are one acquisition exported as a series per time point, whatever was acquired."""
    groups: list[list[SeriesRepeats]] = []
    for item in items:
        if len(item.stacks) != 1 or item.stacks[0].repeats > 1 or item.role is Role.DWI:
            continue
        one = SeriesRepeats(item, item.stacks[0], order_repeats(item.stacks[0], item.series.vendor))
        home = next((group for group in groups if all(_is_one_acquisition(one, member) for member in group)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return [Measurement(tuple(group)) for group in groups if len(group) > 1 and _is_announced(group)]


def _is_one_acquisition(a: SeriesRepeats, b: SeriesRepeats) -> bool:
    """Whether two series share study, role, protocol and measurement."""
    series_a, series_b = a.item.series, b.item.series
    alike = (series_a.study_uid, series_a.protocol) == (series_b.study_uid, series_b.protocol)
    return alike and a.item.role is b.item.role and same_protocol(a, b) and same_measurement(a, b)


def _is_announced(group: Sequence[SeriesRepeats]) -> bool:
    """Whether the scanner counts as many time points as there are series, or gives them all one Series Time (XA)."""
    announced = {one.item.series.announced_phases for one in group}
    started = {one.item.series.series_time for one in group}
    return announced == {len(group)} or (len(started) == 1 and "" not in started)


def _time_points_volume(group: Measurement) -> Exported:
    """One acquisition whose time points are series of their own."""
    items = tuple(one.item for one in group.members)
    why = f"{len(items)} series are the time points of one acquisition; {items[0].why}"
    try:
        clue, phases = order_across_series(group)
    except DicomError as error:
        return Exported(items, items[0].role, why, refused=str(error))
    volumes = tuple(phase.slices for phase in phases)
    in_order = tuple(phase.series.item for phase in phases)
    times = _seconds_from_first(times_of(volumes, items[0].series.vendor))
    return Exported(in_order, items[0].role, why, group.members[0].stack, volumes, times, clue)


def _series_volumes(item: SeriesRole) -> Iterator[Exported]:
    """Each grid of one series as a volume, or why there is none."""
    if not item.stacks:
        yield Exported((item,), item.role, item.why, refused=item.refused or "it holds no image")
    for stack in item.stacks:
        try:
            repeats = _ordered_repeats(item, stack)
        except DicomError as error:
            yield Exported((item,), item.role, item.why, refused=str(error))
            continue
        times = _seconds_from_first(repeats.times_s) if len(repeats.volumes) > 1 else ()
        yield Exported((item,), item.role, item.why, stack, repeats.volumes, times, repeats.clue, repeats.notes)


def _ordered_repeats(item: SeriesRole, stack: Stack) -> Repeats:
    """The repeats of one grid in the order of time, diffusion with one b-value each."""
    by_b = item.role is Role.DWI
    return order_diffusion(stack, item.series.vendor) if by_b else order_repeats(stack, item.series.vendor)


def _seconds_from_first(times_s: Sequence[float]) -> tuple[float, ...]:
    """Times in seconds after the first."""
    return tuple(round(time - times_s[0], 3) for time in times_s)


def _dynamic_volume(dynamic: ChosenDynamic) -> Exported:
    """The study's dynamic as one volume of four axes."""
    items = tuple(dict.fromkeys(dynamic.sources))
    times = tuple(round(time - dynamic.times_s[1], 3) for time in dynamic.times_s)
    role = Role.DCE_MULTI
    why = items[0].why if len(items) == 1 else f"{len(items)} series are the phases of one dynamic; {items[0].why}"
    return Exported(items, role, why, dynamic.stack, dynamic.phases, times, dynamic.clue, dynamic.notes)


def describe_assembly(assembly: Assembly) -> dict[str, Any]:
    """What was used for the case, in which order, and what was left out and why; plain values for case.json."""
    return {
        "statement": RESEARCH_USE,
        "roles": [describe_role(item) for item in assembly.roles.roles],
        "used": {str(modality): list(uids) for modality, uids in assembly.used},
        "phases": [
            {
                "index": index,
                "time_s": assembly.dce_times_s[index] if assembly.dce_times_s else None,
                "moment": "pre" if index == 0 else "post",
                "instances": len({str(image.header.SOPInstanceUID) for image in phase}),
            }
            for index, phase in enumerate(assembly.dce)
        ],
        "phases_ordered_by": assembly.dce_order,
        "pre_contrast_because": assembly.dce_pre.words if assembly.dce_pre else "",
        "b_values": list(assembly.b_values),
        "dwi_b_value": assembly.case.dwi_b_value,
        "left_out": [{"name": item.name, "why": item.why} for item in assembly.left_out],
        "warnings": list(assembly.warnings),
    }


def describe_role(item: SeriesRole) -> dict[str, Any]:
    """The role of one series, as plain values."""
    return {
        "series_uid": item.series.series_uid,
        "series_number": item.series.number,
        "series_description": item.series.description,
        "role": str(item.role),
        "confidence": item.confidence,
        "why": item.why,
        "refused": item.refused or None,
        "images": len(item.series.instances),
    }
