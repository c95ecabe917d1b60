"""Whether the first phase of a dynamic was taken before the contrast agent, and by what that is known.

Each proof looks at one kind of evidence and speaks only when that decides; the first that speaks is believed. A first
phase that is refuted is replaced by a single volume of the same measurement that came before, or the study is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from statistics import median

from dicom_io.study.attempts import PAUSE, Attempt, Phase
from dicom_io.study.measurements import ULTRAFAST_PHASES, SeriesRepeats, same_measurement
from dicom_io.study.names import Moment
from dicom_io.study.phases import unwrapped
from dicom_io.vendors.base import Clue
from mome_core.case import PreContrast
from mome_core.errors import Ineligibility, StudyIneligible

_CLOCK_TOLERANCE_S = 1.0  # between the clock of the injector's entry and that of the images


class PreContrastEvidence(StrEnum):
    """What told it: the stable code beside the words."""

    INJECTION_TIME = "INJECTION_TIME"
    TEMPORAL_POSITION = "TEMPORAL_POSITION"
    ACQUISITION_NUMBER = "ACQUISITION_NUMBER"
    CONTRAST_AGENT = "CONTRAST_AGENT"
    SERIES_NAME = "SERIES_NAME"
    PHASE_NUMBER = "PHASE_NUMBER"
    INJECTION_PAUSE = "INJECTION_PAUSE"
    ULTRAFAST = "ULTRAFAST"
    EARLIER_SERIES = "EARLIER_SERIES"
    FIRST_IN_TIME = "FIRST_IN_TIME"


_COUNTS = {
    Clue.TEMPORAL_POSITION: PreContrastEvidence.TEMPORAL_POSITION,
    Clue.ACQUISITION_NUMBER: PreContrastEvidence.ACQUISITION_NUMBER,
}


@dataclass(frozen=True, slots=True)
class PreContrastFinding:
    """Verdict on the first phase, the evidence for it, and words for a reader."""

    verdict: PreContrast
    evidence: PreContrastEvidence
    words: str

    @property
    def is_proven(self) -> bool:
        """Whether the first phase is known to be the one before contrast."""
        return self.verdict is PreContrast.PROVEN


_FIRST_IN_TIME = PreContrastFinding(
    PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME, "it is the first in time, and nothing contradicts"
)
_EARLIER_SERIES = PreContrastFinding(
    PreContrast.PROVEN,
    PreContrastEvidence.EARLIER_SERIES,
    "a series of the same measurement that came before the others",
)


def with_pre_contrast_phase(attempt: Attempt, series: Sequence[SeriesRepeats]) -> tuple[Attempt, PreContrastFinding]:
    """The attempt beginning with its pre-contrast phase: its own first, or a series of the same measurement before it.

    Raises StudyIneligible when the pre-contrast phase is missing, or when nothing tells whether it is.
    """
    finding = examine_first_phase(attempt)
    if not finding.is_proven and (single := _single_before(attempt, series)) is not None:
        attempt, finding = replace(attempt, phases=(single, *attempt.phases)), _EARLIER_SERIES
    if finding.verdict is PreContrast.REFUTED:
        raise StudyIneligible(
            f"the pre-contrast phase is missing: the first phase is not pre-contrast: {finding.words}",
            Ineligibility.PRE_CONTRAST_MISSING,
        )
    if len(attempt.phases) < 2:
        raise StudyIneligible(
            "no post-contrast phase was found: the dynamic has a single volume", Ineligibility.POST_CONTRAST_MISSING
        )
    if not finding.is_proven and _is_numbered_by_name(attempt):
        raise StudyIneligible(
            "the first phase is numbered, and some sites give number 1 to the pre-contrast and others to the first "
            "post-contrast phase; neither timing nor contrast tells which; set a rule for this series name",
            Ineligibility.PRE_CONTRAST_UNPROVEN,
        )
    return attempt, finding


def examine_first_phase(attempt: Attempt) -> PreContrastFinding:
    """What the first kind of evidence that decides says of the first phase; UNKNOWN when none does."""
    for proof in _PROOFS:
        if finding := proof(attempt):
            return finding
    return _FIRST_IN_TIME


def _single_before(attempt: Attempt, series: Sequence[SeriesRepeats]) -> Phase | None:
    """The last single volume of the same measurement that was taken before the attempt."""
    first = attempt.phases[0]
    before = []
    for each in series:
        if each.count > 1 or each.item in attempt.sources or not same_measurement(each, first.series):
            continue
        single = Phase(each, each.repeats.volumes[0])
        start_s = _start_before(single, first)
        if start_s is not None:
            before.append((start_s, each.item.series.series_uid, single))
    return max(before, key=lambda entry: entry[:2])[2] if before else None


def _start_before(single: Phase, first: Phase) -> float | None:
    """When a volume was taken, by the first clock that tells two volumes apart; None when that was not before."""
    for clue in (Clue.ACQUISITION_TIME, Clue.CONTENT_TIME):
        here, there = single.value(clue), first.value(clue)
        if here is not None and there is not None and here != there:
            start, begin = unwrapped([here, there])
            return start if start < begin else None
    return None


def _is_numbered_by_name(attempt: Attempt) -> bool:
    """Whether the phases come in several series, and the name of the first has a phase number."""
    return attempt.sources[0].name.phase_number is not None and len(set(map(id, attempt.sources))) > 1


# --- the proofs


def _proven(evidence: PreContrastEvidence, words: str) -> PreContrastFinding:
    return PreContrastFinding(PreContrast.PROVEN, evidence, words)


def _refuted(evidence: PreContrastEvidence, words: str) -> PreContrastFinding:
    return PreContrastFinding(PreContrast.REFUTED, evidence, words)


def _by_injection(attempt: Attempt) -> PreContrastFinding | None:
    """Contrast/Bolus Start Time against the starts of the first two phases."""
    starts = [phase.value(Clue.ACQUISITION_TIME) for phase in attempt.phases[:2]]
    injected = next((p.clocks.contrast_start_s for p in attempt.phases[-1].slices if p.clocks.contrast_start_s), None)
    if injected is None or len(starts) < 2 or starts[0] is None or starts[1] is None:
        return None
    if starts[0] < injected <= starts[1] + _CLOCK_TOLERANCE_S:
        return _proven(PreContrastEvidence.INJECTION_TIME, "the contrast agent was injected after it")
    if injected < starts[0] - _CLOCK_TOLERANCE_S:
        return _refuted(PreContrastEvidence.INJECTION_TIME, "the contrast agent was injected before it")
    return None


def _by_count(attempt: Attempt) -> PreContrastFinding | None:
    """A count of time points that does not begin at its beginning.

    Siemens counts the phases by the acquisition number, also where each is a series; Philips gives all of them one.
    """
    announced = attempt.sources[0].series.announced_phases
    if announced is None or not 2 <= len(attempt.phases) < announced:
        return None
    for label, evidence in _COUNTS.items():
        first, *later = (phase.value(label) for phase in attempt.phases)
        if first is not None and first > 1 and first not in later:
            return _refuted(evidence, f"it is number {first:g} of {announced}")
    return None


def _by_contrast(attempt: Attempt) -> PreContrastFinding | None:
    """Contrast/Bolus Agent; a pre-contrast phase in the series of the others may carry it too."""
    named = [phase.slices[0].contrast.upper() not in ("", "PRE_CONTRAST") for phase in attempt.phases]
    if len(named) < 2 or named[0] or not all(named[1:]):
        return None
    return _proven(PreContrastEvidence.CONTRAST_AGENT, "it alone names no contrast agent")


def _by_names(attempt: Attempt) -> PreContrastFinding | None:
    """The words pre and post, and the site that numbers post-contrast phases only (Duke)."""
    first, later = attempt.sources[0], [source for source in attempt.sources if source is not attempt.sources[0]]
    if attempt.sources.count(first) > 1:
        return None
    if first.name.moment is Moment.POST:
        return _refuted(PreContrastEvidence.SERIES_NAME, "its name says post")
    if not later:
        return None
    if first.name.moment is Moment.PRE and all(source.name.moment is not Moment.PRE for source in later):
        return _proven(PreContrastEvidence.SERIES_NAME, "its name says pre")
    if first.name.phase_number is None and all(source.name.phase_number is not None for source in later):
        return _proven(PreContrastEvidence.PHASE_NUMBER, "it alone has no phase number in its name")
    return None


def _by_pause(attempt: Attempt) -> PreContrastFinding | None:
    """The injection lies in the longest gap."""
    gaps = [b - a for a, b in pairwise(attempt.times_s)]
    if len(gaps) >= 2 and gaps[0] >= PAUSE * median(gaps[1:]):
        return _proven(PreContrastEvidence.INJECTION_PAUSE, "the pause for the injection follows it")
    if len(attempt.phases) >= ULTRAFAST_PHASES:
        return _proven(PreContrastEvidence.ULTRAFAST, "an ultrafast dynamic begins before the contrast arrives")
    return None


_PROOFS: tuple[Callable[[Attempt], PreContrastFinding | None], ...] = (
    _by_injection,
    _by_count,
    _by_contrast,
    _by_names,
    _by_pause,
)
