"""The frames of an Enhanced object: their own functional groups first, then the shared ones."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from datasets import dataset, elements
from dicom_io.encoding.elements import Elements
from dicom_io.errors import NotAnImage
from dicom_io.headers.enhanced import enhanced_planes, is_enhanced
from dicom_io.headers.records import Plane
from dicom_io.vendors.base import Direction
from dicom_io.vendors.registry import OTHER
from planes import instance

SHARED = dataset(
    PixelMeasuresSequence=[dataset(PixelSpacing=[0.5, 0.6], SliceThickness="1.5")],
    PlaneOrientationSequence=[dataset(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    PixelValueTransformationSequence=[dataset(RescaleSlope="2", RescaleIntercept="1")],
)


def frame(**macros: Dataset) -> Dataset:
    """The functional groups of one frame: a macro by its sequence."""
    return dataset(**{keyword: [item] for keyword, item in macros.items()})


def planes(*frames: Dataset, **values: object) -> tuple[Plane, ...]:
    image = elements(SharedFunctionalGroupsSequence=[SHARED], PerFrameFunctionalGroupsSequence=list(frames), **values)
    return enhanced_planes(instance(frames=len(frames)), image, OTHER)


def one(frame: Dataset, **values: object) -> Plane:
    return planes(frame, **values)[0]


def test_what_a_frame_does_not_say_the_shared_groups_do() -> None:
    own = frame(
        PlanePositionSequence=dataset(ImagePositionPatient=[0.0, 0.0, 7.0]),
        PixelValueTransformationSequence=dataset(RescaleSlope="4", RescaleIntercept="0"),
    )
    plain = frame(PlanePositionSequence=dataset(ImagePositionPatient=[0.0, 0.0, 9.0]))
    first, second = planes(own, plain)
    assert (first.frame, first.position_mm, first.slope) == (1, (0.0, 0.0, 7.0), 4.0)
    assert (second.frame, second.position_mm, second.slope) == (2, (0.0, 0.0, 9.0), 2.0)
    assert first.spacing_mm == second.spacing_mm == (0.5, 0.6)
    assert first.thickness_mm == 1.5


def test_the_clocks_of_a_frame_stand_in_its_content() -> None:
    content = dataset(
        TemporalPositionIndex=3,
        FrameAcquisitionNumber=4,
        FrameAcquisitionDateTime="20260101100000",
        FrameReferenceDateTime="20260101100001",
        StackID="1",
    )
    plane = one(frame(FrameContentSequence=content), InstanceNumber="2")
    assert plane.clocks.temporal_position == 3.0
    assert plane.clocks.acquisition_number == 4.0
    assert (plane.clocks.acquisition_s, plane.clocks.content_s) == (36000.0, 36001.0)
    assert plane.clocks.order == 2_000_001.0
    assert plane.stack_id == "1"


def test_clocks_that_a_frame_lacks_are_those_of_the_instance() -> None:
    clocks = one(frame(), AcquisitionNumber="5", AcquisitionDateTime="20260101100000").clocks
    assert (clocks.acquisition_number, clocks.acquisition_s) == (5.0, 36000.0)


def test_an_offset_in_seconds_comes_before_a_trigger_delay_in_milliseconds() -> None:
    trigger = dataset(NominalCardiacTriggerDelayTime=2500.0)
    assert one(frame(CardiacSynchronizationSequence=trigger)).clocks.trigger_s == 2.5
    offset = dataset(TemporalPositionTimeOffset=90.0)
    both = frame(CardiacSynchronizationSequence=trigger, TemporalPositionSequence=offset)
    assert one(both).clocks.trigger_s == 90.0


def test_the_start_of_the_contrast_bolus_stands_in_its_profile() -> None:
    profile = dataset(ContrastBolusStartTime="100130")
    agent = dataset(ContrastAdministrationProfileSequence=[profile], ContrastBolusAgent="Gd")
    plane = one(frame(), ContrastBolusAgentSequence=[agent])
    assert (plane.clocks.contrast_start_s, plane.contrast) == (36090.0, "Gd")


def test_diffusion_of_a_frame() -> None:
    gradient = dataset(DiffusionGradientOrientation=[0.0, 1.0, 0.0])
    macro = dataset(
        DiffusionBValue=800.0, DiffusionDirectionality="BMATRIX", DiffusionGradientDirectionSequence=[gradient]
    )
    diffusion = one(frame(MRDiffusionSequence=macro)).diffusion
    assert (diffusion.b_value, diffusion.direction, diffusion.gradient) == (
        800.0,
        Direction.DIRECTIONAL,
        (0.0, 1.0, 0.0),
    )


@pytest.mark.parametrize(
    ("values", "suppressed"),
    [
        ({"SpectrallySelectedSuppression": "FAT"}, True),
        ({"SpectrallySelectedExcitation": "WATER"}, True),
        ({"SpectrallySelectedSuppression": "NONE"}, False),
        ({}, None),
    ],
)
def test_fat_suppression_of_a_frame(values: dict[str, object], suppressed: bool | None) -> None:
    assert one(frame(MRModifierSequence=dataset(**values))).acquisition.fat_suppressed is suppressed


def test_the_kind_of_echo_stands_in_the_instance_and_the_times_in_the_macros() -> None:
    own = frame(
        MREchoSequence=dataset(EffectiveEchoTime=2.4),
        MRTimingAndRelatedParametersSequence=dataset(RepetitionTime="5.1", FlipAngle="12"),
    )
    how = one(own, EchoPulseSequence="GRADIENT", MRAcquisitionType="3D").acquisition
    assert (how.gradient_echo, how.spin_echo) == (True, False)
    assert (how.echo_ms, how.repetition_ms, how.flip_degrees) == (2.4, 5.1, 12.0)


def test_an_object_that_describes_fewer_frames_than_it_holds_is_refused() -> None:
    image = elements(PerFrameFunctionalGroupsSequence=[frame()])
    with pytest.raises(NotAnImage, match="holds 2 frames but describes 1"):
        enhanced_planes(instance(frames=2), image, OTHER)


def test_only_an_object_with_groups_per_frame_is_enhanced() -> None:
    assert is_enhanced(elements(PerFrameFunctionalGroupsSequence=[frame()]))
    assert not is_enhanced(Elements(dataset(Rows=8)))
