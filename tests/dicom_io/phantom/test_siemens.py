"""How Siemens scanners write the phantom."""

from __future__ import annotations

from pydicom.uid import EnhancedMRImageStorage

from small_phantom import planned, written


def test_an_xa_export_is_one_series_per_phase_with_one_series_time() -> None:
    images = written("siemens", "xa-classic", only=("dce",), post_phases=6)
    assert len({image.SeriesInstanceUID for image in images}) == 7
    assert len({image.SeriesTime for image in images}) == 1
    assert {int(image.AcquisitionNumber) for image in images} == set(range(1, 8))
    first = [image for image in images if image.AcquisitionNumber == 1]
    assert len({image.AcquisitionTime for image in first}) == len(first)


def test_trace_images_are_derived_and_carry_a_private_b_value() -> None:
    images = written("siemens", only=("dwi",))
    assert {image.ImageType[0] for image in images} == {"DERIVED"}
    assert {int(image[0x0019, 0x100C].value) for image in images} == {50, 400, 800, 1000}
    assert all("DiffusionBValue" not in image for image in images)


def test_a_subtraction_calls_itself_original() -> None:
    assert {image.ImageType[0] for image in written("siemens", only=("sub",))} == {"ORIGINAL"}


def test_the_enhanced_layout_has_one_object_for_each_stack() -> None:
    images = written("siemens", "enhanced", only=("dce",))
    assert {image.SOPClassUID for image in images} == {EnhancedMRImageStorage}
    assert len(images) == 6
    assert {int(image.NumberOfFrames) for image in images} == {4}


def test_series_are_numbered_in_the_order_of_acquisition() -> None:
    _, series = planned("siemens")
    acquired = [each.number for each in series if each.key not in ("sub", "mip", "adc")]
    assert acquired == sorted(acquired)
