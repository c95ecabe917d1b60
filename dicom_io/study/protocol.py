"""What a breast MRI protocol needs, and what a study holds of it: also of a study that cannot be analysed.

The reader refuses a study in one sentence; whoever sent it needs to know which series lacks how many slices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from dicom_io.headers.records import Plane, SeriesHeader
from dicom_io.study.choices import ChosenVolume, dwi_volumes, t2_volumes, why_unused
from dicom_io.study.dynamic import ChosenDynamic, choose_dynamic
from dicom_io.study.measurements import same_timing
from dicom_io.study.roles import T1_ROLES, RoleAssignment, SeriesRole
from mome_core.case import Role
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.protocol import FoundVolume, PartState, ProtocolItem, ProtocolPart

_SAME_DEPTH_MM = 0.1  # positions of the repeats of one slice differ by rounding only
_FAT_SUPPRESSION = {True: 2, None: 1, False: 0}


def check_protocol(assignment: RoleAssignment) -> tuple[ProtocolItem, ...]:
    """Pre-contrast, post-contrast, T2 and DWI of one study, each with what is there."""
    try:
        dynamic = _of_dynamic(assignment, choose_dynamic(assignment.roles))
    except StudyIneligible as error:
        dynamic = _without_dynamic(assignment, error.code)
    t2 = _of_modality(ProtocolPart.T2, t2_volumes(assignment), assignment.of(Role.T2, Role.T2_IR))
    dwi = _of_modality(ProtocolPart.DWI, dwi_volumes(assignment), assignment.of(Role.DWI))
    return (*dynamic, t2, dwi)


def _of_modality(part: ProtocolPart, chosen: Sequence[ChosenVolume], items: Sequence[SeriesRole]) -> ProtocolItem:
    """T2 or DWI: its volumes, or what is wrong with its series."""
    if chosen:
        found = ((each.item.series.number, len(each.stack.locations)) for each in chosen)
        return ProtocolItem(part, PartState.COMPLETE, tuple(FoundVolume(number, n, n) for number, n in found))
    state = PartState.INCOMPLETE if items else PartState.MISSING
    return ProtocolItem(part, state, why="; ".join(why_unused(items)))


# --- the dynamic


def _of_dynamic(assignment: RoleAssignment, chosen: ChosenDynamic) -> tuple[ProtocolItem, ProtocolItem]:
    """Both parts of a dynamic that can be read, with the volumes of its measurement that lack slices."""
    expected = len(chosen.stack.locations)
    used = [
        FoundVolume(source.series.number, len(phase), expected)
        for source, phase in zip(chosen.sources, chosen.phases, strict=True)
    ]
    alike = [each for each in _t1_series(assignment.roles) if _alike(each, chosen.sources[0].series)]
    cut = [each for each in _volumes_of(alike) if not each.is_complete]
    return _both(PartState.COMPLETE, tuple(used[:1]), PartState.COMPLETE, (*used[1:], *cut))


def _without_dynamic(assignment: RoleAssignment, code: Ineligibility) -> tuple[ProtocolItem, ProtocolItem]:
    """Both parts of a study without a dynamic that can be read: the T1 volumes that come closest to one."""
    volumes = _nearest_to_a_dynamic(assignment.roles)
    if not volumes:
        return _both(PartState.MISSING, (), PartState.MISSING, ())
    if code is Ineligibility.PRE_CONTRAST_MISSING:
        return _both(PartState.MISSING, (), _state_of(volumes), volumes)
    if len(volumes) == 1:
        return _both(PartState.UNKNOWN, volumes, PartState.MISSING, ())
    first, later = volumes[:1], volumes[1:]
    order_is_known = code in (Ineligibility.NO_DYNAMIC, Ineligibility.POST_CONTRAST_MISSING)
    before = _state_of(first) if order_is_known else PartState.UNKNOWN
    return _both(before, first, _state_of(later), later)


def _both(
    before: PartState, first: tuple[FoundVolume, ...], after: PartState, later: tuple[FoundVolume, ...]
) -> tuple[ProtocolItem, ProtocolItem]:
    return (
        ProtocolItem(ProtocolPart.PRE_CONTRAST, before, first),
        ProtocolItem(ProtocolPart.POST_CONTRAST, after, later),
    )


def _state_of(volumes: Iterable[FoundVolume]) -> PartState:
    return PartState.COMPLETE if all(each.is_complete for each in volumes) else PartState.INCOMPLETE


def _nearest_to_a_dynamic(items: Iterable[SeriesRole]) -> tuple[FoundVolume, ...]:
    """The volumes of the T1 series with one timing that were repeated, or are fat suppressed."""
    groups: list[list[SeriesHeader]] = []
    for series in _t1_series(items):
        home = next((group for group in groups if _alike(group[0], series)), None)
        if home is None:
            groups.append([series])
        else:
            home.append(series)
    return max((_volumes_of(group) for group in sorted(groups, key=_suppression)), key=_repeated, default=())


def _t1_series(items: Iterable[SeriesRole]) -> list[SeriesHeader]:
    """The T1 series that hold images, by their number."""
    found = [item.series for item in items if item.role in T1_ROLES and item.series.planes]
    return sorted(found, key=lambda series: (series.number or 0, series.series_uid))


def _alike(a: SeriesHeader, b: SeriesHeader) -> bool:
    """Whether two series may repeat one measurement, as far as one slice tells."""
    sizes = {(plane.rows, plane.columns) for plane in (a.planes[0], b.planes[0])}
    return len(sizes) == 1 and same_timing(a.acquisition, b.acquisition)


def _suppression(group: Sequence[SeriesHeader]) -> int:
    return -_FAT_SUPPRESSION[group[0].acquisition.fat_suppressed]


def _repeated(volumes: Sequence[FoundVolume]) -> int:
    return min(len(volumes), 3)


def _volumes_of(series: Iterable[SeriesHeader]) -> tuple[FoundVolume, ...]:
    """The volumes of some series, in their order, with the number of slices that each has."""
    repeats = [(each.number, _repeats_by_depth(each.planes)) for each in series]
    expected = max((len(depths) for _, depths in repeats), default=0)
    return tuple(
        FoundVolume(number, sum(count > index for count in depths.values()), expected)
        for number, depths in repeats
        for index in range(max(depths.values(), default=0))
    )


def _repeats_by_depth(planes: Iterable[Plane]) -> Counter[int]:
    """How many images lie at each depth along the normal; copies of one image count once."""
    distinct = set()
    for plane in planes:
        if len(plane.position_mm) == 3 and len(plane.orientation) == 6:
            normal = np.cross(plane.orientation[:3], plane.orientation[3:])
            distinct.add((round(float(normal @ plane.position_mm) / _SAME_DEPTH_MM), plane.clocks))
    return Counter(depth for depth, _ in distinct)
