"""The volumes of one measurement in the order of time, divided where a dynamic was begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from dicom_io.errors import NoPhaseOrder
from dicom_io.study.measurements import Measurement, SeriesRepeats
from dicom_io.study.phases import Slices, start_of, times_of, unwrapped
from dicom_io.study.roles import SeriesRole
from dicom_io.vendors.base import CLOCKS, LABELS, Clue

PAUSE = 1.25  # pre -> first post is the longest gap: the injection lies between (97 to 107 s in I-SPY 2)
RESTART_S = 240.0  # a longer silence, and far longer than between phases, is another attempt
_RESTART_FACTOR = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """One volume on its way into a dynamic, and the series that holds it."""

    series: SeriesRepeats
    slices: Slices

    def value(self, clue: Clue) -> float | None:
        """Its earliest time, or its number."""
        return start_of(self.slices, clue)


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Phases of one measurement that follow each other without a restart, in the order of time."""

    phases: tuple[Phase, ...]
    clue: Clue | None

    @property
    def sources(self) -> tuple[SeriesRole, ...]:
        """The series of each phase."""
        return tuple(phase.series.item for phase in self.phases)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Start of each phase in seconds, ascending; empty when no clock tells."""
        return _times(self.phases)

    @property
    def preference(self) -> _AttemptPreference:
        """What speaks for it when there are several."""
        return _AttemptPreference(len(self.phases), min(self.times_s, default=0.0))


class _AttemptPreference(NamedTuple):
    """Which of several attempts is read: the longest, of equals the last (the first was repeated for a reason)."""

    phases: int
    start_s: float


def attempts_of(measurement: Measurement) -> list[Attempt]:
    """The attempts at one dynamic, each in the order of time.

    Raises NoPhaseOrder when nothing tells the order, or two good clues contradict each other.
    """
    clue, phases = order_across_series(measurement)
    gaps_s = [b - a for a, b in pairwise(_times(phases))]
    starts = [0, *(i for i in range(1, len(phases)) if _restarts(phases, gaps_s, i)), len(phases)]
    return [Attempt(tuple(phases[a:b]), clue) for a, b in pairwise(starts)]


def order_across_series(measurement: Measurement) -> tuple[Clue | None, list[Phase]]:
    """All volumes of one measurement in the order of time, whichever series they are in, and what ordered them.

    Raises NoPhaseOrder when nothing tells the order, or two good clues contradict each other.
    """
    phases = [Phase(series, volume) for series in measurement.members for volume in series.repeats.volumes]
    if len(measurement.members) == 1:
        return measurement.members[0].repeats.clue, phases
    clues = (Clue.ACQUISITION_TIME, Clue.CONTENT_TIME, *LABELS)
    orders = {clue: order for clue in clues if (order := _ordered_by(clue, phases))}
    if not orders:
        return Clue.NAME, _by_numbers(phases)
    clue, order = next(iter(orders.items()))
    against = [str(label) for label in LABELS if orders.get(label, order) != order]
    against += [str(Clue.NAME)] if _names_contradict(order) else []
    if against:
        raise NoPhaseOrder(f"the {clue} orders the series against the {' and the '.join(against)}")
    return clue, order


def _times(phases: Sequence[Phase]) -> tuple[float, ...]:
    return times_of([phase.slices for phase in phases], phases[0].series.item.series.vendor)


def _ordered_by(clue: Clue, phases: Sequence[Phase]) -> list[Phase]:
    """The phases sorted by a clue; empty unless all have it, differ in it, and stay in order inside their series."""
    values = [value for phase in phases if (value := phase.value(clue)) is not None]
    if len(set(values)) < len(phases):
        return []
    ranked = unwrapped(values) if clue in CLOCKS else tuple(values)
    order = sorted(range(len(phases)), key=ranked.__getitem__)
    for series in {id(phase.series): phase.series for phase in phases}.values():
        places = [index for index in order if phases[index].series is series]
        if places != sorted(places):
            return []
    return [phases[index] for index in order]


def _names_contradict(order: Sequence[Phase]) -> bool:
    """Whether the phase numbers of the names, each given once, run in another order."""
    numbers = [number for phase in order if (number := phase.series.item.name.phase_number) is not None]
    return len(set(numbers)) == len(numbers) and numbers != sorted(numbers)


def _by_numbers(phases: Sequence[Phase]) -> list[Phase]:
    """Without any clock: the phase numbers of the names, when the series numbers agree with them."""
    by_name = sorted(phases, key=lambda phase: phase.series.item.name.phase_number or 0)
    names = [phase.series.item.name.phase_number for phase in by_name]
    numbers = [phase.series.item.series.number for phase in by_name]
    ascending = all(a is not None and b is not None and a < b for a, b in pairwise(numbers))
    if None not in names and len(set(names)) == len(phases) and ascending:
        return by_name
    raise NoPhaseOrder(f"{len(phases)} volumes repeat one measurement in several series, and nothing tells their order")


def _restarts(phases: Sequence[Phase], gaps_s: Sequence[float], index: int) -> bool:
    """Whether a new attempt begins with this phase: after a long silence, or a shorter one when its number falls back.

    A number that falls back without any silence is an export that was split, and counted anew. Where nothing counts, a
    silence before another pause for an injection is a restart too.

    Parameters
    ----------
    gaps_s
        Between the starts of neighbouring phases; empty when no clock tells.
    """
    usual_s = sorted(gaps_s)[(len(gaps_s) - 1) // 2] if gaps_s else 0.0
    silence = gaps_s[index - 1] / usual_s if gaps_s else _RESTART_FACTOR
    if gaps_s and gaps_s[index - 1] > RESTART_S and silence > _RESTART_FACTOR:
        return True
    for label in LABELS:
        before, here = phases[index - 1].value(label), phases[index].value(label)
        if before is not None and here is not None and before != here:
            return here < before and silence > PAUSE
    injected_again = 1 < index < len(gaps_s) and gaps_s[index] >= PAUSE * usual_s
    return silence > _RESTART_FACTOR and injected_again
