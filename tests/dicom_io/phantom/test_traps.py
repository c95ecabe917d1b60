"""What each trap does to a study, on paper and in its headers."""

from __future__ import annotations

import pytest

from dicom_io.phantom.options import Trap
from dicom_io.phantom.plan import InstanceLayout, SeriesPlan
from dicom_io.phantom.vendors import LAYOUTS
from small_phantom import planned, written


def series(trap: Trap, vendor: str = "ge", layout: str | None = None) -> dict[str, SeriesPlan]:
    return {each.key: each for each in planned(vendor, layout, traps=[trap])[1]}


@pytest.mark.parametrize("vendor", ["siemens", "ge", "philips", "uih"])
@pytest.mark.parametrize("trap", [trap for trap in Trap if trap is not Trap.ULTRAFAST])
def test_every_trap_can_be_set_in_every_vendors_study(vendor: str, trap: Trap) -> None:
    images = written(vendor, traps=[trap], b_values=(0.0, 800.0))
    assert len(images) > 10
    assert images[-1].PatientID == "PHANTOM-000000"


def test_a_split_dynamic_continues_in_a_second_series() -> None:
    split = series(Trap.SPLIT_SERIES)
    assert [len(split[key].stacks) for key in ("dce", "dceb")] == [3, 3]


def test_two_slabs_leave_a_gap_in_the_middle() -> None:
    t2 = series(Trap.TWO_SLABS)["t2"]
    assert [image.slice for image in t2.images] == [0, 3]
    assert [image.attributes["StackID"] for image in t2.images] == ["1", "2"]


def test_an_interrupted_attempt_has_two_phases_and_came_first() -> None:
    attempts = series(Trap.INTERRUPTED_DYNAMIC)
    assert next(iter(attempts)) == "interrupted-dce"
    assert len(attempts["interrupted-dce"].stacks) == 2
    assert len(attempts["dce"].stacks) == 6


@pytest.mark.parametrize(("vendor", "layout"), [(v, layout) for v, layouts in LAYOUTS.items() for layout in layouts])
def test_every_time_of_an_earlier_attempt_is_earlier(vendor: str, layout: str) -> None:
    early, late = (written(vendor, layout, only=(key,), traps=[Trap.REPEATED_DYNAMIC]) for key in ("repeated", "dce"))
    for keyword in ("SeriesTime", "AcquisitionTime", "AcquisitionDateTime"):
        times = [[image[keyword].value for image in images if keyword in image] for images in (early, late)]
        assert not times[0] or max(times[0]) < min(times[1]), keyword


def test_the_temporal_position_is_missing_in_half_of_the_slices() -> None:
    images = written("ge", only=("dce",), traps=[Trap.PARTIAL_TEMPORAL_POSITION])
    assert sum("TemporalPositionIdentifier" in image for image in images) == len(images) / 2


def test_an_enhanced_copy_is_planned_under_the_key_of_the_dynamic() -> None:
    _, planned_series = planned("ge", traps=[Trap.ENHANCED_COPY])
    copies = [each for each in planned_series if each.key == "dce"]
    assert [each.objects for each in copies] == [InstanceLayout.CLASSIC, InstanceLayout.PER_STACK]


def test_private_elements_become_bytes_of_unknown_vr() -> None:
    image = written("ge", only=("dwi",), traps=[Trap.PRIVATE_AS_UN])[-1]
    stored = image.get_item((0x0043, 0x1039))
    assert stored is not None
    assert (stored.VR, stored.value) == ("UN", b"1000\\8\\0\\0")


def test_relocated_private_blocks_name_their_creator() -> None:
    image = written("siemens", only=("dwi",), traps=[Trap.RELOCATED_PRIVATE])[-1]
    assert image[0x0019, 0x0015].value == "SIEMENS MR HEADER"
    assert image[0x0019, 0x150C].value == 1000
    assert (0x0019, 0x100C) not in image


def test_an_anonymiser_leaves_what_the_iod_requires() -> None:
    image = written("siemens", only=("t2",), traps=[Trap.NO_OPTIONAL_TAGS])[0]
    assert "SoftwareVersions" not in image
    assert not [element for element in image if element.tag.is_private]
    assert image.Rows == 5


def test_shuffled_instance_numbers_are_each_there_once() -> None:
    images = written("siemens", "one-series", only=("dce",), traps=[Trap.SHUFFLED_INSTANCE_NUMBERS])
    numbers = [int(image.InstanceNumber) for image in images]
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(1, 25))


def test_two_echoes_are_no_two_phases() -> None:
    echoes = series(Trap.MULTI_ECHO)["echoes"]
    assert [stack.attributes["EchoNumbers"] for stack in echoes.stacks] == ["1", "2"]
    assert not echoes.dynamic
