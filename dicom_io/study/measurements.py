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
from dicom_io.headers.records import Acquisition
from dicom_io.study.geometry import Stack, same_grid
from dicom_io.study.names import Moment
from dicom_io.study.phases import (
    Repeats,
    Slices,
    order_repeats,
    require_more_than_numbers,
    start_of,
    times_of,
    unwrapped,
)
from dicom_io.study.roles import COMPUTED_ROLES, T1_ROLES, SeriesRole
from dicom_io.vendors.base import CLOCKS, LABELS, Clue
from mome_core.case import Role
from mome_core.errors import Ineligibility, StudyIneligible

PAUSE = 1.25  # pre -> first post is the longest gap: the injection lies between (97 to 107 s in I-SPY 2)
RESTART_S = 240.0  # a longer silence, and far longer than between phases, is another attempt
RESTART_FACTOR = 2.5
ULTRAFAST_PHASES = 14
SAME_MOMENT_S = 0.5
FIRST = "it is the first in time, and nothing contradicts"
NOT_PRE = "the first phase is not pre-contrast"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The repeats that one series holds of a measurement."""

    item: SeriesRole
    stack: Stack
    repeats: Repeats

    @property
    def phases(self) -> int:
        """How many volumes it holds."""
        return len(self.repeats.volumes)

    @property
    def acquisition(self) -> Acquisition:
        """How its images were made."""
        return self.stack.locations[0][0].acquisition


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """One volume on its way into a dynamic."""

    part: Part
    slices: Slices

    def value(self, clue: Clue) -> float | None:
        """Its earliest time, or its number."""
        return start_of(self.slices, clue)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Volumes of one measurement that follow each other without a restart, in the order of time."""

    phases: tuple[Phase, ...]
    clue: Clue | None

    @property
    def sources(self) -> tuple[SeriesRole, ...]:
        """The series of each phase."""
        return tuple(phase.part.item for phase in self.phases)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Start of each phase, empty when no clock tells."""
        return times_of([phase.slices for phase in self.phases], self.phases[0].part.item.series.vendor)


@dataclass(frozen=True, slots=True, eq=False)
class Dynamic:
    """The phases of one dynamic in the order of time; the first is pre-contrast.

    sources : for each phase the series that it comes from.
    times_s : seconds of the day or of the trigger, ascending; empty when no clock tells.
    evidence : why the first phase is the one before contrast; empty when it is so only because it is the first.
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
    return item.suspect or (item.role in T1_ROLES and item.name.role in COMPUTED_ROLES and not item.by_rule)


def named_as_computed(item: SeriesRole) -> SeriesRole:
    """The part that the name gives to a suspect series: better left out than taken for a phase."""
    why = item.why if item.suspect else f"its name says '{item.name.word}'; {item.why}"
    return replace(item, role=item.name.role, confidence=0.6, why=why, suspect=True)


def _as_phase(item: SeriesRole, dynamic: Dynamic) -> SeriesRole:
    numbers = [index for index, source in enumerate(dynamic.sources) if source is item]
    if len(numbers) > 1:
        listed = f"phases {numbers[0]} to {numbers[-1]}"
        return replace(item, role=Role.DCE_MULTI, why=f"{item.why}; it holds {listed} of the dynamic")
    role = Role.DCE_PRE if numbers == [0] else Role.DCE_POST
    moment = (
        f"the phase before contrast ({dynamic.evidence or FIRST})" if role is Role.DCE_PRE else f"phase {numbers[0]}"
    )
    return replace(item, role=role, why=f"{item.why}; it is {moment} of the dynamic")


def choose_dynamic(items: Sequence[SeriesRole]) -> Dynamic:
    """The dynamic of one study.

    Raises StudyIneligible when there is none, when its order cannot be known, or when its first phase is not pre.
    """
    parts, problems = _parts([item for item in items if item.role in T1_ROLES or item.suspect])
    trusted = _without_copies([part for part in parts if not is_suspect(part.item)])
    lines = [line for line in measurements(trusted) if _count(line) >= 2]
    lines = [line for line in lines if all(part.item.is_original for part in line)] or lines
    if not lines:
        raise StudyIneligible(_why_none(trusted, problems), Ineligibility.NO_DYNAMIC)
    try:
        runs = runs_of(max(lines, key=_merit))
    except NoPhaseOrder as error:
        raise StudyIneligible(
            f"the order of the DCE phases cannot be known: {error}", Ineligibility.PHASE_ORDER_UNKNOWN
        ) from error
    dynamic = begin_before_contrast(max(runs, key=_run_merit), trusted)
    if not dynamic.evidence and len(runs) > 1:
        raise StudyIneligible(
            f"there are {len(runs)} attempts at the dynamic, and none shows its pre-contrast phase",
            Ineligibility.PRE_CONTRAST_UNPROVEN,
        )
    _require_no_contradiction(dynamic, [part for part in parts if is_suspect(part.item)])
    _require_no_lost_phase(dynamic, items)
    return dynamic


