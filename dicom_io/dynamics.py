"""Which T1 series of a study are the phases of its dynamic, and in which order.

A dynamic is the repetition of one measurement: same grid, same echo, same flip angle. It may come as one series, one
series per phase, or a single pre-contrast series and the rest in another. Where two answers are possible and nothing
decides, the study is refused: phase 3 taken for phase 2 gives a wrong number with confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from dicom_io.errors import NoPhaseOrder
from dicom_io.geometry import Stack, same_grid
from dicom_io.headers import Acquisition
from dicom_io.names import Moment
from dicom_io.phases import (
    CLOCKS,
    LABELS,
    Clue,
    Repeats,
    Slices,
    order_repeats,
    start_of,
    times_of,
    unwrapped,
    value_of,
)
from dicom_io.roles import COMPUTED_ROLES, T1_ROLES, SeriesRole
from mome_core.case import Role
from mome_core.errors import StudyIneligible

PAUSE = 1.25  # pre -> first post is the longest gap: the injection lies between (97 to 107 s in I-SPY 2)
ULTRAFAST_PHASES = 14
SAME_MOMENT_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The repeats that one series holds of a measurement."""

    item: SeriesRole
    stack: Stack
    repeats: Repeats

    @property
    def phases(self) -> int:
        return len(self.repeats.volumes)


@dataclass(frozen=True, slots=True, eq=False)
class Dynamic:
    """The phases of one dynamic in the order of time; the first is pre-contrast.

    sources : for each phase the series that it comes from.
    times_s : seconds of the day or of the trigger, ascending; empty when no clock tells.
    evidence : why the first phase is the one before contrast.
    """

    phases: tuple[Slices, ...]
    sources: tuple[SeriesRole, ...]
    stack: Stack
    times_s: tuple[float, ...]
    clue: Clue | None
    evidence: str
    notes: tuple[str, ...] = ()


def settle_dynamic(items: Sequence[SeriesRole]) -> list[SeriesRole]:
    """Turn the T1 series that are phases of their study's dynamic into DCE roles; the others keep their part.

    Without a dynamic the roles stay as they are, and `choose_dynamic` says why when it is asked.
    """
    settled = {id(item): item for item in items}
    for study in sorted({item.series.study_uid for item in items}):
        members = [item for item in items if item.series.study_uid == study]
        settled |= {id(item): named_as_computed(item) for item in members if is_suspect(item)}
        try:
            dynamic = choose_dynamic(members)
        except StudyIneligible:
            continue
        settled |= {id(item): _as_phase(item, dynamic) for item in dynamic.sources}
    return [settled[id(item)] for item in items]


def is_suspect(item: SeriesRole) -> bool:
    """Whether the tags say T1 while the name says that it was computed."""
    return item.role in T1_ROLES and item.name.role in COMPUTED_ROLES and not item.by_rule


def named_as_computed(item: SeriesRole) -> SeriesRole:
    """The part that the name gives to a suspect series: better left out than taken for a phase."""
    return replace(item, role=item.name.role, confidence=0.6, why=f"its name says '{item.name.word}'; {item.why}")


def _as_phase(item: SeriesRole, dynamic: Dynamic) -> SeriesRole:
    numbers = [index for index, source in enumerate(dynamic.sources) if source is item]
    if len(numbers) > 1:
        listed = f"phases {numbers[0]} to {numbers[-1]}"
        return replace(item, role=Role.DCE_MULTI, why=f"{item.why}; it holds {listed} of the dynamic")
    role = Role.DCE_PRE if numbers == [0] else Role.DCE_POST
    moment = f"the phase before contrast ({dynamic.evidence})" if role is Role.DCE_PRE else f"phase {numbers[0]}"
    return replace(item, role=role, why=f"{item.why}; it is {moment} of the dynamic")


def choose_dynamic(items: Sequence[SeriesRole]) -> Dynamic:
    """The dynamic of one study.

    Raises StudyIneligible when there is none, when its order cannot be known, or when its first phase is not pre.
    """
    parts, problems = _parts([item for item in items if item.role in T1_ROLES])
    groups = [group for group in _groups([p for p in parts if not is_suspect(p.item)]) if _count(group) >= 2]
    originals = [group for group in groups if all(part.item.is_original for part in group)]
    if not groups:
        raise StudyIneligible(_why_none(parts, problems))
    best = max(originals or groups, key=_merit)
    try:
        dynamic = assemble(best)
    except NoPhaseOrder as error:
        raise StudyIneligible(f"the order of the DCE phases cannot be known: {error}") from error
    _require_no_contradiction(dynamic, [part for part in parts if is_suspect(part.item)])
    return dynamic


