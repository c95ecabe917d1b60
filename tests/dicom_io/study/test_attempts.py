"""Volumes of several series in the order of time, and where a dynamic was begun anew."""

from __future__ import annotations

from typing import Any

import pytest

from dicom_io.errors import NoPhaseOrder
from dicom_io.study.attempts import attempts_of, order_across_series
from dicom_io.study.measurements import Measurement, repeats_of
from dicom_io.study.roles import SeriesRole
from planes import MORNING_S, SLICES_MM, dynamic_planes, phase_of, plane, series_role, volume


def measurement(*items: SeriesRole) -> Measurement:
    series, problems = repeats_of(items)
    assert not problems
    return Measurement(tuple(series))


def order(*items: SeriesRole) -> tuple[str, list[str]]:
    """What orders these series, and their names in that order."""
    clue, phases = order_across_series(measurement(*items))
    return str(clue), [phase.series.item.series.description for phase in phases]


def lengths(*times_s: float, **facts: Any) -> list[int]:
    """How many phases each attempt of one series has."""
    return [len(each.phases) for each in attempts_of(measurement(series_role(dynamic_planes(*times_s, **facts))))]


# --- order


def test_series_are_ordered_by_acquisition_time_whatever_their_names_and_numbers() -> None:
    clue, names = order(phase_of("b", 200, number=1), phase_of("c", 0, number=2), phase_of("a", 100, number=3))
    assert (clue, names) == ("acquisition time", ["c", "a", "b"])


def test_a_dynamic_over_midnight_is_in_order() -> None:
    evening = 86390.0 - MORNING_S
    _, names = order(phase_of("night", 10.0 - MORNING_S), phase_of("evening", evening))
    assert names == ["evening", "night"]


def test_content_time_orders_where_the_acquisition_time_is_one_for_all() -> None:
    items = [series_role(volume(acquisition_s=1.0, content_s=time), str(time)) for time in (30.0, 10.0, 20.0)]
    assert order(*items) == ("content time", ["10.0", "20.0", "30.0"])


def test_labels_order_where_no_clock_does() -> None:
    items = [series_role(volume(temporal_position=float(n)), str(n)) for n in (3, 1, 2)]
    assert order(*items) == ("temporal position", ["1", "2", "3"])


def test_a_label_against_the_clock_is_refused() -> None:
    items = [
        series_role(volume(acquisition_s=time, temporal_position=label), "x")
        for time, label in ((1.0, 2.0), (2.0, 1.0))
    ]
    with pytest.raises(NoPhaseOrder, match="acquisition time orders the series against the temporal position"):
        order(*items)


def test_phase_numbers_in_names_against_the_clock_are_refused() -> None:
    with pytest.raises(NoPhaseOrder, match="against the phase number in the series name"):
        order(phase_of("Ph2/Ax Vibrant", 0), phase_of("Ph1/Ax Vibrant", 100))


def test_names_order_only_together_with_the_series_numbers() -> None:
    def named(number: int, phase: int) -> SeriesRole:
        return series_role(volume(), f"Ph{phase}/Ax Vibrant", number=number)

    assert order(named(3, 2), named(2, 1)) == (
        "phase number in the series name",
        ["Ph1/Ax Vibrant", "Ph2/Ax Vibrant"],
    )
    with pytest.raises(NoPhaseOrder, match="2 volumes repeat one measurement in several series"):
        order(named(2, 2), named(3, 1))
    with pytest.raises(NoPhaseOrder, match="nothing tells their order"):
        order(series_role(volume(), "a"), series_role(volume(), "b"))


def test_a_clock_that_tears_a_series_apart_is_not_believed() -> None:
    """The order inside a series is known; a clock across series must not contradict it."""
    counted = [plane(z, acquisition_number=n, content_s=c) for n, c in ((1.0, 50.0), (2.0, 60.0)) for z in SLICES_MM]
    single = series_role(volume(acquisition_number=3.0, content_s=55.0), "single")
    with pytest.raises(NoPhaseOrder, match="content time orders the series against the acquisition number"):
        order(series_role(counted, "counted"), single)


def test_the_phases_of_one_series_keep_the_clue_that_ordered_them() -> None:
    items = [plane(z, temporal_position=float(n)) for n in (2, 1) for z in SLICES_MM]
    (attempt,) = attempts_of(measurement(series_role(items)))
    assert str(attempt.clue) == "temporal position"
    assert (len(attempt.sources), attempt.times_s) == (2, ())


# --- attempts


def test_the_pause_for_the_injection_is_no_restart() -> None:
    assert lengths(0, 100, 175, 250, 325) == [5]


def test_a_long_silence_is_a_restart() -> None:
    assert lengths(0, 100, 175, 600, 700, 775, 850) == [3, 4]


def test_four_minutes_of_silence_are_a_restart_and_less_is_none() -> None:
    assert lengths(0, 80, 160, 410, 490, 570) == [3, 3]
    assert lengths(0, 80, 160, 395, 475, 555) == [6]


def test_an_attempt_may_be_broken_off_after_its_first_phase() -> None:
    assert lengths(0, 600, 700, 775, 850) == [1, 4]


def test_a_slow_injection_behind_the_first_phase_is_no_restart() -> None:
    assert lengths(0, 200, 300, 370, 440) == [5]


def test_a_long_silence_between_slow_phases_is_none() -> None:
    assert lengths(0, 250, 450, 650) == [4]


def test_a_shorter_silence_before_another_pause_for_an_injection_is_a_restart() -> None:
    assert lengths(0, 60, 90, 120, 220, 280, 310, 340) == [4, 4]


def with_label(*pairs: tuple[float, float]) -> list[int]:
    """The attempts of single-volume series, each with a time and a temporal position."""
    items = [series_role(dynamic_planes(time, temporal_position=label)) for time, label in pairs]
    orderless = measurement(*items)
    return [len(each.phases) for each in attempts_of(orderless)]


def test_a_number_that_falls_back_after_a_silence_is_a_restart() -> None:
    assert with_label((0, 1), (60, 2), (150, 1), (210, 2), (270, 3)) == [2, 3]


def test_a_number_that_falls_back_without_a_silence_is_a_split_export() -> None:
    assert with_label((0, 1), (60, 2), (120, 1), (180, 2)) == [4]


def test_numbers_that_count_on_are_no_restart_whatever_the_silence() -> None:
    assert with_label((0, 1), (60, 2), (250, 3), (310, 4), (370, 5)) == [5]


def test_the_longest_attempt_is_preferred_and_of_equals_the_last() -> None:
    def preferred(*times_s: float) -> tuple[float, ...]:
        attempts = attempts_of(measurement(series_role(dynamic_planes(*times_s))))
        return tuple(time - MORNING_S for time in max(attempts, key=lambda attempt: attempt.preference).times_s)

    assert preferred(0, 100, 175, 250, 900, 1000) == (0, 100, 175, 250)
    assert preferred(0, 100, 175, 900, 1000, 1075) == (900, 1000, 1075)
