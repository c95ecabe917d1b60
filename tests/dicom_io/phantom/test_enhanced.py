"""Enhanced MR objects: frames, dimensions, functional groups."""

from __future__ import annotations

import itertools

import pytest

from dicom_io.phantom.enhanced import frames
from small_phantom import planned, written


def test_every_frame_has_its_groups_and_its_place_in_the_dimensions() -> None:
    (dynamic,) = written("philips", "enhanced", only=("dce",))
    groups = dynamic.PerFrameFunctionalGroupsSequence
    assert len(groups) == int(dynamic.NumberOfFrames) == 24
    indices = [tuple(group.FrameContentSequence[0].DimensionIndexValues) for group in groups]
    assert len(set(indices)) == 24
    assert {index[1] for index in indices} == {1, 2, 3, 4}
    assert {index[2] for index in indices} == {1, 2, 3, 4, 5, 6}


def test_the_third_dimension_is_the_b_value_in_diffusion_and_time_elsewhere() -> None:
    pointers = {}
    for key in ("dwi", "dce"):
        (series,) = written("philips", "enhanced", only=(key,))
        pointers[key] = series.DimensionIndexSequence[2].DimensionIndexPointer
    assert pointers == {"dwi": 0x00189087, "dce": 0x00209128}


def test_geometry_is_shared_and_position_is_not() -> None:
    (dynamic,) = written("philips", "enhanced", only=("t2",))
    shared = dynamic.SharedFunctionalGroupsSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    assert [float(v) for v in measures.PixelSpacing] == [5.25, 5.25]
    assert float(measures.SpacingBetweenSlices) == pytest.approx(14.4)
    assert [float(v) for v in shared.PlaneOrientationSequence[0].ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    assert shared.MRFOVGeometrySequence[0].MRAcquisitionFrequencyEncodingSteps == 5
    z = [
        float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        for group in dynamic.PerFrameFunctionalGroupsSequence
    ]
    assert [round(b - a, 3) for a, b in itertools.pairwise(z)] == [14.4, 14.4, 14.4]


def test_contrast_agent_is_given_from_the_second_phase_on() -> None:
    (dynamic,) = written("philips", "enhanced", only=("dce",))
    given = {
        group.FrameContentSequence[0].TemporalPositionIndex: group.ContrastBolusUsageSequence[
            0
        ].ContrastBolusAgentAdministered
        for group in dynamic.PerFrameFunctionalGroupsSequence
    }
    assert given == {1: "NO", 2: "YES", 3: "YES", 4: "YES", 5: "YES", 6: "YES"}


def test_a_derived_series_has_no_pulse_sequence() -> None:
    study, series = planned("siemens", "enhanced")
    adc = next(each for each in series if each.key == "adc")
    t2 = next(each for each in series if each.key == "t2")
    assert "EchoPulseSequence" not in frames(study, adc, adc.images)
    assert frames(study, t2, t2.images)["EchoPulseSequence"] == "SPIN"