def _parts(items: Iterable[SeriesRole]) -> tuple[list[Part], list[str]]:
    """Every grid of every T1 series with its repeats in order, and the reasons where there is no order."""
    parts, problems = [], []
    for item in items:
        if item.refused:
            problems.append(item.refused)
        for stack in item.stacks:
            try:
                parts.append(Part(item, stack, order_repeats(stack, item.series.vendor)))
            except NoPhaseOrder as error:
                problems.append(str(error))
    return parts, problems


def _why_none(parts: Sequence[Part], problems: Sequence[str]) -> str:
    found = f"needs a T1-weighted dynamic with a pre- and a post-contrast phase; found {len(parts)} T1 volumes"
    apart = " that do not repeat one measurement" if len(parts) > 1 else ""
    because = "; left out were: " + "; ".join(sorted(set(problems))) if problems else ""
    return found + apart + because


def _count(group: Sequence[Part]) -> int:
    return sum(part.phases for part in group)


def _groups(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts that repeat one measurement: first those of one image type; any, where that leaves nothing to pair."""
    strict = _clusters(
        parts, lambda a, b: same_measurement(a, b) and a.item.series.image_type == b.item.series.image_type
    )
    lonely = [group[0] for group in strict if _count(group) == 1]
    return [group for group in strict if _count(group) > 1] + _clusters(lonely, same_measurement)


def _clusters(parts: Sequence[Part], alike: Callable[[Part, Part], bool]) -> list[list[Part]]:
    clusters: list[list[Part]] = []
    for part in parts:
        home = next((cluster for cluster in clusters if all(alike(part, member) for member in cluster)), None)
        if home is None:
            clusters.append([part])
        else:
            home.append(part)
    return clusters


def same_measurement(a: Part, b: Part) -> bool:
    """Same grid in the same frame of reference and same timing; what a series does not tell may be anything."""
    frames = {a.item.series.frame_of_reference_uid, b.item.series.frame_of_reference_uid} - {""}
    return len(frames) < 2 and same_grid(a.stack, b.stack) and same_timing(_how(a), _how(b))


def _how(part: Part) -> Acquisition:
    return part.stack.locations[0][0].acquisition


def same_timing(a: Acquisition, b: Acquisition) -> bool:
    """Repetition and echo time within 3 %, same flip angle, dimensions and fat suppression."""

    def close(x: float | None, y: float | None) -> bool:
        return x is None or y is None or abs(x - y) <= 0.03 * max(abs(x), abs(y))

    return (
        close(a.repetition_ms, b.repetition_ms)
        and close(a.echo_ms, b.echo_ms)
        and close(a.flip_degrees, b.flip_degrees)
        and (not a.dimensions or not b.dimensions or a.dimensions == b.dimensions)
        and (a.fat_suppressed is None or b.fat_suppressed is None or a.fat_suppressed == b.fat_suppressed)
    )


def _merit(group: Sequence[Part]) -> tuple[float, ...]:
    """Which of several dynamics: a real one before a pair, fat-suppressed, of usual length, fine, early."""
    phases, how = _count(group), _how(group[0])
    suppressed = {True: 2.0, None: 1.0, False: 0.0}[how.fat_suppressed]
    usual = 2.0 if phases < ULTRAFAST_PHASES else 1.0
    columns, rows, slices = group[0].stack.shape
    starts = [time for part in group for time in part.repeats.times_s[:1]]
    return (
        float(phases >= 3),
        suppressed,
        usual,
        float(columns * rows * slices),
        float(phases),
        -min(starts, default=0.0),
    )


def assemble(group: Sequence[Part]) -> Dynamic:
    """The phases of one measurement in order, beginning with the one before contrast.

    Raises NoPhaseOrder when series cannot be ordered; StudyIneligible when the first phase is a post-contrast one.
    """
    longest = max(group, key=lambda part: part.phases)
    if longest.phases == 1:
        return _from_single_phases(group)
    return _from_multiphase(longest, [part for part in group if part is not longest])


def _from_multiphase(main: Part, others: Sequence[Part]) -> Dynamic:
    """A series of several phases, with the rest of a split dynamic, or with the pre-contrast series before it."""
    chain = sorted([main, *(part for part in others if _continues(main, part))], key=_first_label)
    volumes = [volume for part in chain for volume in part.repeats.volumes]
    sources = [part.item for part in chain for _ in part.repeats.volumes]
    notes = [note for part in chain for note in part.repeats.notes]
    evidence = pre_evidence(volumes, sources)
    if evidence.startswith(NOT_PRE) or not evidence:
        before = [part for part in others if part not in chain and part.phases == 1 and _is_before(part, main)]
        if before:
            pre = max(before, key=lambda part: start_of(part.repeats.volumes[0], Clue.ACQUISITION_TIME) or 0.0)
            volumes, sources = [pre.repeats.volumes[0], *volumes], [pre.item, *sources]
            evidence = "a series of the same measurement that came before the multi-phase series"
    if evidence.startswith(NOT_PRE):
        raise StudyIneligible(f"the pre-contrast phase is missing: {evidence}")
    used = {id(source) for source in sources}
    left = sum(part.phases for part in others if id(part.item) not in used)
    if left:
        notes.append(f"{left} volumes of the same measurement in other series take no part in the dynamic")
    evidence = evidence or "it is the first of its series, and nothing contradicts"
    return _dynamic(volumes, sources, main.stack, main.repeats.clue, evidence, notes)


def _first_label(part: Part) -> float:
    first = part.repeats.volumes[0][0]
    return next((value for label in LABELS if (value := value_of(first, label)) is not None), 0.0)


def _continues(main: Part, other: Part) -> bool:
    """Whether another series holds the neighbouring numbers of the same count: a dynamic split on export."""
    for label in LABELS:
        mine = {value_of(volume[0], label) for volume in main.repeats.volumes}
        theirs = {value_of(volume[0], label) for volume in other.repeats.volumes}
        every = [value for value in mine | theirs if value is not None]
        if None in mine | theirs or len(every) < len(mine) + len(theirs) or len(mine) != main.phases:
            continue
        if max(every) - min(every) == len(every) - 1 and min(every) == 1:
            return True
    return False


def _is_before(single: Part, main: Part) -> bool:
    for clue in (Clue.ACQUISITION_TIME, Clue.CONTENT_TIME):
        a, b = start_of(single.repeats.volumes[0], clue), start_of(main.repeats.volumes[0], clue)
        if a is not None and b is not None and a != b:
            first, second = unwrapped([a, b])
            return first < second
    return False


def _from_single_phases(group: Sequence[Part]) -> Dynamic:
    """One series per phase."""
    clue, ordered = _across_series(group)
    volumes = [part.repeats.volumes[0] for part in ordered]
    sources = [part.item for part in ordered]
    evidence = pre_evidence(volumes, sources)
    if evidence.startswith(NOT_PRE):
        raise StudyIneligible(f"the pre-contrast phase is missing: {evidence}")
    if not evidence and sources[0].name.phase_number is not None:
        raise StudyIneligible(
            "the first phase is numbered 1, which some sites give to the pre-contrast and others to the first post-"
            "contrast phase, and neither its timing nor its contrast tells which; set a rule for this series name"
        )
    notes = [note for part in ordered for note in part.repeats.notes]
    evidence = evidence or "it is the first in time, and nothing contradicts"
    return _dynamic(volumes, sources, ordered[0].stack, clue, evidence, notes)


def _across_series(group: Sequence[Part]) -> tuple[Clue, list[Part]]:
    """Series of one volume each in the order of time.

    Raises NoPhaseOrder when no clue distinguishes them or two good clues contradict each other.
    """
    orders: dict[Clue, list[Part]] = {}
    for clue in (Clue.ACQUISITION_TIME, Clue.CONTENT_TIME, Clue.TRIGGER_TIME, *LABELS):
        starts = [start_of(part.repeats.volumes[0], clue) for part in group]
        known = [start for start in starts if start is not None]
        if len(set(known)) == len(group):
            values = unwrapped(known) if clue in CLOCKS else tuple(known)
            orders[clue] = [part for _, part in sorted(zip(values, group, strict=True), key=lambda pair: pair[0])]
    numbered = [part for part in group if part.item.name.phase_number is not None]
    by_name = sorted(numbered, key=lambda part: part.item.name.phase_number or 0)
    if not orders:
        return Clue.NAME, _by_numbers(group, by_name)
    clue = next(iter(orders))
    ordered = orders[clue]
    against = [str(label) for label in LABELS if label in orders and orders[label] != ordered]
    distinct = len({part.item.name.phase_number for part in numbered}) == len(numbered)
    if distinct and by_name != [part for part in ordered if part in by_name]:
        against.append(str(Clue.NAME))
    if against:
        raise NoPhaseOrder(f"the {clue} orders the series against the {' and the '.join(against)}")
    return clue, ordered


def _by_numbers(group: Sequence[Part], by_name: list[Part]) -> list[Part]:
    """Without any clock: the phase numbers of the names, when the series numbers agree with them."""
    numbers = [part.item.series.number for part in by_name]
    names = [part.item.name.phase_number for part in by_name]
    ascending = all(a is not None and b is not None and a < b for a, b in pairwise(numbers))
    if len(by_name) == len(group) and len(set(names)) == len(group) and ascending:
        return by_name
    raise NoPhaseOrder(f"{len(group)} series repeat one measurement, and no time or number tells their order")


NOT_PRE = "the first phase is not pre-contrast"


def pre_evidence(volumes: Sequence[Slices], sources: Sequence[SeriesRole]) -> str:
    """Why the first of these volumes is the one before contrast; starts with NOT_PRE when it is not; "" unknown."""
    injected = next((p.clocks.contrast_start_s for p in volumes[1] if p.clocks.contrast_start_s is not None), None)
    starts = [start_of(volume, Clue.ACQUISITION_TIME) for volume in volumes[:2]]
    if injected is not None and starts[0] is not None and starts[1] is not None:
        if starts[0] < injected <= starts[1] + 1.0:
            return "the contrast agent was injected after it"
        if injected < starts[0] - 1.0:
            return f"{NOT_PRE}: the contrast agent was injected before it"
    contrast = [volume[0].contrast.upper() for volume in volumes]
    if contrast[0] in ("", "PRE_CONTRAST") and all(text not in ("", "PRE_CONTRAST") for text in contrast[1:]):
        return "it alone names no contrast agent"
    first, later = sources[0], [source for source in sources[1:] if source is not sources[0]]
    if first.name.moment is Moment.POST and first not in sources[1:]:
        return f"{NOT_PRE}: its name says '{first.name.word}' and post"
    if first.name.moment is Moment.PRE and later and all(s.name.moment is not Moment.PRE for s in later):
        return "its name says pre"
    if first.name.phase_number is None and later and all(s.name.phase_number is not None for s in later):
        return "it alone has no phase number in its name"
    gaps = [b - a for a, b in pairwise(times_of(volumes))]
    if len(gaps) >= 2 and gaps[0] >= PAUSE * median(gaps[1:]):
        return "the pause for the injection follows it"
    if len(volumes) >= ULTRAFAST_PHASES:
        return "an ultrafast dynamic begins before the contrast arrives"
    return ""


def _dynamic(
    volumes: Sequence[Slices],
    sources: Sequence[SeriesRole],
    stack: Stack,
    clue: Clue | None,
    evidence: str,
    notes: Sequence[str],
) -> Dynamic:
    return Dynamic(tuple(volumes), tuple(sources), stack, times_of(volumes), clue, evidence, tuple(notes))


def _require_no_contradiction(dynamic: Dynamic, suspects: Sequence[Part]) -> None:
    """Refuse when a series called a subtraction was taken at a moment of its own, as only an acquisition is."""
    moments = [start_of(volume, Clue.ACQUISITION_TIME) for volume in dynamic.phases]
    for part in suspects:
        if not part.item.is_original or not same_grid(part.stack, dynamic.stack):
            continue
        for volume in part.repeats.volumes:
            start = start_of(volume, Clue.ACQUISITION_TIME)
            own = start is not None and all(m is not None and abs(m - start) > SAME_MOMENT_S for m in moments)
            if own and same_timing(_how(part), dynamic.stack.locations[0][0].acquisition):
                raise StudyIneligible(
                    f"series {part.item.series.number} is named '{part.item.name.word}', but its tags are those of a DCE "
                    "phase taken at a time of its own; set a rule for this series name"
                )
