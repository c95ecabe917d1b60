"""The region of highest saliency and the side that it lies on."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.volume import Volume
from sr_studies import Layout, bump, make_evidence
from sr_templates.dicom.evidence import Evidence, Slices
from sr_templates.dicom.grid import image_affine
from sr_templates.saliency.region import Side, find_region, side_of, smooth


def field(images: Slices) -> Volume:
    return Volume(bump(images, (0.0, 0.0, 0.0)), image_affine(images), "1.2")


@pytest.mark.parametrize(
    ("x_mm", "side"), [(60.0, Side.LEFT), (-60.0, Side.RIGHT), (5.0, None), (-10.0, None)], ids=str
)
def test_the_side_follows_from_geometry_and_is_silent_near_the_midline(x_mm: float, side: Side | None) -> None:
    images = make_evidence(Layout()).images(Modality.DCE)
    assert side_of(np.array([x_mm, -20.0, 5.0]), field(images), images[0].header) == side


def test_no_side_is_stated_when_isocentre_and_field_of_view_disagree() -> None:
    images = make_evidence(Layout()).images(Modality.DCE)
    for image in images:
        x, y, z = map(float, image.header.ImagePositionPatient)
        image.header.ImagePositionPatient = [x + 100, y, z]
    assert side_of(np.array([60.0, -20.0, 5.0]), field(images), images[0].header) is None


def test_in_a_narrow_field_the_stated_laterality_must_fit_the_place() -> None:
    images = make_evidence(Layout(columns=24)).images(Modality.DCE)
    for image in images:
        x, y, z = map(float, image.header.ImagePositionPatient)
        image.header.ImagePositionPatient = [x + 80, y, z]
        image.header.Laterality = "L"
    assert side_of(np.array([70.0, -20.0, 5.0]), field(images), images[0].header) == Side.LEFT
    for image in images:
        image.header.Laterality = "R"
    assert side_of(np.array([70.0, -20.0, 5.0]), field(images), images[0].header) is None


def test_the_region_is_around_the_strongest_of_two_places(evidence: Evidence) -> None:
    images = evidence.images(Modality.DCE)
    two = bump(images, (60.0, -20.0, 5.0), 10) + 0.8 * bump(images, (-60.0, -20.0, 5.0), 10)
    volume = Volume(two, image_affine(images), "1.2")
    smoothed = smooth(volume)
    assert smoothed is not None
    region = find_region(volume, smoothed, images[0].header)
    assert region is not None
    assert region.side is Side.LEFT
    half = (images[0].header.Columns) // 2
    assert not region.mask[:half].any()


def test_nothing_is_smoothed_where_the_network_did_not_look(evidence: Evidence) -> None:
    images = evidence.images(Modality.DCE)
    zero = np.zeros((48, 40, 10), dtype=np.float32)
    assert smooth(Volume(zero, image_affine(images), "1.2")) is None
