"""Studies on paper: order of the images, times, identifiers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_io.phantom.options import Layout, StudyOptions
from dicom_io.phantom.plan import DCE_S, SeriesPlan, StackPlan, StudyPlan, by_position, by_stack
from dicom_io.phantom.sequences import DYNAMIC
from dicom_io.phantom.vendors import SIMULATED_VENDORS, SimulatedVendor, study_of
from dicom_io.vendors.base import Vendor
from small_phantom import planned, small_phantom, written


def test_one_more_vendor_is_a_plan_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(study: StudyPlan) -> list[SeriesPlan]:
        attributes = {"Manufacturer": "Canon Medical Systems", "ImageType": ["ORIGINAL", "PRIMARY"]}
        return [SeriesPlan("dce", 1, "dyn", DYNAMIC, attributes, by_stack(study.phases()), dynamic=True)]

    monkeypatch.setitem(SIMULATED_VENDORS, Vendor.CANON, SimulatedVendor((Layout.ONE_SERIES,), plan))
    images = written("canon")
    assert len(images) == 24
    assert {image.Manufacturer for image in images} == {"Canon Medical Systems"}
    with pytest.raises(ValueError, match="canon writes the layouts one-series, not vframe"):
        written("canon", "vframe")
    with pytest.raises(ValueError, match="acme is not simulated; these are: siemens, ge"):
        written("acme")


def stacks() -> list[StackPlan]:
    study, _ = planned("siemens")
    return study.phases()[:2]


def test_most_scanners_number_volume_after_volume_philips_position_after_position() -> None:
    early, late = pair = stacks()
    assert [(image.stack is late, image.slice) for image in by_stack(pair)] == [
        (late_one, k) for late_one in (False, True) for k in range(4)
    ]
    assert [(image.stack is late, image.slice) for image in by_position(pair)] == [
        (late_one, k) for k in range(4) for late_one in (False, True)
    ]
    assert early.temporal_index == 1


def test_what_an_image_says_of_itself_comes_from_its_stack_and_slice() -> None:
    images = by_stack(stacks(), lambda stack, k: {"InStackPositionNumber": stack.temporal_index * 10 + k})
    assert [image.attributes["InStackPositionNumber"] for image in images] == [10, 11, 12, 13, 20, 21, 22, 23]


def test_times_are_those_of_the_scanners_clock() -> None:
    study, _ = planned("siemens")
    assert (study.date, study.time(90.5)) == ("20250314", "093130.500000")
    assert study.datetime(90.5) == "20250314093130.500000"
    assert study.phase_times_s()[:3] == (DCE_S, DCE_S + 100, DCE_S + 175)


def test_uids_follow_from_phantom_vendor_layout_and_word() -> None:
    phantom = small_phantom()
    one, again = (study_of(phantom, "ge", None) for _ in range(2))
    others = [study_of(phantom, "uih", None), study_of(phantom, "ge", "instance-only")]
    others += [study_of(phantom, "ge", None, StudyOptions(study="prior")), study_of(small_phantom(seed=3), "ge", None)]
    assert one.uid("study") == again.uid("study")
    assert len({each.uid("study") for each in (one, *others)}) == 5


def test_without_a_dynamic_there_are_no_phases() -> None:
    study, _ = planned("siemens")
    without = replace(study, phantom=replace(study.phantom, dce=None))
    assert without.phases() == []


def test_traces_ascend_with_their_b_values() -> None:
    study, _ = planned("siemens")
    assert [stack.b_value for stack in study.traces()] == [50.0, 400.0, 800.0, 1000.0]
