"""Which repeat of a slice came first: volumes in the order of time, or a reason why nothing tells.

A clue is right for a stack when it gives every slice the same repeats, each once. Vendors differ in which clue to try
first (`VendorProfile.phase_order`), and no clue is believed against every clock that can order the images as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dicom_io.errors import NoPhaseOrder
from dicom_io.headers.records import Plane
from dicom_io.study.geometry import Stack
from dicom_io.vendors.base import CLOCKS, LABELS, Clue, Direction, VendorProfile

_HALF_DAY_S = 43200.0
_DAY_S = 86400.0

Slices = tuple[Plane, ...]
_ValuedPlanes = list[tuple[float, Plane]]  # the images of one slice, each with what it says for a clue


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """The volumes of a stack in order.

    Parameters
    ----------
    volumes
        For each repeat one plane per slice, in the order of the stack.
    times_s
        Start of each repeat in seconds of the day (or of the trigger), ascending; empty when no clock tells.
    clue
        What ordered them; None for a single volume.
    notes
        What was left out on the way.
    """

    volumes: tuple[Slices, ...]
    times_s: tuple[float, ...] = ()
    clue: Clue | None = None
    notes: tuple[str, ...] = ()


def order_repeats(stack: Stack, vendor: VendorProfile) -> Repeats:
    """Divide a stack into its volumes in the order of time.

    Raises NoPhaseOrder when no clue gives every slice the same repeats, or every clock contradicts the clue.
    """
    locations, notes = _without_copies(stack.locations)
    if max(map(len, locations)) == 1:
        return Repeats((tuple(there[0] for there in locations),), notes=notes)
    orders = {clue: volumes for clue in Clue if (volumes := _ordered_by(locations, clue))}
    found = next((clue for clue in vendor.phase_order if clue in orders), None)
    if found is None:
        return _interrupted(locations, vendor, notes)
    agreeing = {clue: orders[clue] == orders[found] for clue in CLOCKS if clue in orders}
    if found is Clue.INSTANCE_NUMBER:  # numbers of a few whole volumes look regular in any order
        agreeing = {clue: ahead for clue in CLOCKS if (ahead := _runs_forward(orders[found], clue)) is not None}
    if agreeing and not any(agreeing.values()):
        named = " and ".join(agreeing)
        raise NoPhaseOrder(
            f"the {found} orders the images against the {named}: which of them is right cannot be determined"
        )
    return Repeats(orders[found], times_of(orders[found], vendor), found, notes)


def order_diffusion(stack: Stack, vendor: VendorProfile) -> Repeats:
    """Divide a diffusion stack into volumes of one b-value each, in the order of acquisition where it is known.

    Raises NoPhaseOrder when slices differ in how many images they have of a b-value.
    """
    try:
        repeats = order_repeats(stack, vendor)
        if all(len({b_value_of(plane) for plane in volume}) == 1 for volume in repeats.volumes):
            return repeats
    except NoPhaseOrder:
        pass
    locations, notes = _without_copies(stack.locations)
    ordered = [tuple(sorted(there, key=_diffusion_key)) for there in locations]
    labels = {tuple(b_value_of(plane) for plane in there) for there in ordered}
    if len(labels) > 1:
        raise NoPhaseOrder("its slices differ in how many images they have of each b-value")
    return Repeats(_transposed(ordered), clue=Clue.DIFFUSION, notes=notes)


def b_value_of(plane: Plane) -> float:
    """The b-value of an image of a diffusion series, where one without a b-value is a b0 (GE, Toshiba)."""
    return plane.diffusion.b_value or 0.0


def require_more_than_numbers(repeats: Repeats) -> None:
    """Raise NoPhaseOrder when only the instance numbers of whole volumes tell their order: any order looks regular."""
    if repeats.clue is not Clue.INSTANCE_NUMBER:
        return
    whole = all(len({plane.clocks.order for plane in volume}) == 1 for volume in repeats.volumes)
    if whole and not any(_runs_forward(repeats.volumes, clue) for clue in CLOCKS):
        count = len(repeats.volumes)
        raise NoPhaseOrder(f"{count} images hold a whole volume each, and only their instance numbers tell the order")


def times_of(volumes: Sequence[Slices], vendor: VendorProfile) -> tuple[float, ...]:
    """Start of each volume by the first clock of the vendor that ascends through them; empty when none does."""
    for clue in vendor.timing_clues:
        starts = [start_of(volume, clue) for volume in volumes]
        if None in starts:
            continue
        times = unwrapped([start for start in starts if start is not None])
        if all(a < b for a, b in pairwise(times)):
            return times
    return ()


def start_of(volume: Slices, clue: Clue) -> float | None:
    """The earliest value of a clue in one volume, None when an image lacks it."""
    values = [plane.clocks.value(clue) for plane in volume]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return min(unwrapped(known))


def unwrapped(times_s: Sequence[float]) -> tuple[float, ...]:
    """Times of day of one examination, counted on past midnight."""
    if times_s and max(times_s) - min(times_s) > _HALF_DAY_S:
        return tuple(time + _DAY_S if time < _HALF_DAY_S else time for time in times_s)
    return tuple(times_s)


# --- copies


def _without_copies(locations: Sequence[Slices]) -> tuple[tuple[Slices, ...], tuple[str, ...]]:
    """Drop images that agree with another one in place, clocks and diffusion: the same image under a second UID."""
    kept: list[Slices] = []
    dropped = 0
    for there in locations:
        ranked = sorted(there, key=_uid_key, reverse=True)
        # without an instance number nothing proves that two images are one
        unique = {(p.clocks, p.diffusion) if p.clocks.order is not None else _uid_key(p): p for p in ranked}
        dropped += len(there) - len(unique)
        kept.append(tuple(sorted(unique.values(), key=_uid_key)))
    return tuple(kept), (f"{dropped} images repeat another one and were left out",) if dropped else ()


def _uid_key(plane: Plane) -> tuple[str, int]:
    return plane.instance.sop_instance_uid, plane.frame or 0


def _diffusion_key(plane: Plane) -> tuple[float, bool, tuple[float, ...], float]:
    isotropic = plane.diffusion.direction is Direction.ISOTROPIC
    return b_value_of(plane), isotropic, plane.diffusion.gradient, plane.clocks.order or 0.0


# --- one clue


def _ordered_by(locations: Sequence[Slices], clue: Clue) -> tuple[Slices, ...]:
    """The volumes by one clue, empty when it does not explain the stack."""
    if len(set(map(len, locations))) != 1:
        return ()
    columns = []
    for there in locations:
        if not (column := _sorted_by(there, clue)):
            return ()
        columns.append(column)
    if not _explains(columns, clue):
        return ()
    if clue in CLOCKS:
        columns = [_across_midnight(column) for column in columns]
    return _transposed([tuple(plane for _, plane in column) for column in columns])


def _sorted_by(there: Slices, clue: Clue) -> _ValuedPlanes:
    """The images of one slice by what they say for a clue; empty unless each says something of its own."""
    valued = [(value, plane) for plane in there if (value := plane.clocks.value(clue)) is not None]
    if len({value for value, _ in valued}) != len(there):
        return []
    return sorted(valued, key=lambda item: item[0])


def _explains(columns: Sequence[_ValuedPlanes], clue: Clue) -> bool:
    """Whether the values of all slices fit together: labels are the same everywhere, instance numbers are regular."""
    if clue in LABELS:
        return len({tuple(value for value, _ in column) for column in columns}) == 1
    return clue is not Clue.INSTANCE_NUMBER or _is_regular([[value for value, _ in column] for column in columns])


def _across_midnight(column: _ValuedPlanes) -> _ValuedPlanes:
    """Sorted times of one slice: those of the small hours follow the evening's when the day changed in between."""
    values = [value for value, _ in column]
    if values[-1] - values[0] < _HALF_DAY_S:
        return column
    return sorted(column, key=lambda item: item[0] + (_DAY_S if item[0] < _HALF_DAY_S else 0.0))


