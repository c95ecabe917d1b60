"""How Philips scanners write the phantom."""

from __future__ import annotations

from dicom_io.phantom.options import Trap
from small_phantom import written


def test_instance_number_is_not_time_order() -> None:
    images = sorted(written("philips", only=("dce",)), key=lambda image: int(image.InstanceNumber))
    assert [int(image.TemporalPositionIdentifier) for image in images[:6]] == [1, 2, 3, 4, 5, 6]


def test_every_volume_has_its_own_slope_and_no_image_is_without_a_b_value() -> None:
    images = written("philips", only=("dce",))
    assert len({float(image.RescaleSlope) for image in images}) > 3
    assert {float(image.DiffusionBValue) for image in images} == {0.0}


def test_an_enhanced_study_is_one_object_per_series_with_the_classic_header_half_a_voxel_off() -> None:
    (dynamic,) = written("philips", "enhanced", only=("dce",))
    assert int(dynamic.NumberOfFrames) == 24
    frame = dynamic.PerFrameFunctionalGroupsSequence[0]
    copy = frame[0x2005, 0x140F].value[0]
    assert [str(v) for v in copy.ImagePositionPatient] != [
        str(v) for v in frame.PlanePositionSequence[0].ImagePositionPatient
    ]


def test_clocks_jump_back_but_trigger_time_does_not() -> None:
    images = written("philips", only=("dce",), traps=[Trap.CLOCK_JUMPS_BACK])
    first = [image for image in images if float(image.SliceLocation) == float(images[0].SliceLocation)]
    clocks, triggers = [str(image.AcquisitionTime) for image in first], [float(image.TriggerTime) for image in first]
    assert clocks != sorted(clocks)
    assert triggers == sorted(triggers)
