"""The parametric map: values of the saliency, on the planes of the source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.results import Result
from sr_readers import frames_on_grid
from sr_studies import AXIAL, DEVICE, OBLIQUE, SAGITTAL, Layout, enhanced_evidence, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects, decode, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.evidence import Evidence, Slices
from sr_templates.kinds import OFFERED_KINDS, Kind
from sr_templates.reading.parametric_map import read_map

ON_PLANES = OFFERED_KINDS - {Kind.SUMMARY, Kind.PDF}


def peak_mm(instance: Dataset) -> np.ndarray:
    """Patient coordinates of the largest value, from the object alone."""
    volume = read_map(decode(encode(instance)))
    return (volume.affine @ (*np.unravel_index(volume.voxels.argmax(), volume.voxels.shape), 1))[:3]


def built(evidence: Evidence, **wanted: object) -> ResultObjects:
    return build_objects(make_result(evidence), evidence, DEVICE, options=ObjectOptions(ON_PLANES, **wanted))  # type: ignore[arg-type]


def on_images(instance: Dataset, images: Slices) -> np.ndarray:
    """(columns, rows, slices) of the saliency in logits, in the order of the images."""
    return frames_on_grid(instance, read_map(decode(encode(instance))).voxels.transpose(2, 1, 0), images)


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE], ids=["axial", "sagittal", "oblique"])
def test_the_map_peaks_where_the_saliency_does(orientation: tuple[float, ...]) -> None:
    evidence = make_evidence(Layout(orientation=orientation))
    saliency_map = built(evidence).by_kind[Kind.SALIENCY_MAP][0]
    assert np.abs(peak_mm(saliency_map) - (60.0, -20.0, 5.0)).max() < 14  # half of the thickest slice


def test_the_map_holds_every_value_of_the_saliency(result: Result, evidence: Evidence) -> None:
    saliency_map = build_objects(result, evidence, DEVICE).by_kind[Kind.SALIENCY_MAP][0]
    read = on_images(saliency_map, evidence.images(Modality.DCE))
    np.testing.assert_allclose(read, result.saliency[0].volume.voxels, rtol=1e-6)


def test_sixteen_bits_keep_zero_exact_and_the_rest_within_half_a_step(result: Result, evidence: Evidence) -> None:
    saliency_map = built(evidence, map_encoding=MapEncoding.UINT16).by_kind[Kind.SALIENCY_MAP][0]
    original, read = result.saliency[0].volume.voxels, on_images(saliency_map, evidence.images(Modality.DCE))
    assert np.abs(read - original).max() <= 0.51 * original.max() / 32767
    assert np.all(read[original == 0] == 0)


def test_a_cropped_map_leaves_out_only_empty_slices_at_the_ends(evidence: Evidence) -> None:
    result = make_result(evidence)
    result.saliency[0].volume.voxels[:, :, :3] = 0
    images = evidence.images(Modality.DCE)
    whole = build_objects(result, evidence, DEVICE).by_kind[Kind.SALIENCY_MAP][0]
    options = ObjectOptions(crop_map=True)
    cropped = build_objects(result, evidence, DEVICE, options=options).by_kind[Kind.SALIENCY_MAP][0]
    assert int(cropped.NumberOfFrames) == int(whole.NumberOfFrames) - 3
    assert np.array_equal(on_images(cropped, images[3:]), on_images(whole, images)[:, :, 3:])
    assert cropped.SOPInstanceUID != whole.SOPInstanceUID


@pytest.mark.parametrize("encoding", list(MapEncoding))
def test_the_first_mapping_reads_shares_of_the_peak_and_no_intercept_is_minus_zero(
    encoding: MapEncoding, evidence: Evidence
) -> None:
    saliency_map = built(evidence, map_encoding=encoding).by_kind[Kind.SALIENCY_MAP][0]
    share, logit = saliency_map.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert (share.LUTLabel, logit.LUTLabel) == ("Share of peak", "Saliency")
    if encoding is MapEncoding.FLOAT32:
        assert share.RealWorldValueSlope == 1
        assert str(share.RealWorldValueIntercept) == str(logit.RealWorldValueIntercept) == "0.0"


def test_phases_in_one_series_move_the_map_to_a_series_that_viewers_can_overlay() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True))
    saliency_map = built(evidence).by_kind[Kind.SALIENCY_MAP][0]
    assert saliency_map.ReferencedSeriesSequence[0].SeriesInstanceUID == evidence.t2[0].header.SeriesInstanceUID
    assert "Resampled to the T2 series" in saliency_map.ImageComments
    assert np.abs(peak_mm(saliency_map) - (60.0, -20.0, 5.0)).max() < 6.5


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


def test_each_score_has_a_map_in_a_series_of_its_own_that_the_report_points_to(
    result: Result, evidence: Evidence
) -> None:
    asked = [score.endpoint for score in result.scores]
    others = tuple(replace(each, endpoint=asked[1]) for each in result.saliency)
    alone = build_objects(result, evidence, DEVICE).by_kind
    objects = build_objects(replace(result, saliency=(*result.saliency, *others)), evidence, DEVICE).by_kind
    first, second = objects[Kind.SALIENCY_MAP]
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert (first.SeriesNumber, second.SeriesNumber) == (9010, 9011)
    assert [each.SeriesDescription.split(" - ")[0] for each in (first, second)] == [
        "AI saliency map (IG, DCE, malig.)",
        "AI saliency map (IG, DCE, TNBC)",
    ]
    assert alone[Kind.SALIENCY_MAP][0].SeriesDescription.split(" - ")[0] == "AI saliency map (IG, DCE)"
    (report,) = objects[Kind.REPORT]
    referenced = {str(each.value) for each in report.iterall() if each.keyword == "ReferencedSOPInstanceUID"}
    assert {str(first.SOPInstanceUID), str(second.SOPInstanceUID)} <= referenced