def _runs_forward(volumes: Sequence[Slices], clue: Clue) -> bool | None:
    """Whether a clock that is too coarse to order volumes never runs backwards through them; None when it is silent."""
    starts = [start for volume in volumes if (start := start_of(volume, clue)) is not None]
    if len(starts) < len(volumes) or len(set(starts)) == 1:
        return None
    return all(a <= b for a, b in pairwise(unwrapped(starts)))


def _is_regular(columns: list[list[float]]) -> bool:
    """Whether instance numbers run as a scanner counts: volume after volume, or slice after slice.

    Shuffled numbers do neither, and then they say nothing about time.
    """
    repeats = list(zip(*columns, strict=True))
    by_volume = all(max(a) < min(b) for a, b in pairwise(repeats))
    if by_volume:
        ranks = {tuple(sorted(range(len(volume)), key=volume.__getitem__)) for volume in repeats}
        return len(ranks) == 1 or len(set(repeats[0])) == 1
    ordered = sorted(columns)
    by_slice = all(max(a) < min(b) for a, b in pairwise(ordered))
    return by_slice and columns in (ordered, ordered[::-1])


def _transposed(columns: Sequence[Slices]) -> tuple[Slices, ...]:
    return tuple(zip(*columns, strict=True))


# --- a dynamic that was cut off


def _interrupted(locations: Sequence[Slices], vendor: VendorProfile, notes: tuple[str, ...]) -> Repeats:
    """The complete volumes of a dynamic whose last one was cut off; only labels can tell.

    Raises NoPhaseOrder when no label does.
    """
    for label in LABELS:
        values = [{plane.clocks.value(label): plane for plane in there} for there in locations]
        if any(None in there for there in values) or list(map(len, values)) != list(map(len, locations)):
            continue
        every = {value for there in values for value in there if value is not None}
        complete = {value for value in every if all(value in there for there in values)}
        if complete and max(complete) < min(every - complete, default=float("inf")):
            volumes = tuple(tuple(there[value] for there in values) for value in sorted(complete))
            cut = f"{len(every) - len(complete)} incomplete volumes after the last complete one were left out"
            return Repeats(volumes, times_of(volumes, vendor), label, (*notes, cut))
    counts = sorted(set(map(len, locations)))
    if len(counts) > 1:
        raise NoPhaseOrder(
            f"slices have between {counts[0]} and {counts[-1]} images and nothing says which belong together"
        )
    raise NoPhaseOrder(f"each slice has {counts[0]} images and nothing in them says which came first")
