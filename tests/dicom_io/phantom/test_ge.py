"""How GE scanners write the phantom."""

from __future__ import annotations

import numpy as np

from dicom_io.phantom.options import Trap
from dicom_io.phantom.spec import SliceOrientation
from small_phantom import planned, written


def test_multiphase_has_one_acquisition_time_and_a_trigger_time_per_slice() -> None:
    images = written("ge", "one-series", only=("dce",))
    assert len({image.AcquisitionTime for image in images}) == 1
    assert len({image.TriggerTime for image in images}) > 6
    assert {int(image.TemporalPositionIdentifier) for image in images} == set(range(1, 7))


def test_instance_only_leaves_nothing_but_instance_number() -> None:
    images = written("ge", "instance-only", only=("dce",))
    assert all("TemporalPositionIdentifier" not in image and "TriggerTime" not in image for image in images)
    assert len({(image.AcquisitionNumber, image.AcquisitionTime, image.ContentTime) for image in images}) == 1


def test_no_standard_b_value_for_b0_and_one_on_the_adc_map() -> None:
    images = written("ge", only=("dwi", "adc"), b_values=(0.0, 800.0))
    by_type = {image.ImageType[0]: [] for image in images}
    for image in images:
        by_type[image.ImageType[0]].append(image)
    b0 = [image for image in by_type["ORIGINAL"] if str(image[0x0043, 0x1039].value[0]) == "0"]
    assert b0
    assert all("DiffusionBValue" not in image for image in b0)
    assert {str(image[0x0043, 0x1039].value[0]) for image in by_type["DERIVED"]} == {"800"}


def test_an_oblique_orientation_differs_in_the_8th_decimal() -> None:
    images = written("ge", only=("dce",), orientation=SliceOrientation.OBLIQUE)
    orientations = {tuple(image.ImageOrientationPatient) for image in images}
    assert len(orientations) > 1
    assert np.ptp(np.array(list(orientations), float), axis=0).max() < 1e-7


def test_ph1_is_the_first_post_contrast_phase_but_where_a_site_says_otherwise() -> None:
    names = [each.description for each in planned("ge", "series-per-phase")[1] if each.dynamic]
    other = [each.description for each in planned("ge", "series-per-phase", traps=[Trap.PH1_IS_PRE])[1] if each.dynamic]
    assert [name.startswith("Ph1/") for name in names] == [False, True, False, False, False, False]
    assert [name.startswith("Ph1/") for name in other] == [True, False, False, False, False, False]


def test_some_software_adds_a_thousand_million_to_the_b_value() -> None:
    images = written("ge", only=("dwi",), traps=[Trap.B_VALUE_OFFSET])
    assert min(float(image[0x0043, 0x1039].value[0]) for image in images) > 1e9
