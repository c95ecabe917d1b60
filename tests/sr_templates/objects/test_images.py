"""Saliency map, segmentation and overlay: voxels where the saliency is, on the planes of the source."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.results import Result
from mome_core.volume import Volume
from sr_studies import (
    AXIAL,
    DEVICE,
    OBLIQUE,
    SAGITTAL,
    Layout,
    bump,
    enhanced_evidence,
    make_evidence,
    make_result,
)
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.evidence import Evidence, Slices
from sr_templates.dicom.grid import image_affine
from sr_templates.kinds import OFFERED_KINDS, Kind
from sr_templates.saliency.region import Side, find_region, side_of, smooth

ON_PLANES = OFFERED_KINDS - {Kind.SUMMARY, Kind.PDF}


def map_voxels(instance: Dataset) -> np.ndarray:
    """(columns, rows, frames) of real-world values."""
    shape = (int(instance.NumberOfFrames), instance.Rows, instance.Columns)
    meaning = instance.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    pixels, kind = (instance.FloatPixelData, "<f4") if "FloatPixelData" in instance else (instance.PixelData, "<u2")
    stored = np.frombuffer(pixels, kind).reshape(shape).transpose(2, 1, 0)
    return stored * meaning.RealWorldValueSlope + meaning.RealWorldValueIntercept


def frame_positions(instance: Dataset) -> np.ndarray:
    groups = instance.PerFrameFunctionalGroupsSequence
    return np.array([group.PlanePositionSequence[0].ImagePositionPatient for group in groups], dtype=float)


def peak_mm(instance: Dataset) -> np.ndarray:
    """Patient coordinates of the largest value, from the object alone, as a viewer computes them."""
    voxels = map_voxels(instance)
    i, j, k = np.unravel_index(voxels.argmax(), voxels.shape)
    shared = instance.SharedFunctionalGroupsSequence[0]
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    rows_mm, columns_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    return frame_positions(instance)[k] + i * columns_mm * orientation[:3] + j * rows_mm * orientation[3:]


def built(evidence: Evidence, **wanted: object) -> ResultObjects:
    return build_objects(make_result(evidence), evidence, DEVICE, options=ObjectOptions(ON_PLANES, **wanted))  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE], ids=["axial", "sagittal", "oblique"])
def test_the_map_peaks_where_the_saliency_does(orientation: tuple[float, ...]) -> None:
    evidence = make_evidence(Layout(orientation=orientation))
    saliency_map = built(evidence).by_kind[Kind.SALIENCY_MAP][0]
    assert np.abs(peak_mm(saliency_map) - (60.0, -20.0, 5.0)).max() < 14  # half of the thickest slice


def test_the_map_holds_every_value_of_the_saliency(result: Result, evidence: Evidence) -> None:
    saliency_map = build_objects(result, evidence, DEVICE).by_kind[Kind.SALIENCY_MAP][0]
    np.testing.assert_allclose(map_voxels(saliency_map), result.saliency[0].volume.voxels, rtol=1e-6)


def test_sixteen_bits_keep_zero_exact_and_the_rest_within_half_a_step(result: Result, evidence: Evidence) -> None:
    saliency_map = built(evidence, map_encoding=MapEncoding.UINT16).by_kind[Kind.SALIENCY_MAP][0]
    original, read = result.saliency[0].volume.voxels, map_voxels(saliency_map)
    assert np.abs(read - original).max() <= 0.51 * original.max() / 32767
    assert np.all(read[original == 0] == 0)


def test_a_cropped_map_leaves_out_only_empty_slices_at_the_ends(evidence: Evidence) -> None:
    result = make_result(evidence)
    result.saliency[0].volume.voxels[:, :, :3] = 0
    whole = build_objects(result, evidence, DEVICE).by_kind[Kind.SALIENCY_MAP][0]
    cropped = build_objects(result, evidence, DEVICE, options=ObjectOptions(crop_map=True)).by_kind[Kind.SALIENCY_MAP][
        0
    ]
    assert int(cropped.NumberOfFrames) == int(whole.NumberOfFrames) - 3
    assert np.array_equal(map_voxels(cropped), map_voxels(whole)[:, :, 3:])
    assert np.array_equal(frame_positions(cropped), frame_positions(whole)[3:])
    assert cropped.SOPInstanceUID != whole.SOPInstanceUID


def test_phases_in_one_series_move_the_map_to_a_series_that_viewers_can_overlay() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True))
    saliency_map = built(evidence).by_kind[Kind.SALIENCY_MAP][0]
    assert saliency_map.ReferencedSeriesSequence[0].SeriesInstanceUID == evidence.t2[0].header.SeriesInstanceUID
    assert "Resampled to the T2 series" in saliency_map.ImageComments
    assert np.abs(peak_mm(saliency_map) - (60.0, -20.0, 5.0)).max() < 6.5


def test_without_such_a_series_there_is_no_map_and_the_report_says_so() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True, modalities=(Modality.DCE,)))
    objects = built(evidence)
    assert Kind.SALIENCY_MAP not in objects.by_kind
    assert {Kind.SEGMENTATION, Kind.OVERLAY} <= set(objects.by_kind)
    assert "holds each place once" in objects.not_written[Kind.SALIENCY_MAP]
    assert b"saliency-map: no series holds each place once" in encode(objects.by_kind[Kind.REPORT][0])
    assert Kind.REGION in objects.not_written


def test_b_values_in_one_series_do_not_carry_the_map() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True, modalities=(Modality.DCE, Modality.DWI)))
    low_b = tuple(replace(image, header=_renamed(image.header)) for image in evidence.dwi)
    assert Kind.SALIENCY_MAP in built(evidence).by_kind
    assert Kind.SALIENCY_MAP in built(replace(evidence, other=low_b)).not_written


def test_slices_tiled_in_one_image_move_the_map_and_leave_out_what_lies_on_planes() -> None:
    evidence = make_evidence(Layout())
    tiled = tuple(tuple(replace(phase[0]) for _ in phase) for phase in evidence.dce)
    wanted = ObjectOptions(ON_PLANES)
    objects = build_objects(make_result(evidence), replace(evidence, dce=tiled), DEVICE, options=wanted)
    assert "Resampled to the T2 series" in objects.by_kind[Kind.SALIENCY_MAP][0].ImageComments
    assert set(objects.not_written) == {Kind.SEGMENTATION, Kind.OVERLAY, Kind.REGION}


def _renamed(header: Dataset) -> Dataset:
    other = deepcopy(header)
    other.SOPInstanceUID = f"{header.SOPInstanceUID}1"
    return other


@pytest.mark.parametrize("in_one", [False, True], ids=["an instance a phase", "one instance"])
def test_enhanced_multi_frame_sources_are_referenced_by_frame(in_one: bool) -> None:
    evidence = enhanced_evidence(Layout(phases_in_one_series=in_one))
    objects = built(evidence)
    source = objects.by_kind[Kind.SEGMENTATION][0].PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    reference = source.SourceImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == evidence.dce[1][0].header.SOPInstanceUID
    assert reference.ReferencedFrameNumber >= (11 if in_one else 1)
    saliency_map = objects.by_kind[Kind.SALIENCY_MAP][0]
    assert np.abs(peak_mm(saliency_map) - (60.0, -20.0, 5.0)).max() < 6.5


@pytest.mark.parametrize("used", [(Modality.T2,), (Modality.DWI,), (Modality.T2, Modality.DWI)], ids=str)
def test_without_dce_the_saliency_of_another_sequence_is_shown(used: tuple[Modality, ...]) -> None:
    evidence = make_evidence(Layout(modalities=used))
    saliency_map = built(evidence).by_kind[Kind.SALIENCY_MAP][0]
    grid = evidence.images(used[0])
    assert saliency_map.ReferencedSeriesSequence[0].SeriesInstanceUID == grid[0].header.SeriesInstanceUID
    assert saliency_map.SeriesDescription.startswith(f"AI saliency map (IG, {used[0]})")


def test_the_segmentation_holds_the_region_and_nothing_else(result: Result, evidence: Evidence) -> None:
    instance = build_objects(result, evidence, DEVICE).by_kind[Kind.SEGMENTATION][0]
    volume, images = result.saliency[0].volume, evidence.images(Modality.DCE)
    smoothed = smooth(volume)
    assert smoothed is not None
    region = find_region(volume, smoothed, images[0].header)
    assert region is not None
    size = int(instance.NumberOfFrames) * instance.Rows * instance.Columns
    bits = np.unpackbits(np.frombuffer(instance.PixelData, np.uint8), bitorder="little")[:size]
    frames = bits.reshape(int(instance.NumberOfFrames), instance.Rows, instance.Columns).transpose(2, 1, 0)
    assert np.array_equal(frames.astype(bool), region.mask[:, :, region.slices])
    assert frames.any(axis=(0, 1)).all()
    assert bits.sum() == region.mask.sum()


def test_the_overlay_shows_the_slices_with_the_region_and_one_more_in_colour(
    result: Result, evidence: Evidence
) -> None:
    objects = build_objects(result, evidence, DEVICE)
    overlay, segmented = objects.by_kind[Kind.OVERLAY], int(objects.by_kind[Kind.SEGMENTATION][0].NumberOfFrames)
    assert len(overlay) == segmented + 2
    middle = overlay[len(overlay) // 2]
    pixels = np.frombuffer(middle.PixelData, np.uint8)[: middle.Rows * middle.Columns * 3]
    rgb = pixels.reshape(middle.Rows, middle.Columns, 3).astype(int)
    coloured = np.argwhere(rgb[..., 0] - rgb[..., 2] > 60)
    grid = evidence.images(Modality.DCE)
    i, j, *_ = np.linalg.inv(image_affine(grid)) @ (60.0, -20.0, 5.0, 1)
    assert np.abs(coloured.mean(axis=0) - (j, i)).max() < 1


def test_a_saliency_that_raised_no_score_has_a_map_but_no_region(result: Result, evidence: Evidence) -> None:
    volume = result.saliency[0].volume
    lowered = Volume(-np.abs(volume.voxels), volume.affine, volume.frame_of_reference_uid)
    result = replace(result, saliency=(replace(result.saliency[0], volume=lowered),))
    objects = build_objects(result, evidence, DEVICE)
    assert Kind.SALIENCY_MAP in objects.by_kind
    assert objects.not_written == dict.fromkeys((Kind.SEGMENTATION, Kind.OVERLAY), "no voxel raised the score")


def test_a_result_without_saliency_still_has_report_and_summary(result: Result, evidence: Evidence) -> None:
    objects = build_objects(replace(result, saliency=()), evidence, DEVICE)
    assert set(objects.by_kind) == {Kind.REPORT, Kind.SUMMARY}


def test_an_all_zero_saliency_makes_valid_objects(result: Result, evidence: Evidence) -> None:
    volume = result.saliency[0].volume
    empty = Volume(np.zeros_like(volume.voxels), volume.affine, volume.frame_of_reference_uid)
    result = replace(result, saliency=(replace(result.saliency[0], volume=empty),))
    assert Kind.SALIENCY_MAP in build_objects(result, evidence, DEVICE, options=ObjectOptions(crop_map=True)).by_kind


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