def _require_no_lost_phase(dynamic: Dynamic, items: Iterable[SeriesRole]) -> None:
    """Raise StudyIneligible when a series of the same measurement, taken meanwhile, cannot be used as it is.

    It may be a phase; without it the others would be taken for the whole dynamic.
    """
    made = dynamic.phases[0][0].acquisition
    for item in items:
        parts, problems = _parts([item])
        if parts or not problems or item in dynamic.sources or is_suspect(item) or item.role not in T1_ROLES:
            continue
        grids = [stack.shape for stack in item.stacks] or [dynamic.stack.shape]
        if dynamic.stack.shape in grids and same_timing(item.series.acquisition, made) and _meanwhile(item, dynamic):
            raise StudyIneligible(
                f"series {item.series.number} repeats the dynamic's measurement and cannot be used ({problems[0]}): "
                "a phase may be missing",
                Ineligibility.PHASE_MISSING,
            )


def _meanwhile(item: SeriesRole, dynamic: Dynamic) -> bool:
    """Whether a series was taken during the dynamic or soon before or after it, as far as its times tell."""
    here = [plane.clocks.acquisition_s for plane in item.series.planes if plane.clocks.acquisition_s is not None]
    phases = [start for phase in dynamic.phases if (start := start_of(phase, Clue.ACQUISITION_TIME)) is not None]
    if not here or len(phases) < len(dynamic.phases):
        return True
    *during, start = unwrapped([*phases, min(here)])
    return min(during) - RESTART_S <= start <= max(during) + RESTART_S


def _parts(items: Iterable[SeriesRole]) -> tuple[list[Part], list[str]]:
    """Every grid of every T1 series with its repeats in order, and the reasons where there is no order."""
    parts, problems = [], []
    for item in items:
        if item.refused:
            problems.append(item.refused)
        if any(stack.slabs > 1 for stack in item.stacks):
            problems.append("a series consists of several slabs")
            continue
        for stack in item.stacks:
            try:
                repeats = order_repeats(stack, item.series.vendor)
                require_more_than_numbers(repeats)
                parts.append(Part(item, stack, repeats))
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


