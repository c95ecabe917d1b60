"""Curve types: three segments with the standard's codes, voxel for voxel where they were measured."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest

from mome_core.measurements import Measurand, NotMeasured, NotMeasuredCode
from mome_core.results import Laterality
from sr_studies import DEVICE, OBLIQUE, Layout, make_evidence, make_result
from sr_templates.build import build_objects, decode, encode
from sr_templates.context import ObjectOptions
from sr_templates.kinds import Kind


@pytest.mark.parametrize("layout", [Layout(), Layout(orientation=OBLIQUE)], ids=["axial", "oblique"])
def test_highdicom_reads_each_curve_type_voxel_for_voxel(layout: Layout) -> None:
    evidence = make_evidence(layout)
    result = make_result(evidence)
    options = ObjectOptions(frozenset({Kind.CURVE_TYPES}))
    (instance,) = build_objects(result, evidence, DEVICE, options=options).by_kind[Kind.CURVE_TYPES]
    segmentation = hd.seg.Segmentation.from_dataset(decode(encode(instance)))
    assert [
        (each.segmented_property_type.value, each.segmented_property_type.scheme_designator)
        for each in (segmentation.get_segment_description(number) for number in segmentation.segment_numbers)
    ] == [("130597", "DCM"), ("130598", "DCM"), ("130599", "DCM")]
    volume = segmentation.get_volume(combine_segments=True)
    for number in (1, 2, 3):
        expected = np.argwhere(result.kinetics.types.voxels == number)
        there = result.kinetics.types.affine[:3, :3] @ expected.T + result.kinetics.types.affine[:3, 3:]
        read = volume.affine[:3, :3] @ np.argwhere(volume.array == number).T + volume.affine[:3, 3:]
        assert len(expected) == read.shape[1]
        assert {tuple(each) for each in there.T.round(2)} == {tuple(each) for each in read.T.round(2)}


def test_a_study_without_washout_has_two_segments() -> None:
    evidence = make_evidence(Layout())
    result = make_result(evidence)
    result.kinetics.types.voxels[result.kinetics.types.voxels == 3] = 0
    options = ObjectOptions(frozenset({Kind.CURVE_TYPES}))
    (instance,) = build_objects(result, evidence, DEVICE, options=options).by_kind[Kind.CURVE_TYPES]
    assert [each.SegmentLabel for each in instance.SegmentSequence] == ["Persistent enhancement", "Plateau enhancement"]


@pytest.mark.parametrize(
    ("laterality", "code", "whose"),
    [
        (Laterality.BOTH, "51440002", "both breasts"),
        (Laterality.LEFT, "7771000", "the left breast"),
        (Laterality.RIGHT, "24028007", "the right breast"),
    ],
)
def test_the_segments_lie_in_the_breasts_that_were_analysed(laterality: Laterality, code: str, whose: str) -> None:
    evidence = make_evidence(Layout())
    result = make_result(evidence)
    assert result.breasts is not None
    result = replace(result, breasts=replace(result.breasts, laterality=laterality))
    options = ObjectOptions(frozenset({Kind.CURVE_TYPES}))
    (instance,) = build_objects(result, evidence, DEVICE, options=options).by_kind[Kind.CURVE_TYPES]
    for segment in instance.SegmentSequence:
        (region,) = segment.AnatomicRegionSequence
        assert [each.CodeValue for each in region.AnatomicRegionModifierSequence] == [code]
        assert segment.TrackingID.endswith(f"enhancement of {whose}")


@pytest.mark.parametrize("why", [NotMeasuredCode.TIMES_UNKNOWN, NotMeasuredCode.DELAYED_PHASE_MISSING])
def test_without_types_the_reader_learns_what_was_not_measured(why: NotMeasuredCode) -> None:
    evidence = make_evidence(Layout())
    result = make_result(evidence)
    reasons = (
        NotMeasured(Measurand.ADC, NotMeasuredCode.NO_DIFFUSION, "no map"),
        NotMeasured(Measurand.DELAYED_CHANGE, why, "so it is"),
    )
    result = replace(
        result,
        kinetics=replace(result.kinetics, types=None),
        measurements=replace(result.measurements, not_measured=reasons),
    )
    objects = build_objects(result, evidence, DEVICE, options=ObjectOptions(frozenset({Kind.CURVE_TYPES})))
    assert objects.not_written == {Kind.CURVE_TYPES: "so it is"}
