"""What is read where a vendor says nothing of itself."""

from __future__ import annotations

import pytest

from datasets import elements
from dicom_io.vendors.base import (
    Clocks,
    Clue,
    Diffusion,
    Direction,
    PrivateTag,
    VendorProfile,
    direction_of,
    image_type_words,
    standard_clocks,
    standard_diffusion,
)

ANY = VendorProfile("any")
COPY = PrivateTag(0x0051, "ANY HEADER", 0x16)


def test_the_standard_attributes_tell_b_value_direction_and_gradient() -> None:
    image = elements(
        DiffusionBValue=800.0, DiffusionDirectionality="DIRECTIONAL", DiffusionGradientOrientation=[0.0, 0.0, 1.0]
    )
    assert standard_diffusion(image) == Diffusion(800.0, Direction.DIRECTIONAL, (0.0, 0.0, 1.0))
    assert standard_diffusion(elements()) == Diffusion()


@pytest.mark.parametrize(
    ("word", "direction"),
    [("BMATRIX", Direction.DIRECTIONAL), ("isotropic", Direction.ISOTROPIC), ("SOMETHING", Direction.UNKNOWN)],
)
def test_a_direction_word_of_no_standard_is_unknown(word: str, direction: Direction) -> None:
    assert direction_of(word) is direction


def test_clocks_are_seconds_and_what_is_missing_is_none() -> None:
    clocks = standard_clocks(elements(TriggerTime="1500", AcquisitionTime="120001.5", InstanceNumber="7"))
    assert clocks == Clocks(trigger_s=1.5, acquisition_s=43201.5, order=7.0)


def test_the_acquisition_date_time_stands_in_for_a_missing_acquisition_time() -> None:
    assert standard_clocks(elements(AcquisitionDateTime="20260101000010")).acquisition_s == 10.0


def test_each_clue_of_one_image_has_its_clock_and_the_others_have_none() -> None:
    clocks = Clocks(temporal_position=2.0, content_s=9.0, order=4.0)
    assert [clocks.value(clue) for clue in Clue] == [2.0, None, None, None, 9.0, 4.0, None, None]


@pytest.mark.parametrize(
    ("values", "suppressed"),
    [
        ({"ScanOptions": ["PFP", "FS"]}, True),
        ({"ScanOptions": "WE"}, True),
        ({"SpectrallySelectedSuppression": "FAT"}, True),
        ({"SpectrallySelectedSuppression": "NONE"}, False),
        ({"SpectrallySelectedSuppression": "NONE", "SpectrallySelectedExcitation": "WATER"}, True),
        ({"ScanOptions": "PFP"}, None),
        ({}, None),
    ],
)
def test_fat_suppression_by_the_standard(values: dict[str, object], suppressed: bool | None) -> None:
    assert ANY.fat_suppressed(elements(**values)) is suppressed


def test_the_vendor_tells_fat_suppression_where_the_standard_does_not() -> None:
    told = VendorProfile("told", fat_suppression=lambda elements, options: "OWN_WORD" in options)
    assert told.fat_suppressed(elements(ScanOptions="OWN_WORD")) is True
    assert told.fat_suppressed(elements(SpectrallySelectedSuppression="NONE", ScanOptions="OWN_WORD")) is False


def test_image_type_words_are_the_values_and_their_parts() -> None:
    assert image_type_words(("ORIGINAL", "Projection Image", "MIP_COR")) == {
        "ORIGINAL",
        "PROJECTION IMAGE",
        "PROJECTION",
        "IMAGE",
        "MIP_COR",
        "MIP",
        "COR",
    }


def test_words_of_a_derivation_come_from_all_four_places() -> None:
    code = elements(CodeValue="113062").dataset
    image = elements(
        {COPY: ("LO", "mip/m")}, VolumeBasedCalculationTechnique=["MAX_IP", "NONE"], DerivationCodeSequence=[code]
    )
    vendor = VendorProfile("own copy", image_type_copy=COPY)
    assert vendor.derivation_words(image, ("DERIVED",)) == {"DERIVED", "MIP", "M", "MAX_IP", "DCM113062"}
    assert ANY.derivation_words(image, ("DERIVED",)) == {"DERIVED", "MAX_IP", "DCM113062"}


def test_a_private_tag_is_found_where_an_archive_moved_its_block() -> None:
    image = elements({PrivateTag(0x0051, "SOMEBODY", 1): ("LO", "x"), COPY: ("LO", "here")})
    assert COPY.within(image) == 0x00511116
    assert image.text(COPY.within(image)) == "here"