def measurements(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts that repeat one measurement as one protocol: same image type, same announced number of phases.

    Where that leaves single volumes only, the same grid and timing are enough: sites that name each phase export them
    with different protocols.
    """
    lines = []
    for cluster in _clusters(parts, same_measurement):
        strict = _clusters(cluster, lambda a, b: same_protocol(a, b) and not overlap(a, b))
        lines += strict if any(_count(line) > 1 for line in strict) else [cluster]
    return lines


def _without_copies(parts: Sequence[Part]) -> list[Part]:
    """Parts without the Enhanced copies of classic series, which share their UID (Canon)."""
    classic = {part.item.series.series_uid for part in parts if not part.item.series.is_enhanced}
    return [p for p in parts if not p.item.series.is_enhanced or p.item.series.series_uid not in classic]


def _clusters(parts: Sequence[Part], alike: Callable[[Part, Part], bool]) -> list[list[Part]]:
    clusters: list[list[Part]] = []
    for part in parts:
        home = next((cluster for cluster in clusters if all(alike(part, member) for member in cluster)), None)
        if home is None:
            clusters.append([part])
        else:
            home.append(part)
    return clusters


def overlap(a: Part, b: Part) -> bool:
    """Whether two series of several phases ran at the same time: then they are two dynamics, or one and its copy."""
    if min(a.phases, b.phases) < 2:
        return False
    times = [*a.repeats.times_s, *b.repeats.times_s]
    if len(times) < a.phases + b.phases:
        return False
    times_a, times_b = unwrapped(times)[: a.phases], unwrapped(times)[a.phases :]
    return max(times_a[0], times_b[0]) <= min(times_a[-1], times_b[-1])


def same_protocol(a: Part, b: Part) -> bool:
    """Same image type, and one kind of export: a series per phase, several series of phases, or one count split up.

    Single volumes that announce different numbers of phases are of different dynamics.
    """
    if a.item.series.image_type != b.item.series.image_type:
        return False
    if continues(a, b):
        return True
    announced = {a.item.series.announced_phases, b.item.series.announced_phases} - {None}
    return len(announced) < 2 if a.phases == b.phases == 1 else min(a.phases, b.phases) > 1


def continues(a: Part, b: Part) -> bool:
    """Whether one series goes on where the count of the other ends."""
    for label in LABELS:
        low, high = sorted((_labels(a, label), _labels(b, label)))
        if len(low) + len(high) == a.phases + b.phases and low[0] <= 1 and low[-1] + 1 == high[0]:
            return True
    return False


def _labels(part: Part, label: Clue) -> list[float]:
    """The distinct numbers of its volumes, ascending; an absent number is left out."""
    values = (Phase(part, volume).value(label) for volume in part.repeats.volumes)
    return sorted({value for value in values if value is not None})


def same_measurement(a: Part, b: Part) -> bool:
    """Same grid in the same frame of reference and same timing; what a series does not tell may be anything."""
    frames = {a.item.series.frame_of_reference_uid, b.item.series.frame_of_reference_uid} - {""}
    return len(frames) < 2 and same_grid(a.stack, b.stack) and same_timing(a.acquisition, b.acquisition)


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


def _merit(line: Sequence[Part]) -> tuple[float, ...]:
    """Which of several dynamics: a real one before a pair, fat-suppressed, of usual length, fine."""
    phases = _count(line)
    suppressed = {True: 2.0, None: 1.0, False: 0.0}[line[0].acquisition.fat_suppressed]
    columns, rows, slices = line[0].stack.shape
    usual = 2.0 if phases < ULTRAFAST_PHASES else 1.0
    return float(phases >= 3), suppressed, usual, float(columns * rows * slices), float(phases)


def _run_merit(run: Run) -> tuple[float, float]:
    """Which of several attempts: the longest, of equals the last (the first one was repeated for a reason)."""
    return float(len(run.phases)), min(run.times_s, default=0.0)


def runs_of(line: Sequence[Part]) -> list[Run]:
    """The attempts at one dynamic, each in the order of time.

    Raises NoPhaseOrder when nothing tells the order, or two good clues contradict each other.
    """
    clue, phases = line_up(line)
    starts = [0, *(i for i in range(1, len(phases)) if _restarts(phases, i)), len(phases)]
    return [Run(tuple(phases[a:b]), clue) for a, b in pairwise(starts)]


def _restarts(phases: Sequence[Phase], index: int) -> bool:
    """Whether a new attempt begins with this phase: after a long silence, or a shorter one when its number falls back.

    A number that falls back without any silence is an export that was split, and counted anew. Where nothing counts, a
    silence before another pause for an injection is a restart too.
    """
    times = times_of([phase.slices for phase in phases], phases[0].part.item.series.vendor)
    gaps = [b - a for a, b in pairwise(times)]
    usual = sorted(gaps)[(len(gaps) - 1) // 2] if gaps else 0.0
    silence = gaps[index - 1] / usual if gaps else RESTART_FACTOR
    if gaps and gaps[index - 1] > RESTART_S and silence > RESTART_FACTOR:
        return True
    for label in LABELS:
        before, here = phases[index - 1].value(label), phases[index].value(label)
        if before is not None and here is not None and before != here:
            return here < before and silence > PAUSE
    injected_again = 1 < index < len(gaps) and gaps[index] >= PAUSE * usual
    return silence > RESTART_FACTOR and injected_again


def line_up(line: Sequence[Part]) -> tuple[Clue | None, list[Phase]]:
    """All volumes of one measurement in the order of time, whichever series they are in."""
    phases = [Phase(part, volume) for part in line for volume in part.repeats.volumes]
    if len(line) == 1:
        return line[0].repeats.clue, phases
    orders = {
        clue: order for clue in (Clue.ACQUISITION_TIME, Clue.CONTENT_TIME, *LABELS) if (order := _by(clue, phases))
    }
    if not orders:
        return Clue.NAME, _by_numbers(phases)
    clue, order = next(iter(orders.items()))
    against = [str(label) for label in LABELS if orders.get(label, order) != order]
    numbered = [phase for phase in order if phase.part.item.name.phase_number is not None]
    numbers = [phase.part.item.name.phase_number or 0 for phase in numbered]
    if len(set(numbers)) == len(numbers) and numbers != sorted(numbers):
        against.append(str(Clue.NAME))
    if against:
        raise NoPhaseOrder(f"the {clue} orders the series against the {' and the '.join(against)}")
    return clue, order


def _by(clue: Clue, phases: Sequence[Phase]) -> list[Phase]:
    """The volumes sorted by a clue; empty unless all have it, differ in it, and stay in order inside their series."""
    values = [value for phase in phases if (value := phase.value(clue)) is not None]
    if len(set(values)) < len(phases):
        return []
    ranked = unwrapped(values) if clue in CLOCKS else tuple(values)
    order = [phase for _, phase in sorted(zip(ranked, phases, strict=True), key=lambda pair: pair[0])]
    inside = {id(phase): index for index, phase in enumerate(phases)}
    for part in {id(phase.part): phase.part for phase in phases}.values():
        places = [inside[id(phase)] for phase in order if phase.part is part]
        if places != sorted(places):
            return []
    return order


def _by_numbers(phases: Sequence[Phase]) -> list[Phase]:
    """Without any clock: the phase numbers of the names, when the series numbers agree with them."""
    by_name = sorted(phases, key=lambda phase: phase.part.item.name.phase_number or 0)
    names = [phase.part.item.name.phase_number for phase in by_name]
    numbers = [phase.part.item.series.number for phase in by_name]
    ascending = all(a is not None and b is not None and a < b for a, b in pairwise(numbers))
    if None not in names and len(set(names)) == len(phases) and ascending:
        return by_name
    raise NoPhaseOrder(f"{len(phases)} volumes repeat one measurement in several series, and nothing tells their order")


def begin_before_contrast(run: Run, parts: Sequence[Part]) -> Dynamic:
    """The dynamic whose first phase is pre-contrast: that of the run, or a series of the same measurement before it.

    Raises StudyIneligible when the pre-contrast phase is missing, or when nothing tells whether it is.
    """
    evidence = pre_evidence(run)
    if not evidence or evidence.startswith(NOT_PRE):
        single = _single_before(run, parts)
        if single is not None:
            run = Run((single, *run.phases), run.clue)
            evidence = "a series of the same measurement that came before the others"
    if evidence.startswith(NOT_PRE):
        raise StudyIneligible(f"the pre-contrast phase is missing: {evidence}", Ineligibility.PRE_CONTRAST_MISSING)
    if len(run.phases) < 2:
        raise StudyIneligible(
            "needs a pre- and a post-contrast phase, found 1 volume of the dynamic", Ineligibility.POST_CONTRAST_MISSING
        )
    if not evidence and run.sources[0].name.phase_number is not None and len(set(map(id, run.sources))) > 1:
        raise StudyIneligible(
            "the first phase is numbered, and some sites give number 1 to the pre-contrast and others to the first "
            "post-contrast phase; neither timing nor contrast tells which; set a rule for this series name",
            Ineligibility.PRE_CONTRAST_UNPROVEN,
        )
    grid = run.phases[0].part
    unused = _unused(run, [part for part in parts if same_measurement(part, grid)])
    notes = dict.fromkeys(note for phase in run.phases for note in phase.part.repeats.notes)
    left = (f"{unused} other volumes of the same measurement take no part in the dynamic",) if unused else ()
    return Dynamic(
        phases=tuple(phase.slices for phase in run.phases),
        sources=run.sources,
        stack=grid.stack,
        times_s=run.times_s,
        clue=run.clue,
        evidence=evidence,
        notes=(*notes, *left),
    )


def _unused(run: Run, parts: Sequence[Part]) -> int:
    """How many volumes of the same measurement are in no phase of the run.

    Raises StudyIneligible when a series of phases goes on soon after the run: it may hold the run's later phases.
    """
    used = {id(phase.slices) for phase in run.phases}
    unused = [Phase(part, volume) for part in parts for volume in part.repeats.volumes if id(volume) not in used]
    last = run.phases[-1].value(Clue.ACQUISITION_TIME)
    for phase in unused:
        start = phase.value(Clue.ACQUISITION_TIME)
        if phase.part.phases > 1 and last is not None and start is not None and 0 < start - last <= RESTART_S:
            raise StudyIneligible(
                f"series {phase.part.item.series.number} goes on where the dynamic ends, but nothing says that it "
                "belongs to it",
                Ineligibility.PHASE_MISSING,
            )
    return len(unused)


def _single_before(run: Run, parts: Sequence[Part]) -> Phase | None:
    """The last single volume of the same measurement that was taken before the run."""
    first = run.phases[0]
    before = []
    for part in parts:
        if part.phases > 1 or part.item in run.sources or not same_measurement(part, first.part):
            continue
        single = Phase(part, part.repeats.volumes[0])
        for clue in (Clue.ACQUISITION_TIME, Clue.CONTENT_TIME):
            here, there = single.value(clue), first.value(clue)
            if here is not None and there is not None and here != there:
                start, begin = unwrapped([here, there])
                before += [(start, part.item.series.series_uid, single)] if start < begin else []
                break
    return max(before, key=lambda entry: entry[:2])[2] if before else None


def pre_evidence(run: Run) -> str:
    """Why the first volume is the one before contrast; starts with NOT_PRE when it is not; "" when nothing tells."""
    for audit_writer in (_by_injection, _by_position, _by_contrast, _by_names, _by_pause):
        if said := audit_writer(run):
            return said
    return ""


def _by_injection(run: Run) -> str:
    """Contrast/Bolus Start Time against the starts of the first two phases."""
    starts = [phase.value(Clue.ACQUISITION_TIME) for phase in run.phases[:2]]
    injected = next((p.clocks.contrast_start_s for p in run.phases[-1].slices if p.clocks.contrast_start_s), None)
    if injected is None or len(starts) < 2 or starts[0] is None or starts[1] is None:
        return ""
    if starts[0] < injected <= starts[1] + 1.0:
        return "the contrast agent was injected after it"
    return f"{NOT_PRE}: the contrast agent was injected before it" if injected < starts[0] - 1.0 else ""


def _by_position(run: Run) -> str:
    """A count of time points that does not begin at its beginning."""
    position = run.phases[0].value(Clue.TEMPORAL_POSITION)
    announced = run.sources[0].series.announced_phases
    if position is None or announced is None or position <= 1 or len(run.phases) >= announced:
        return ""
    return f"{NOT_PRE}: it is number {position:g} of {announced}"


def _by_contrast(run: Run) -> str:
    """Contrast/Bolus Agent; a pre-contrast phase in the series of the others may carry it too."""
    named = [phase.slices[0].contrast.upper() not in ("", "PRE_CONTRAST") for phase in run.phases]
    return "it alone names no contrast agent" if not named[0] and all(named[1:]) and len(named) > 1 else ""


def _by_names(run: Run) -> str:
    """The words pre and post, and the site that numbers post-contrast phases only (Duke)."""
    first, later = run.sources[0], [source for source in run.sources if source is not run.sources[0]]
    alone = run.sources.count(first) == 1
    if first.name.moment is Moment.POST and alone:
        return f"{NOT_PRE}: its name says post"
    if not alone or not later:
        return ""
    if first.name.moment is Moment.PRE and all(source.name.moment is not Moment.PRE for source in later):
        return "its name says pre"
    if first.name.phase_number is None and all(source.name.phase_number is not None for source in later):
        return "it alone has no phase number in its name"
    return ""


def _by_pause(run: Run) -> str:
    """The injection lies in the longest gap."""
    gaps = [b - a for a, b in pairwise(run.times_s)]
    if len(gaps) >= 2 and gaps[0] >= PAUSE * median(gaps[1:]):
        return "the pause for the injection follows it"
    return "an ultrafast dynamic begins before the contrast arrives" if len(run.phases) >= ULTRAFAST_PHASES else ""


def _require_no_contradiction(dynamic: Dynamic, suspects: Sequence[Part]) -> None:
    """Refuse when a series called a subtraction was taken at a moment of its own, as only an acquisition is."""
    moments = [start_of(volume, Clue.ACQUISITION_TIME) for volume in dynamic.phases]
    for part in suspects:
        if not part.item.is_original or not same_grid(part.stack, dynamic.stack):
            continue
        for volume in part.repeats.volumes:
            start = start_of(volume, Clue.ACQUISITION_TIME)
            own = start is not None and all(m is not None and abs(m - start) > SAME_MOMENT_S for m in moments)
            if own and same_timing(part.acquisition, dynamic.stack.locations[0][0].acquisition):
                raise StudyIneligible(
                    f"series {part.item.series.number} is named '{part.item.name.word}', but its tags are those of a "
                    "DCE phase taken at a time of its own; set a rule for this series name",
                    Ineligibility.NAME_CONTRADICTS_TAGS,
                )
