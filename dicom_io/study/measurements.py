"""Which series of a study repeat one measurement: same grid, same echo, same flip angle, as one protocol.

Order and time come later (`dicom_io.study.attempts`): here series are only told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dicom_io.errors import NoPhaseOrder
from dicom_io.headers.records import Acquisition
from dicom_io.study.geometry import Stack, same_grid
from dicom_io.study.phases import Repeats, order_repeats, require_more_than_numbers, start_of, unwrapped
from dicom_io.study.roles import SeriesRole
from dicom_io.vendors.base import LABELS, Clue
from mome_core.errors import Ineligibility

ULTRAFAST_PHASES = 14
_SAME_TIMING = 0.03  # repetition and echo times that differ by less are one


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRepeats:
    """The repeats of a measurement that one series holds on one grid, in the order of time."""

    item: SeriesRole
    stack: Stack
    repeats: Repeats

    @property
    def count(self) -> int:
        """How many volumes it holds."""
        return len(self.repeats.volumes)

    @property
    def acquisition(self) -> Acquisition:
        """How its images were made."""
        return self.stack.locations[0][0].acquisition


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """All series of a study that repeat one measurement; one that was repeated over time is a dynamic."""

    members: tuple[SeriesRepeats, ...]

    @property
    def phases(self) -> int:
        """How many volumes the series hold together."""
        return sum(member.count for member in self.members)

    @property
    def is_original(self) -> bool:
        """Whether the scanner calls all its series original."""
        return all(member.item.is_original for member in self.members)

    @property
    def preference(self) -> _Preference:
        """What speaks for it when a study has several dynamics."""
        first = self.members[0]
        columns, rows, slices = first.stack.shape
        return _Preference(
            is_dynamic=self.phases >= 3,
            fat_suppression={True: 2, None: 1, False: 0}[first.acquisition.fat_suppressed],
            is_of_usual_length=self.phases < ULTRAFAST_PHASES,
            voxels=columns * rows * slices,
            phases=self.phases,
        )


class _Preference(NamedTuple):
    """Which of several dynamics is read, the most important first: the larger one.

    Parameters
    ----------
    is_dynamic
        More than a pair of volumes.
    fat_suppression
        2 with, 1 unknown, 0 without.
    is_of_usual_length
        No ultrafast one.
    """

    is_dynamic: bool
    fat_suppression: int
    is_of_usual_length: bool
    voxels: int
    phases: int


class SeriesDefect(NamedTuple):
    """Why a series or one grid of it cannot be used, and what is wrong with the study when nothing else can either."""

    words: str
    code: Ineligibility


def repeats_of(items: Iterable[SeriesRole]) -> tuple[list[SeriesRepeats], list[SeriesDefect]]:
    """Every grid of every series with its repeats in order, and what is wrong with the others."""
    found, problems = [], []
    for item in items:
        if item.refused:
            problems.append(SeriesDefect(item.refused, Ineligibility.NO_DYNAMIC))
        if any(stack.slabs > 1 for stack in item.stacks):
            problems.append(SeriesDefect("a series consists of several slabs", Ineligibility.NO_DYNAMIC))
            continue
        for stack in item.stacks:
            try:
                repeats = order_repeats(stack, item.series.vendor)
                require_more_than_numbers(repeats)
                found.append(SeriesRepeats(item, stack, repeats))
            except NoPhaseOrder as error:
                problems.append(SeriesDefect(str(error), Ineligibility.PHASE_ORDER_UNKNOWN))
    return found, problems


def measurements_of(series: Sequence[SeriesRepeats]) -> list[Measurement]:
    """The series by measurement, as one protocol: same image type, same announced number of phases.

    Where that leaves single volumes only, the same grid and timing are enough: sites that name each phase export them
    with different protocols.
    """
    found: list[Measurement] = []
    for cluster in _clusters(series, same_measurement):
        strict = _clusters(cluster, lambda a, b: same_protocol(a, b) and not overlap(a, b))
        protocols = [Measurement(tuple(members)) for members in strict]
        several = any(protocol.phases > 1 for protocol in protocols)
        found += protocols if several else [Measurement(tuple(cluster))]
    return found


def without_enhanced_copies(series: Sequence[SeriesRepeats]) -> list[SeriesRepeats]:
    """The series without Enhanced copies of classic ones, which share their UID (Canon)."""
    classic = {each.item.series.series_uid for each in series if not each.item.series.is_enhanced}
    return [s for s in series if not s.item.series.is_enhanced or s.item.series.series_uid not in classic]


def _clusters(
    series: Sequence[SeriesRepeats], alike: Callable[[SeriesRepeats, SeriesRepeats], bool]
) -> list[list[SeriesRepeats]]:
    clusters: list[list[SeriesRepeats]] = []
    for each in series:
        home = next((cluster for cluster in clusters if all(alike(each, member) for member in cluster)), None)
        if home is None:
            clusters.append([each])
        else:
            home.append(each)
    return clusters


# --- two series


def same_measurement(a: SeriesRepeats, b: SeriesRepeats) -> bool:
    """Same grid in the same frame of reference and same timing; what a series does not say may be anything."""
    frames = {a.item.series.frame_of_reference_uid, b.item.series.frame_of_reference_uid} - {""}
    return len(frames) < 2 and same_grid(a.stack, b.stack) and same_timing(a.acquisition, b.acquisition)


def same_timing(a: Acquisition, b: Acquisition) -> bool:
    """Repetition and echo time within 3 %, same flip angle, dimensions and fat suppression."""
    measured = (
        (a.repetition_ms, b.repetition_ms),
        (a.echo_ms, b.echo_ms),
        (a.flip_degrees, b.flip_degrees),
    )
    chosen = ((a.dimensions or None, b.dimensions or None), (a.fat_suppressed, b.fat_suppressed))
    return all(_close(x, y) for x, y in measured) and all(x is None or y is None or x == y for x, y in chosen)


def _close(x: float | None, y: float | None) -> bool:
    return x is None or y is None or abs(x - y) <= _SAME_TIMING * max(abs(x), abs(y))


def same_protocol(a: SeriesRepeats, b: SeriesRepeats) -> bool:
    """Same image type, and one kind of export: a series per phase, several series of phases, or one count split up.

    Single volumes that announce different numbers of phases are of different dynamics.
    """
    if a.item.series.image_type != b.item.series.image_type:
        return False
    if continues(a, b):
        return True
    announced = {a.item.series.announced_phases, b.item.series.announced_phases} - {None}
    return len(announced) < 2 if a.count == b.count == 1 else min(a.count, b.count) > 1


def continues(a: SeriesRepeats, b: SeriesRepeats) -> bool:
    """Whether one series goes on where the count of the other ends."""
    for label in LABELS:
        low, high = sorted((_labels(a, label), _labels(b, label)))
        if len(low) + len(high) == a.count + b.count and low[0] <= 1 and low[-1] + 1 == high[0]:
            return True
    return False


def _labels(series: SeriesRepeats, label: Clue) -> list[float]:
    """The distinct numbers of its volumes, ascending; an absent number is left out."""
    values = (start_of(volume, label) for volume in series.repeats.volumes)
    return sorted({value for value in values if value is not None})


def overlap(a: SeriesRepeats, b: SeriesRepeats) -> bool:
    """Whether two series of several phases ran at the same time: then they are two dynamics, or one and its copy."""
    if min(a.count, b.count) < 2:
        return False
    times = [*a.repeats.times_s, *b.repeats.times_s]
    if len(times) < a.count + b.count:
        return False
    times_a, times_b = unwrapped(times)[: a.count], unwrapped(times)[a.count :]
    return max(times_a[0], times_b[0]) <= min(times_a[-1], times_b[-1])
