"""Whether the first phase is the one before contrast: proven, refuted, or unknown and then refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicom_io.study.attempts import Attempt, Phase
from dicom_io.study.measurements import SeriesRepeats, repeats_of
from dicom_io.study.pre_contrast import (
    PreContrast,
    PreContrastEvidence,
    examine_first_phase,
    with_pre_contrast_phase,
)
from dicom_io.study.roles import SeriesRole
from dicom_io.vendors.base import Clue
from mome_core.errors import Ineligibility, StudyIneligible
from planes import MORNING_S, SLICES_MM, dynamic_planes, phase_of, plane, series_role, volume

EVEN = (0.0, 100.0, 200.0)  # no pause: the times say nothing


def repeats(*items: SeriesRole) -> list[SeriesRepeats]:
    found, problems = repeats_of(items)
    assert not problems
    return found


def attempt(*items: SeriesRole) -> Attempt:
    """All volumes of these series, in this order."""
    phases = [Phase(each, volume) for each in repeats(*items) for volume in each.repeats.volumes]
    return Attempt(tuple(phases), Clue.ACQUISITION_TIME)


def judged(*items: SeriesRole) -> tuple[PreContrast, PreContrastEvidence]:
    finding = examine_first_phase(attempt(*items))
    assert finding.words
    return finding.verdict, finding.evidence


def one_series(*times_s: float, **facts: Any) -> SeriesRole:
    return series_role(dynamic_planes(*times_s, **facts))


# --- the injection


def test_an_injection_between_the_first_two_phases_proves_it() -> None:
    dynamic = one_series(*EVEN, contrast_start_s=MORNING_S + 60)
    assert judged(dynamic) == (PreContrast.PROVEN, PreContrastEvidence.INJECTION_TIME)


def test_an_injection_before_the_first_phase_refutes_it() -> None:
    dynamic = one_series(*EVEN, contrast_start_s=MORNING_S - 60)
    assert judged(dynamic) == (PreContrast.REFUTED, PreContrastEvidence.INJECTION_TIME)


@pytest.mark.parametrize("offset_s", [-1.0, -0.5, 0.0, 101.5, 150.0])
def test_an_injection_at_an_impossible_time_says_nothing(offset_s: float) -> None:
    dynamic = one_series(*EVEN, contrast_start_s=MORNING_S + offset_s)
    assert judged(dynamic) == (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)


def test_the_injection_is_believed_before_the_name() -> None:
    items = [
        series_role(dynamic_planes(time, contrast_start_s=MORNING_S - 60), name)
        for name, time in (("t1 pre", 0.0), ("t1 post", 100.0))
    ]
    assert judged(*items) == (PreContrast.REFUTED, PreContrastEvidence.INJECTION_TIME)


# --- the count


def counted(first: int, last: int, announced: int | None) -> SeriesRole:
    planes = [plane(z, temporal_position=float(n)) for n in range(first, last + 1) for z in SLICES_MM]
    return series_role(planes, announced_phases=announced)


def test_a_count_that_does_not_begin_at_its_beginning_refutes_it() -> None:
    assert judged(counted(2, 6, announced=6)) == (PreContrast.REFUTED, PreContrastEvidence.TEMPORAL_POSITION)


@pytest.mark.parametrize(("first", "last", "announced"), [(1, 6, 6), (1, 5, 6), (2, 7, 6), (2, 6, None), (0, 5, 6)])
def test_a_count_that_is_complete_or_not_announced_says_nothing(first: int, last: int, announced: int | None) -> None:
    assert judged(counted(first, last, announced))[0] is PreContrast.UNKNOWN


@pytest.mark.parametrize(
    ("numbers", "announced", "expected"),
    [
        ((2, 3, 4, 5, 6), 6, (PreContrast.REFUTED, PreContrastEvidence.ACQUISITION_NUMBER)),
        ((1, 2, 3, 4, 5), 6, (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)),
        ((2, 3, 4, 5, 6), None, (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)),
        ((2, 2, 2, 2, 2), 6, (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)),
    ],
    ids=["the first is missing", "the last is missing", "not announced", "the number of the protocol (Philips)"],
)
def test_acquisition_numbers_count_the_phases_where_they_differ(
    numbers: tuple[int, ...], announced: int | None, expected: tuple[PreContrast, PreContrastEvidence]
) -> None:
    items = [
        replace(each, series=replace(each.series, announced_phases=announced))
        for n, number in enumerate(numbers)
        for each in (phase_of("t1 dyn", 100.0 * n, acquisition_number=float(number)),)
    ]
    assert judged(*items) == expected


# --- the contrast agent


def agents(*names: str) -> SeriesRole:
    times = (100.0 * n for n in range(len(names)))
    planes = [p for time, name in zip(times, names, strict=True) for p in dynamic_planes(time, contrast=name)]
    return series_role(planes)


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (("", "Gd", "Gd"), PreContrast.PROVEN),
        (("PRE_CONTRAST", "POST_CONTRAST", "POST_CONTRAST"), PreContrast.PROVEN),
        (("Gd", "Gd", "Gd"), PreContrast.UNKNOWN),
        (("", "", ""), PreContrast.UNKNOWN),
        (("", "Gd", ""), PreContrast.UNKNOWN),
        (("Gd", "", ""), PreContrast.UNKNOWN),
    ],
)
def test_a_phase_that_alone_names_no_agent_is_pre_contrast(names: tuple[str, ...], verdict: PreContrast) -> None:
    assert judged(agents(*names))[0] is verdict


# --- names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("t1 pre", "t1 post 1", "t1 post 2"), (PreContrast.PROVEN, PreContrastEvidence.SERIES_NAME)),
        (("t1 dyn", "t1 1st pass", "t1 2nd pass"), (PreContrast.PROVEN, PreContrastEvidence.PHASE_NUMBER)),
        (("t1 post 1", "t1 post 2", "t1 post 3"), (PreContrast.REFUTED, PreContrastEvidence.SERIES_NAME)),
        (("t1 pre", "t1 pre", "t1 post"), (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)),
        (("Ph1/Ax", "Ph2/Ax", "Ph3/Ax"), (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)),
        (("t1", "t1", "t1"), (PreContrast.UNKNOWN, PreContrastEvidence.FIRST_IN_TIME)),
    ],
)
def test_what_names_say(names: tuple[str, ...], expected: tuple[PreContrast, PreContrastEvidence]) -> None:
    assert judged(*(phase_of(name, time) for name, time in zip(names, EVEN, strict=True))) == expected


def test_the_name_of_a_series_of_several_phases_says_nothing_of_the_first() -> None:
    assert judged(series_role(dynamic_planes(*EVEN), "t1 post"))[0] is PreContrast.UNKNOWN


# --- the pause


def test_the_longest_gap_lies_behind_the_pre_contrast_phase() -> None:
    assert judged(one_series(0, 100, 170, 240)) == (PreContrast.PROVEN, PreContrastEvidence.INJECTION_PAUSE)
    assert judged(one_series(0, 100, 170)) == (PreContrast.PROVEN, PreContrastEvidence.INJECTION_PAUSE)
    assert judged(one_series(0, 80, 150, 220))[0] is PreContrast.UNKNOWN
    assert judged(one_series(0, 100))[0] is PreContrast.UNKNOWN


def test_an_ultrafast_dynamic_begins_before_the_contrast() -> None:
    fast = one_series(*(5.0 * n for n in range(14)))
    assert judged(fast) == (PreContrast.PROVEN, PreContrastEvidence.ULTRAFAST)
    assert judged(one_series(*(5.0 * n for n in range(13))))[0] is PreContrast.UNKNOWN


# --- a pre-contrast phase in a series of its own


def test_a_single_volume_of_the_same_measurement_before_the_others_is_the_pre_contrast_phase() -> None:
    single, dynamic = phase_of("t1 fs", -150), one_series(*EVEN)
    found, finding = with_pre_contrast_phase(attempt(dynamic), repeats(single, dynamic))
    assert found.sources == (single, dynamic, dynamic, dynamic)
    assert (finding.verdict, finding.evidence) == (PreContrast.PROVEN, PreContrastEvidence.EARLIER_SERIES)


def test_of_two_single_volumes_before_the_others_the_last_is_taken() -> None:
    early, late, dynamic = phase_of("a", -300), phase_of("b", -150), one_series(*EVEN)
    found, _ = with_pre_contrast_phase(attempt(dynamic), repeats(late, early, dynamic))
    assert found.sources[0] is late


def test_a_first_phase_that_is_proven_needs_no_other() -> None:
    single, dynamic = phase_of("t1 fs", -150), one_series(0, 100, 170, 240)
    found, _ = with_pre_contrast_phase(attempt(dynamic), repeats(single, dynamic))
    assert found.sources == (dynamic,) * 4


@pytest.mark.parametrize(
    "other",
    [
        phase_of("after", 500),
        phase_of("another echo", -150, echo_ms=4.0),
        series_role(volume(), "timeless"),
        series_role(dynamic_planes(-300, -150), "two volumes"),
    ],
    ids=lambda item: item.series.description,
)
def test_what_is_later_other_timeless_or_several_is_no_pre_contrast_phase(other: SeriesRole) -> None:
    dynamic = one_series(*EVEN)
    found, finding = with_pre_contrast_phase(attempt(dynamic), repeats(other, dynamic))
    assert found.sources == (dynamic,) * 3
    assert finding.verdict is PreContrast.UNKNOWN


def test_a_pre_contrast_series_before_midnight_comes_before_a_dynamic_after_it() -> None:
    single = phase_of("pre", 86390.0 - MORNING_S)
    dynamic = one_series(*(time + 30.0 - MORNING_S for time in EVEN))
    found, _ = with_pre_contrast_phase(attempt(dynamic), repeats(single, dynamic))
    assert found.sources[0] is single


# --- refused


def refusal(*items: SeriesRole) -> tuple[Ineligibility, str]:
    with pytest.raises(StudyIneligible) as refused:
        with_pre_contrast_phase(attempt(*items), repeats(*items))
    return refused.value.code, str(refused.value)


def test_a_refuted_first_phase_without_another_is_refused() -> None:
    code, words = refusal(*(phase_of(f"t1 post {n}", 100.0 * n) for n in (1, 2, 3)))
    assert code is Ineligibility.PRE_CONTRAST_MISSING
    assert words.endswith("the first phase is not pre-contrast: its name says post")


def test_a_numbered_first_phase_that_nothing_proves_is_refused() -> None:
    code, words = refusal(*(phase_of(f"Ph{n}/Ax", 100.0 * n) for n in (1, 2, 3)))
    assert code is Ineligibility.PRE_CONTRAST_UNPROVEN
    assert "set a rule for this series name" in words


def test_a_numbered_first_phase_with_a_pause_behind_it_is_accepted() -> None:
    items = [phase_of(f"Ph{n}/Ax", time) for n, time in enumerate((0.0, 150.0, 220.0, 290.0), start=1)]
    _, finding = with_pre_contrast_phase(attempt(*items), repeats(*items))
    assert finding.evidence is PreContrastEvidence.INJECTION_PAUSE


def test_a_pair_is_a_dynamic() -> None:
    items = [phase_of("t1 pre", 0), phase_of("t1 post", 100)]
    found, finding = with_pre_contrast_phase(attempt(*items), repeats(*items))
    assert (len(found.phases), finding.is_proven) == (2, True)


def test_a_phase_number_in_the_name_of_all_phases_or_of_none_is_no_reason_to_refuse() -> None:
    for items in ([series_role(dynamic_planes(*EVEN), "Ph1/Ax")], [phase_of("t1", time) for time in EVEN]):
        _, finding = with_pre_contrast_phase(attempt(*items), repeats(*items))
        assert finding.verdict is PreContrast.UNKNOWN


def test_one_volume_is_no_dynamic_even_when_the_injection_is_known() -> None:
    code, _ = refusal(phase_of("t1", 0, contrast_start_s=MORNING_S + 60))
    assert code is Ineligibility.POST_CONTRAST_MISSING


def test_one_volume_is_no_dynamic() -> None:
    code, _ = refusal(phase_of("t1 pre", 0))
    assert code is Ineligibility.POST_CONTRAST_MISSING
