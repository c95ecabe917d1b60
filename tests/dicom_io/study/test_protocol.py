"""What a study holds of its protocol, volume by volume, whether or not it can be analysed."""

from __future__ import annotations

from dicom_io.study.dynamic import assign_dynamic_roles
from dicom_io.study.names import read_name
from dicom_io.study.protocol import check_protocol
from dicom_io.study.roles import RoleAssignment, SeriesRole
from mome_core.case import Role
from mome_core.protocol import FoundVolume, PartState, ProtocolItem, ProtocolPart
from planes import MORNING_S, SLICES_MM, dynamic_planes, phase_of, plane, series, series_role, volume

PAUSED = (0.0, 100.0, 170.0, 240.0)
WHOLE = len(SLICES_MM)


def protocol(*items: SeriesRole) -> dict[ProtocolPart, ProtocolItem]:
    assignment = RoleAssignment(tuple(assign_dynamic_roles(items)))
    return {each.part: each for each in check_protocol(assignment)}


def states(*items: SeriesRole) -> dict[ProtocolPart, PartState]:
    return {part: item.state for part, item in protocol(*items).items()}


def t2() -> SeriesRole:
    return series_role(volume(fat_suppressed=None), "t2", role=Role.T2, number=20)


def dwi() -> SeriesRole:
    return series_role([plane(z, b_value=b) for b in (0.0, 800.0) for z in SLICES_MM], role=Role.DWI, number=30)


def cut_phase(time_s: float, slices: int, number: int) -> SeriesRole:
    """A series whose last slices did not arrive."""
    header = series(dynamic_planes(time_s)[:slices], "t1", number=number)
    return SeriesRole(header, Role.T1_FS_SINGLE, 0.9, "its tags say so", read_name("t1"), refused="a fragment")


def test_a_whole_study_has_every_part() -> None:
    found = protocol(*(phase_of(f"t1 {n}", time, number=n) for n, time in enumerate(PAUSED, 1)), t2(), dwi())
    assert {item.state for item in found.values()} == {PartState.COMPLETE}
    assert found[ProtocolPart.PRE_CONTRAST].volumes == (FoundVolume(1, WHOLE, WHOLE),)
    assert [each.series_number for each in found[ProtocolPart.POST_CONTRAST].volumes] == [2, 3, 4]
    assert found[ProtocolPart.DWI].volumes == (FoundVolume(30, WHOLE, WHOLE),)


def test_the_phases_of_one_series_are_listed_one_by_one() -> None:
    found = protocol(series_role(dynamic_planes(*PAUSED), "t1 dyn", number=7))
    assert len(found[ProtocolPart.POST_CONTRAST].volumes) == len(PAUSED) - 1
    assert found[ProtocolPart.T2] == ProtocolItem(ProtocolPart.T2, PartState.MISSING)


def test_a_phase_that_lacks_slices_says_how_many_are_there() -> None:
    whole = [phase_of(f"t1 {n}", time, number=n) for n, time in enumerate(PAUSED[:2], 1)]
    found = protocol(*whole, cut_phase(PAUSED[2], 2, 3))
    assert found[ProtocolPart.POST_CONTRAST].volumes[-1] == FoundVolume(3, 2, WHOLE)
    assert not found[ProtocolPart.POST_CONTRAST].volumes[-1].is_complete


def test_without_a_readable_dynamic_the_volumes_that_come_closest_are_listed() -> None:
    found = protocol(phase_of("t1 1", PAUSED[0], number=1), cut_phase(PAUSED[1], 2, 2))
    assert found[ProtocolPart.PRE_CONTRAST] == ProtocolItem(
        ProtocolPart.PRE_CONTRAST, PartState.COMPLETE, (FoundVolume(1, WHOLE, WHOLE),)
    )
    assert found[ProtocolPart.POST_CONTRAST] == ProtocolItem(
        ProtocolPart.POST_CONTRAST, PartState.INCOMPLETE, (FoundVolume(2, 2, WHOLE),)
    )


def test_a_single_volume_may_be_before_or_after_contrast() -> None:
    found = states(phase_of("t1 1", 0.0))
    assert (found[ProtocolPart.PRE_CONTRAST], found[ProtocolPart.POST_CONTRAST]) == (
        PartState.UNKNOWN,
        PartState.MISSING,
    )


def test_a_study_without_t1_lacks_both_parts_of_the_dynamic() -> None:
    found = states(t2(), dwi())
    assert (found[ProtocolPart.PRE_CONTRAST], found[ProtocolPart.POST_CONTRAST]) == (PartState.MISSING,) * 2
    assert (found[ProtocolPart.T2], found[ProtocolPart.DWI]) == (PartState.COMPLETE,) * 2
    assert set(states().values()) == {PartState.MISSING}


def test_phases_after_contrast_alone_lack_the_one_before() -> None:
    later = [phase_of(f"t1 post {n}", 100.0 * n, number=n) for n in (2, 3)]
    found = protocol(*later)
    assert found[ProtocolPart.PRE_CONTRAST].state is PartState.MISSING
    assert [each.series_number for each in found[ProtocolPart.POST_CONTRAST].volumes] == [2, 3]


def test_copies_of_an_image_are_no_second_volume() -> None:
    once = dynamic_planes(0.0)
    again = [plane(z, acquisition_s=MORNING_S) for z in SLICES_MM]
    assert protocol(series_role(once + again, "t1"))[ProtocolPart.PRE_CONTRAST].volumes == (
        FoundVolume(1, WHOLE, WHOLE),
    )


def test_a_t2_of_which_no_volume_is_used_says_why() -> None:
    repeated = series_role([plane(z) for z in SLICES_MM for _ in range(2)], "t2", role=Role.T2, number=20)
    item = protocol(repeated)[ProtocolPart.T2]
    assert item.state is PartState.INCOMPLETE
    assert item.why == "series 20 (T2) is not used: its slices are repeated"
