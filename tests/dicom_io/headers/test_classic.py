"""A classic image as a slice, or as the tiles of a mosaic."""

from __future__ import annotations

import math

from datasets import dataset, elements
from dicom_io.encoding.elements import Elements, tag_of
from dicom_io.headers.classic import classic_planes
from dicom_io.headers.records import Plane
from dicom_io.vendors.base import VendorProfile
from dicom_io.vendors.registry import OTHER
from dicom_io.vendors.siemens import SIEMENS
from dicom_io.vendors.uih import SLICES, UIH
from planes import instance


def one(vendor: VendorProfile = OTHER, **values: object) -> Plane:
    (plane,) = classic_planes(instance(), elements(**values), vendor)
    return plane


def test_place_and_scale_are_those_of_the_image_plane_module() -> None:
    plane = one(
        ImagePositionPatient=[1.0, 2.0, 3.0],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[0.8, 0.7],
        SliceThickness="2.5",
        RescaleSlope="2",
    )
    assert plane.position_mm == (1.0, 2.0, 3.0)
    assert (plane.spacing_mm, plane.thickness_mm) == ((0.8, 0.7), 2.5)
    assert (plane.slope, plane.intercept) == (2.0, 0.0)


def test_the_distance_of_slices_comes_before_their_thickness() -> None:
    assert one(SpacingBetweenSlices="1.2", SliceThickness="2.4").thickness_mm == 1.2


def test_a_slope_that_is_no_number_is_not_taken_for_a_missing_one() -> None:
    broken = Elements.of_bytes({tag_of("RescaleSlope"): ("DS", b"text")}, implicit=False)
    assert math.isnan(classic_planes(instance(), broken, OTHER)[0].slope)
    assert one().slope == 1.0


def test_the_kind_of_echo_and_the_times() -> None:
    how = one(
        ScanningSequence=["SE", "IR"], EchoTime="60", RepetitionTime="4000", InversionTime="150", MRAcquisitionType="2D"
    ).acquisition
    assert (how.spin_echo, how.gradient_echo, how.echo_planar) == (True, False, False)
    assert (how.echo_ms, how.repetition_ms, how.inversion_ms, how.dimensions) == (60.0, 4000.0, 150.0, "2D")


def test_an_inversion_time_of_zero_is_none() -> None:
    assert one(InversionTime="0").acquisition.inversion_ms is None


def test_the_vendor_reads_what_the_standard_leaves_open() -> None:
    assert one(SIEMENS, ScanOptions="PFP").acquisition.fat_suppressed is False
    assert one(OTHER, ScanOptions="PFP").acquisition.fat_suppressed is None
    assert one(ContrastBolusAgent="Gd").contrast == "Gd"


def test_each_tile_is_a_slice_with_its_own_place_size_and_time() -> None:
    slices = [dataset(ImagePositionPatient=[0.0, 0.0, 3.0 * z], AcquisitionTime=f"10000{z}") for z in range(4)]
    image = elements({SLICES: ("SQ", slices)}, ImageType=["ORIGINAL", "VFRAME"], Rows=64, Columns=64)
    planes = classic_planes(instance(rows=64, columns=64), image, UIH)
    assert [plane.position_mm[2] for plane in planes] == [0.0, 3.0, 6.0, 9.0]
    assert {(plane.rows, plane.columns) for plane in planes} == {(32, 32)}
    assert [plane.clocks.acquisition_s for plane in planes] == [36000.0, 36001.0, 36002.0, 36003.0]
    assert len({id(plane.instance) for plane in planes}) == 1
