"""Which T1 series of a study are the phases of its dynamic, and in which order.

A dynamic is the repetition of one measurement: same grid, same echo, same flip angle. It may come as one series, one
series per phase, or a single pre-contrast series and the rest in another. Where two answers are possible and nothing
decides, the study is refused: phase 3 taken for phase 2 gives a wrong number with confidence.

repeats_of -> measurements_of -> attempts_of -> with_pre_contrast_phase -> what contradicts or is missing
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dicom_io.errors import NoPhaseOrder
from dicom_io.study.attempts import RESTART_S, Attempt, Phase, attempts_of
from dicom_io.study.geometry import Stack, same_grid
from dicom_io.study.measurements import (
    Measurement,
    SeriesDefect,
    SeriesRepeats,
    measurements_of,
    repeats_of,
    same_measurement,
    same_timing,
    without_enhanced_copies,
)
from dicom_io.study.phases import Slices, start_of, unwrapped
from dicom_io.study.pre_contrast import PreContrastFinding, with_pre_contrast_phase
from dicom_io.study.roles import COMPUTED_ROLES, T1_ROLES, SeriesRole, names_subtraction_mask
from dicom_io.vendors.base import Clue
from mome_core.case import Role
from mome_core.errors import Ineligibility, StudyIneligible

_SAME_MOMENT_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ChosenDynamic:
    """The phases of one dynamic in the order of time; the first is pre-contrast.

    Parameters
    ----------
    sources
        For each phase the series that it comes from.
    times_s
        Seconds of the day or of the trigger, ascending; empty when no clock tells.
    clue
        What ordered the phases.
    pre_contrast
        Why the first phase is the one before contrast.
    notes
        What was left out on the way.
    """

    phases: tuple[Slices, ...]
    sources: tuple[SeriesRole, ...]
    stack: Stack
    times_s: tuple[float, ...]
    clue: Clue | None
    pre_contrast: PreContrastFinding
    notes: tuple[str, ...] = ()


def assign_dynamic_roles(items: Sequence[SeriesRole]) -> list[SeriesRole]:
    """Turn the T1 series that are phases of their study's dynamic into DCE roles; the others keep their role.

    Without a dynamic the roles stay as they are, and `choose_dynamic` says why when it is asked.
    """
    assigned = {id(item): item for item in items}
    for study in sorted({item.series.study_uid for item in items}):
        members = [item for item in items if item.series.study_uid == study]
        assigned |= {id(item): _named_as_computed(item) for item in members if _is_suspect(item)}
        try:
            dynamic = choose_dynamic(members)
        except StudyIneligible:
            continue
        assigned |= {id(item): _as_phase(item, dynamic) for item in dynamic.sources}
    return [assigned[id(item)] for item in items]


def choose_dynamic(items: Sequence[SeriesRole]) -> ChosenDynamic:
    """The dynamic of one study.

    Raises StudyIneligible when there is none, when its order cannot be determined, or when its first phase is not pre.
    """
    series, problems = repeats_of(item for item in items if item.role in T1_ROLES or item.suspect)
    trusted = without_enhanced_copies([each for each in series if not _is_suspect(each.item)])
    attempts = _attempts(_preferred(trusted, problems))
    attempt, finding = with_pre_contrast_phase(max(attempts, key=lambda each: each.preference), trusted)
    dynamic = _dynamic(attempt, finding, trusted)
    if not finding.is_proven and len(attempts) > 1:
        raise StudyIneligible(
            f"there are {len(attempts)} attempts at the dynamic, and none shows its pre-contrast phase",
            Ineligibility.PRE_CONTRAST_UNPROVEN,
        )
    _require_no_contradiction(dynamic, [each for each in series if _is_suspect(each.item)])
    _require_no_lost_phase(dynamic, items)
    _require_its_mask(dynamic, items)
    return dynamic


def _is_suspect(item: SeriesRole) -> bool:
    """Whether the tags say T1 while the name says that it was computed."""
    computed = item.name.role in COMPUTED_ROLES and not _is_mask(item)
    return item.suspect or (item.role in T1_ROLES and computed and not item.by_rule)


def _is_mask(item: SeriesRole) -> bool:
    """Whether it was acquired and is named as the phase that GE subtracts from the others."""
    series = item.series
    named = names_subtraction_mask(series.description or series.protocol)
    return item.role in T1_ROLES and item.is_original and item.name.role is Role.SEG and named


# --- roles


def _named_as_computed(item: SeriesRole) -> SeriesRole:
    """The role that the name gives to a suspect series: better left out than taken for a phase."""
    why = item.why if item.suspect else f"its name says '{item.name.word}'; {item.why}"
    return replace(item, role=item.name.role, confidence=0.6, why=why, suspect=True)


def _as_phase(item: SeriesRole, dynamic: ChosenDynamic) -> SeriesRole:
    numbers = [index for index, source in enumerate(dynamic.sources) if source is item]
    if len(numbers) > 1:
        listed = f"phases {numbers[0]} to {numbers[-1]}"
        return replace(item, role=Role.DCE_MULTI, why=f"{item.why}; it holds {listed} of the dynamic")
    is_first = numbers == [0]
    moment = f"the phase before contrast ({dynamic.pre_contrast.words})" if is_first else f"phase {numbers[0]}"
    role = Role.DCE_PRE if is_first else Role.DCE_POST
    return replace(item, role=role, why=f"{item.why}; it is {moment} of the dynamic")


# --- the choice


def _preferred(series: Sequence[SeriesRepeats], problems: Sequence[SeriesDefect]) -> Measurement:
    """The measurement to read of those that were repeated; original ones before computed ones."""
    dynamics = [measurement for measurement in measurements_of(series) if measurement.phases >= 2]
    dynamics = [measurement for measurement in dynamics if measurement.is_original] or dynamics
    if not dynamics:
        raise _no_dynamic(len(series), problems)
    return max(dynamics, key=lambda measurement: measurement.preference)


def _no_dynamic(count: int, problems: Sequence[SeriesDefect]) -> StudyIneligible:
    """Why so many T1 volumes are no dynamic; a series whose order is unknown may be one."""
    found = {
        0: "the study holds no T1-weighted volume",
        1: "the study holds one T1-weighted volume, and a dynamic needs one before and one after contrast",
    }.get(count, f"the study holds {count} T1-weighted volumes that do not repeat one measurement")
    because = "; left out were: " + "; ".join(sorted({each.words for each in problems})) if problems else ""
    no_order = any(each.code is Ineligibility.PHASE_ORDER_UNKNOWN for each in problems)
    code = Ineligibility.PHASE_ORDER_UNKNOWN if no_order else Ineligibility.NO_DYNAMIC
    return StudyIneligible(f"no dynamic (DCE) series was found: {found}{because}", code)


def _attempts(measurement: Measurement) -> list[Attempt]:
    try:
        return attempts_of(measurement)
    except NoPhaseOrder as error:
        raise StudyIneligible(
            f"the order of the DCE phases cannot be determined: {error}", Ineligibility.PHASE_ORDER_UNKNOWN
        ) from error


def _dynamic(attempt: Attempt, finding: PreContrastFinding, series: Sequence[SeriesRepeats]) -> ChosenDynamic:
    first = attempt.phases[0].series
    unused = _unused(attempt, [each for each in series if same_measurement(each, first)])
    notes = dict.fromkeys(note for phase in attempt.phases for note in phase.series.repeats.notes)
    left = (f"{unused} other volumes of the same measurement are not part of the dynamic",) if unused else ()
    return ChosenDynamic(
        phases=tuple(phase.slices for phase in attempt.phases),
        sources=attempt.sources,
        stack=first.stack,
        times_s=attempt.times_s,
        clue=attempt.clue,
        pre_contrast=finding,
        notes=(*notes, *left),
    )


def _unused(attempt: Attempt, series: Sequence[SeriesRepeats]) -> int:
    """How many volumes of the same measurement are in no phase of the attempt.

    Raises StudyIneligible when a series of phases goes on soon after the attempt: it may hold its later phases.
    """
    used = {id(phase.slices) for phase in attempt.phases}
    unused = [Phase(each, volume) for each in series for volume in each.repeats.volumes if id(volume) not in used]
    last = attempt.phases[-1].value(Clue.ACQUISITION_TIME)
    for phase in unused:
        start = phase.value(Clue.ACQUISITION_TIME)
        if phase.series.count > 1 and last is not None and start is not None and 0 < start - last <= RESTART_S:
            raise StudyIneligible(
                f"series {phase.series.item.series.number} continues where the dynamic ends, but nothing shows that it "
                "belongs to it",
                Ineligibility.PHASE_MISSING,
            )
    return len(unused)


# --- what speaks against it


def _require_no_contradiction(dynamic: ChosenDynamic, suspects: Sequence[SeriesRepeats]) -> None:
    """Refuse when a series called a subtraction was taken at a moment of its own, as only an acquisition is."""
    moments = [start_of(volume, Clue.ACQUISITION_TIME) for volume in dynamic.phases]
    made = dynamic.stack.locations[0][0].acquisition
    for each in suspects:
        if not each.item.is_original or not same_grid(each.stack, dynamic.stack):
            continue
        if any(_has_own_time(volume, moments) for volume in each.repeats.volumes) and same_timing(
            each.acquisition, made
        ):
            raise StudyIneligible(
                f"series {each.item.series.number} is named '{each.item.name.word}', but its tags are those of a "
                "DCE phase taken at a time of its own; set a rule for this series name",
                Ineligibility.NAME_CONTRADICTS_TAGS,
            )


def _has_own_time(volume: Slices, moments_s: Sequence[float | None]) -> bool:
    """Whether a volume was taken at a time that differs from each of these, all of which are known."""
    start = start_of(volume, Clue.ACQUISITION_TIME)
    return start is not None and all(m is not None and abs(m - start) > _SAME_MOMENT_S for m in moments_s)


def _require_no_lost_phase(dynamic: ChosenDynamic, items: Iterable[SeriesRole]) -> None:
    """Raise StudyIneligible when a series of the same measurement, taken meanwhile, cannot be used as it is.

    It may be a phase; without it the others would be taken for the whole dynamic.
    """
    for item in items:
        if item in dynamic.sources or _is_suspect(item) or item.role not in T1_ROLES:
            continue
        series, problems = repeats_of([item])
        if not series and problems and _may_be_a_phase(item, dynamic):
            raise StudyIneligible(
                f"series {item.series.number} repeats the dynamic's measurement and cannot be used "
                f"({problems[0].words}): a phase may be missing",
                Ineligibility.PHASE_MISSING,
            )


def _require_its_mask(dynamic: ChosenDynamic, items: Iterable[SeriesRole]) -> None:
    """Raise StudyIneligible when a MASK stays outside of a dynamic whose first phase nothing proves."""
    for item in items:
        if _is_mask(item) and item not in dynamic.sources and not dynamic.pre_contrast.is_proven:
            raise StudyIneligible(
                f"series {item.series.number} is named as the phase before contrast ('{item.name.word}') and does not "
                "fit the dynamic, whose first phase nothing proves to be pre-contrast",
                Ineligibility.PRE_CONTRAST_UNPROVEN,
            )


def _may_be_a_phase(item: SeriesRole, dynamic: ChosenDynamic) -> bool:
    """Whether a series that forms no volumes has the grid, the timing and the time of the dynamic, as far as known."""
    shape = dynamic.stack.shape
    on_grid = not item.stacks or any(stack.shape == shape for stack in item.stacks)
    made = dynamic.phases[0][0].acquisition
    return on_grid and same_timing(item.series.acquisition, made) and overlaps_in_time(item, dynamic)


def overlaps_in_time(item: SeriesRole, dynamic: ChosenDynamic) -> bool:
    """Whether a series was taken during the dynamic or soon before or after it, as far as its times tell."""
    here = [plane.clocks.acquisition_s for plane in item.series.planes if plane.clocks.acquisition_s is not None]
    phases = [start for phase in dynamic.phases if (start := start_of(phase, Clue.ACQUISITION_TIME)) is not None]
    if not here or len(phases) < len(dynamic.phases):
        return True
    *during, start = unwrapped([*phases, min(here)])
    return min(during) - RESTART_S <= start <= max(during) + RESTART_S
