"""Which series repeat one measurement, and which of several dynamics is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicom_io.study.measurements import (
    Measurement,
    SeriesRepeats,
    continues,
    measurements_of,
    overlap,
    repeats_of,
    same_measurement,
    same_protocol,
    same_timing,
    without_enhanced_copies,
)
from dicom_io.study.roles import SeriesRole
from mome_core.errors import Ineligibility
from planes import SLICES_MM, T1, dynamic_planes, phase_of, plane, series_role, volume


def one(item: SeriesRole) -> SeriesRepeats:
    """A series that holds its repeats on one grid."""
    ((repeats,), problems) = repeats_of([item])
    assert not problems
    return repeats


def dynamic(*times_s: float, **facts: Any) -> SeriesRepeats:
    """A series of a volume at each time."""
    changes = {name: facts.pop(name) for name in ("announced_phases", "frame_of_reference_uid") if name in facts}
    return one(series_role(dynamic_planes(*times_s, **facts), **changes))


def sizes(*series: SeriesRepeats) -> list[int]:
    """How many series each measurement has."""
    return [len(measurement.members) for measurement in measurements_of(series)]


# --- what repeats


def test_a_series_per_phase_is_one_measurement() -> None:
    phases = [one(phase_of(f"phase {n}", 100.0 * n, number=n)) for n in range(4)]
    (measurement,) = measurements_of(phases)
    assert (measurement.phases, measurement.members) == (4, tuple(phases))


def test_another_grid_echo_or_flip_angle_is_another_measurement() -> None:
    phases = [one(phase_of("a", 0)), one(phase_of("b", 100))]
    coarse = one(series_role([plane(z, acquisition_s=1.0) for z in (0.0, 3.0, 6.0)], "coarse"))
    later_echo = one(phase_of("echo", 200, echo_ms=4.6))
    flipped = one(phase_of("flip", 300, flip_degrees=30.0))
    unsuppressed = one(phase_of("non fat sat", 400, fat_suppressed=False))
    assert sizes(*phases, coarse, later_echo, flipped, unsuppressed) == [2, 1, 1, 1, 1]


def test_what_a_series_does_not_say_may_be_anything() -> None:
    silent = replace(T1, repetition_ms=None, flip_degrees=None, fat_suppressed=None, dimensions="")
    assert same_timing(T1, silent)
    assert same_timing(T1, replace(T1, repetition_ms=5.1))
    assert not same_timing(T1, replace(T1, repetition_ms=5.2))
    assert not same_timing(T1, replace(T1, dimensions="2D"))
    assert not same_timing(T1, replace(T1, fat_suppressed=False))


def test_another_frame_of_reference_is_another_measurement_and_none_is_any() -> None:
    here, there = dynamic(0, frame_of_reference_uid="1.1"), dynamic(0, frame_of_reference_uid="1.2")
    assert not same_measurement(here, there)
    assert same_measurement(here, dynamic(0, frame_of_reference_uid=""))


def test_another_image_type_is_another_protocol() -> None:
    two = dynamic(0, 100), dynamic(200, 300, image_type=("DERIVED", "PRIMARY", "M"))
    assert not same_protocol(*two)
    assert sizes(*two) == [1, 1]


def test_single_volumes_of_different_protocols_are_still_one_measurement() -> None:
    """Sites that name each phase export them with different protocols."""
    first = one(phase_of("pre", 0))
    second = one(phase_of("post", 100, image_type=("ORIGINAL", "PRIMARY", "T1")))
    assert not same_protocol(first, second)
    assert sizes(first, second) == [2]


def test_a_single_volume_beside_a_dynamic_is_not_of_its_protocol() -> None:
    assert sizes(dynamic(100, 200, 300), one(phase_of("single", 0))) == [1, 1]


def test_single_volumes_that_announce_different_numbers_of_phases_are_of_different_dynamics() -> None:
    def announced(phases: int | None, time_s: float) -> SeriesRepeats:
        return one(series_role(dynamic_planes(time_s), announced_phases=phases))

    assert same_protocol(announced(6, 0), announced(6, 100))
    assert same_protocol(announced(6, 0), announced(None, 100))
    assert not same_protocol(announced(6, 0), announced(4, 100))


def counted(first: int, last: int) -> SeriesRepeats:
    numbers = range(first, last + 1)
    return one(series_role([plane(z, temporal_position=float(n)) for n in numbers for z in SLICES_MM]))


def test_a_series_continues_where_the_count_of_another_ends() -> None:
    assert continues(counted(1, 3), counted(4, 6))
    assert continues(counted(4, 6), counted(1, 3))
    assert continues(counted(1, 1), counted(2, 6))
    assert not continues(counted(1, 3), counted(5, 6))
    assert not continues(counted(1, 3), counted(1, 3))
    assert not continues(counted(2, 3), counted(4, 6))


def test_two_series_that_ran_at_the_same_time_are_two_dynamics() -> None:
    assert overlap(dynamic(0, 100, 200), dynamic(150, 250))
    assert not overlap(dynamic(0, 100), dynamic(200, 300))
    assert not overlap(dynamic(0, 100), dynamic(50))
    assert sizes(dynamic(0, 100, 200), dynamic(0, 100, 200)) == [1, 1]
    assert sizes(dynamic(0, 100, 200), dynamic(300, 400)) == [2]


# --- which dynamic


def preferred(*series: SeriesRepeats) -> Measurement:
    return max((Measurement((each,)) for each in series), key=lambda measurement: measurement.preference)


def test_a_dynamic_comes_before_a_fat_suppressed_pair() -> None:
    pair, plain = dynamic(0, 100), dynamic(0, 100, 200, fat_suppressed=False)
    assert preferred(pair, plain).members == (plain,)


@pytest.mark.parametrize(("worse", "better"), [(False, None), (None, True), (False, True)])
def test_fat_suppression_comes_before_unknown_and_unknown_before_none(worse: bool | None, better: bool | None) -> None:
    first, second = dynamic(0, 1, 2, fat_suppressed=worse), dynamic(0, 1, 2, fat_suppressed=better)
    assert preferred(first, second).members == (second,)


def test_a_usual_dynamic_comes_before_an_ultrafast_one() -> None:
    ultrafast, usual = dynamic(*range(0, 140, 10)), dynamic(0, 100, 200)
    assert preferred(ultrafast, usual).members == (usual,)


def test_of_two_usual_dynamics_the_finer_then_the_longer_is_read() -> None:
    fine = one(series_role([plane(z, acquisition_s=t) for t in (1.0, 2.0, 3.0) for z in (0.0, 1.0, 2.0, 3.0)]))
    thick, longer = dynamic(0, 100, 200), dynamic(0, 100, 200, 300)
    assert preferred(thick, fine).members == (fine,)
    assert preferred(thick, longer).members == (longer,)


# --- what cannot be used


def test_what_forms_no_volumes_is_a_problem_in_words() -> None:
    refused = replace(phase_of("a", 0), stacks=(), refused="it is a single slice")
    slabs = phase_of("b", 0)
    slabs = replace(slabs, stacks=tuple(replace(stack, slabs=2) for stack in slabs.stacks))
    no_order = series_role([*volume(acquisition_s=1.0), *volume(acquisition_s=1.0)])
    found, problems = repeats_of([refused, slabs, no_order])
    assert found == []
    assert [problem.words for problem in problems[:2]] == ["it is a single slice", "a series consists of several slabs"]
    assert "nothing in them says which came first" in problems[2].words
    assert [problem.code for problem in problems] == [
        Ineligibility.NO_DYNAMIC,
        Ineligibility.NO_DYNAMIC,
        Ineligibility.PHASE_ORDER_UNKNOWN,
    ]


def test_an_enhanced_copy_under_the_uid_of_a_classic_series_is_no_second_measurement() -> None:
    classic = one(series_role(dynamic_planes(0, 100), series_uid="1.7"))
    copy = one(series_role(dynamic_planes(0, 100, frame=1), series_uid="1.7"))
    alone = one(series_role(dynamic_planes(0, 100, frame=1), series_uid="1.8"))
    assert without_enhanced_copies([copy, classic, alone]) == [classic, alone]
