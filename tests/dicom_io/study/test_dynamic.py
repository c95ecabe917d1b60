"""The choice of a study's dynamic as a whole: what it is made of, what speaks against it, the roles that follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicom_io.study.dynamic import ChosenDynamic, assign_dynamic_roles, choose_dynamic, overlaps_in_time
from dicom_io.study.roles import SeriesRole
from mome_core.case import PreContrast, Role
from mome_core.errors import Ineligibility, StudyIneligible
from planes import MORNING_S, dynamic_planes, phase_of, plane, series_role, volume

PAUSED = (0.0, 100.0, 170.0, 240.0)  # the pause for the injection is behind the first phase


def dynamic_series(*times_s: float, **facts: Any) -> SeriesRole:
    description = facts.pop("description", "t1 dyn")
    return series_role(dynamic_planes(*(times_s or PAUSED), **facts), description)


def chosen(*items: SeriesRole) -> ChosenDynamic:
    return choose_dynamic(items)


def refusal(*items: SeriesRole) -> tuple[Ineligibility, str]:
    with pytest.raises(StudyIneligible) as refused:
        choose_dynamic(items)
    return refused.value.code, str(refused.value)


# --- the choice


def test_one_series_is_a_dynamic_with_times_and_a_proven_first_phase() -> None:
    dynamic = chosen(dynamic_series())
    assert [time - MORNING_S for time in dynamic.times_s] == list(PAUSED)
    assert dynamic.pre_contrast.is_proven
    assert (str(dynamic.clue), dynamic.notes) == ("acquisition time", ())


def test_a_series_per_phase_is_the_same_dynamic_in_any_order_of_arrival() -> None:
    phases = [phase_of(f"t1 {n}", time, number=n) for n, time in enumerate(PAUSED)]
    for items in (phases, phases[::-1]):
        assert chosen(*items).sources == tuple(phases)


def test_the_fat_suppressed_dynamic_is_read_and_the_other_left() -> None:
    plain = dynamic_series(fat_suppressed=False)
    suppressed = dynamic_series(*(time + 1000 for time in PAUSED))
    assert set(chosen(plain, suppressed).sources) == {suppressed}


def test_series_that_are_no_t1_take_no_part() -> None:
    t2 = replace(dynamic_series(), role=Role.T2)
    code, words = refusal(t2)
    assert code is Ineligibility.NO_DYNAMIC
    assert words == "no dynamic (DCE) series was found: the study holds no T1-weighted volume"


def test_what_was_left_out_is_named_when_there_is_no_dynamic() -> None:
    refused = replace(phase_of("t1", 0), stacks=(), refused="it is a single slice")
    code, words = refusal(refused, phase_of("t1", 100))
    assert code is Ineligibility.NO_DYNAMIC
    assert words == (
        "no dynamic (DCE) series was found: the study holds one T1-weighted volume, and a dynamic needs one before and "
        "one after contrast; left out were: it is a single slice"
    )


def test_a_dynamic_in_one_series_without_any_order_has_the_code_of_the_order() -> None:
    code, words = refusal(series_role([*volume(acquisition_s=1.0), *volume(acquisition_s=1.0)]))
    assert code is Ineligibility.PHASE_ORDER_UNKNOWN
    assert words.endswith("left out were: each slice has 2 images and nothing in them says which came first")


def test_volumes_that_repeat_no_measurement_are_no_dynamic() -> None:
    code, words = refusal(phase_of("a", 0), phase_of("b", 100, echo_ms=4.0))
    assert code is Ineligibility.NO_DYNAMIC
    assert words.endswith("the study holds 2 T1-weighted volumes that do not repeat one measurement")


def test_a_computed_dynamic_is_read_only_where_no_original_one_is() -> None:
    derived = frozenset({"DERIVED", "PRIMARY", "M"})
    computed = dynamic_series(0, 100, 170, 240, 310, words=derived)
    original = dynamic_series(1000, 1100, 1170, flip_degrees=20.0)
    assert set(chosen(computed, original).sources) == {original}
    assert set(chosen(computed).sources) == {computed}


def test_no_order_is_refused_with_its_code() -> None:
    code, words = refusal(series_role(volume(), "a"), series_role(volume(), "b"))
    assert code is Ineligibility.PHASE_ORDER_UNKNOWN
    assert words.startswith("the order of the DCE phases cannot be determined: ")


def test_the_last_of_two_equal_attempts_is_read_and_the_rest_is_told() -> None:
    dynamic = chosen(dynamic_series(*PAUSED, *(time + 1000 for time in PAUSED)))
    assert dynamic.times_s[0] == MORNING_S + 1000
    assert dynamic.notes == ("4 other volumes of the same measurement are not part of the dynamic",)


def test_several_attempts_that_show_no_pre_contrast_phase_are_refused() -> None:
    code, words = refusal(dynamic_series(0, 100, 200, 1000, 1100, 1200))
    assert code is Ineligibility.PRE_CONTRAST_UNPROVEN
    assert words.startswith("there are 2 attempts at the dynamic")


def test_a_first_phase_that_nothing_contradicts_is_taken_for_pre_contrast_with_that_reason() -> None:
    dynamic = chosen(dynamic_series(0, 100, 200))
    assert dynamic.pre_contrast.verdict is PreContrast.UNKNOWN
    assert dynamic.pre_contrast.words == "it is the first in time, and nothing contradicts"


def test_a_single_volume_soon_after_the_dynamic_is_told_and_left() -> None:
    dynamic = dynamic_series()
    found = chosen(dynamic, phase_of("delayed", PAUSED[-1] + 100))
    assert set(found.sources) == {dynamic}
    assert found.notes == ("1 other volumes of the same measurement are not part of the dynamic",)


# --- what speaks against it


def test_a_series_of_phases_that_goes_on_where_the_dynamic_ends_is_refused() -> None:
    dynamic = dynamic_series(0, 100, 170, 240, 310)
    other = dynamic_series(380, 450, image_type=("ORIGINAL", "PRIMARY", "T1"))
    code, words = refusal(dynamic, other)
    assert code is Ineligibility.PHASE_MISSING
    assert "continues where the dynamic ends" in words


def test_a_subtraction_by_name_that_was_taken_at_a_time_of_its_own_is_refused() -> None:
    code, words = refusal(dynamic_series(), phase_of("t1 sub", 310))
    assert code is Ineligibility.NAME_CONTRADICTS_TAGS
    assert "set a rule for this series name" in words


@pytest.mark.parametrize(
    "subtraction",
    [
        phase_of("t1 sub", PAUSED[1]),
        phase_of("t1 sub", 310, echo_ms=4.0),
        phase_of("t1 sub", 310, words=frozenset({"DERIVED"})),
    ],
    ids=["at the time of a phase", "of another echo", "derived"],
)
def test_a_subtraction_that_cannot_be_a_phase_changes_nothing(subtraction: SeriesRole) -> None:
    dynamic = dynamic_series()
    assert set(chosen(dynamic, subtraction).sources) == {dynamic}


def lost(time_s: float, **facts: Any) -> SeriesRole:
    """A series of the dynamic's measurement that forms no volume."""
    item = phase_of("t1 dyn", time_s, **facts)
    return replace(item, stacks=(), refused="about 1 slices are missing")


