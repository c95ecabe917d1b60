"""Curve types: three segments with the standard's codes, voxel for voxel where they were measured."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest

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