def test_a_series_of_the_same_measurement_that_cannot_be_used_may_be_a_phase() -> None:
    code, words = refusal(dynamic_series(), lost(310))
    assert code is Ineligibility.PHASE_MISSING
    assert "about 1 slices are missing" in words


@pytest.mark.parametrize("item", [lost(310, echo_ms=4.0), lost(5000)], ids=["another echo", "long after"])
def test_a_series_that_cannot_be_a_phase_may_be_broken(item: SeriesRole) -> None:
    assert len(chosen(dynamic_series(), item).phases) == 4


def of_two_slabs(depths_mm: tuple[float, ...], description: str = "t1") -> SeriesRole:
    """A series of the dynamic's time and timing whose images form two slabs of these slices."""
    item = series_role([plane(z, acquisition_s=MORNING_S + 310) for z in depths_mm], description)
    return replace(item, stacks=tuple(replace(stack, slabs=2) for stack in item.stacks))


def test_slabs_of_the_dynamics_matrix_may_be_a_phase_and_others_may_not() -> None:
    code, _ = refusal(dynamic_series(), of_two_slabs((0, 2, 4)))
    assert code is Ineligibility.PHASE_MISSING
    assert len(chosen(dynamic_series(), of_two_slabs((0, 2, 4, 6))).phases) == 4


def test_a_broken_subtraction_is_no_lost_phase() -> None:
    assert len(chosen(dynamic_series(), of_two_slabs((0, 2, 4), "t1 sub")).phases) == 4


def test_a_broken_series_without_times_may_have_been_taken_meanwhile() -> None:
    dynamic = chosen(dynamic_series())
    assert overlaps_in_time(series_role(volume(), "timeless"), dynamic)
    assert overlaps_in_time(phase_of("soon after", 400), dynamic)
    assert not overlaps_in_time(phase_of("long after", 4000), dynamic)


# --- roles


def test_the_phases_get_their_roles_and_reasons() -> None:
    items = [
        phase_of("t1 pre", 0),
        phase_of("t1 post", 100),
        phase_of("t1 post", 170),
        phase_of("echo", 0, echo_ms=9.0),
    ]
    roles = assign_dynamic_roles(items)
    assert [each.role for each in roles] == [Role.DCE_PRE, Role.DCE_POST, Role.DCE_POST, Role.T1_FS_SINGLE]
    assert roles[0].why == "its tags say so; it is the phase before contrast (its name says pre) of the dynamic"
    assert roles[2].why.endswith("it is phase 2 of the dynamic")


def test_a_series_of_several_phases_is_told_which() -> None:
    single, rest = phase_of("t1", -150), dynamic_series(0, 100, 200)
    roles = assign_dynamic_roles([single, rest])
    assert [each.role for each in roles] == [Role.DCE_PRE, Role.DCE_MULTI]
    assert roles[1].why.endswith("it holds phases 1 to 3 of the dynamic")


def test_a_series_of_two_phases_holds_several() -> None:
    roles = assign_dynamic_roles([phase_of("t1 pre", -150), dynamic_series(0, 100)])
    assert [each.role for each in roles] == [Role.DCE_PRE, Role.DCE_MULTI]


def test_a_suspect_gets_the_role_of_its_name_even_without_a_dynamic() -> None:
    (suspect,) = assign_dynamic_roles([phase_of("t1 sub", 0)])
    assert (suspect.role, suspect.suspect) == (Role.SUBTRACTION, True)
    by_rule = replace(phase_of("t1 sub", 0), by_rule=True)
    assert assign_dynamic_roles([by_rule]) == [by_rule]


def test_each_study_has_a_dynamic_of_its_own() -> None:
    first, second = dynamic_series(), dynamic_series()
    second = replace(second, series=replace(second.series, study_uid="2.2"))
    assert [each.role for each in assign_dynamic_roles([first, second])] == [Role.DCE_MULTI, Role.DCE_MULTI]
