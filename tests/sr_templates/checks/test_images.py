"""Deliberate defects of images: each is caught by the gate, by name, before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.results import Result
from mome_core.volume import Volume
from spoiled_objects import Objects, Spoil, assert_refused
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.evidence import Evidence
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind


def half_a_voxel_off(objects: Objects) -> None:
    position = objects[Kind.SALIENCY_MAP].PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0]
    position.ImagePositionPatient = [position.ImagePositionPatient[0] + 3.25, *position.ImagePositionPatient[1:]]


def not_a_number(objects: Objects) -> None:
    pixels = np.frombuffer(objects[Kind.SALIENCY_MAP].FloatPixelData, "<f4").copy()
    pixels[1000] = np.nan
    objects[Kind.SALIENCY_MAP].FloatPixelData = pixels.tobytes()


def rows_and_columns_swapped(objects: Objects) -> None:
    saliency_map = objects[Kind.SALIENCY_MAP]
    saliency_map.Rows, saliency_map.Columns = saliency_map.Columns, saliency_map.Rows


def missing_frame_anatomy(objects: Objects) -> None:
    del objects[Kind.SALIENCY_MAP].SharedFunctionalGroupsSequence[0].FrameAnatomySequence


def wrong_series_as_source(objects: Objects) -> None:
    groups = objects[Kind.SALIENCY_MAP].PerFrameFunctionalGroupsSequence[0]
    source = groups.DerivationImageSequence[0].SourceImageSequence[0]
    source.ReferencedSOPInstanceUID = derived_uid("test image", "3", "0", "0")  # the pre-contrast phase


def orientation_of_another_plane(objects: Objects) -> None:
    shared = objects[Kind.SEGMENTATION].SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def spacing_of_another_series(objects: Objects) -> None:
    objects[Kind.OVERLAY].PixelSpacing = [3, 3]


def a_frame_too_few(objects: Objects) -> None:
    objects[Kind.SALIENCY_MAP].PerFrameFunctionalGroupsSequence.pop()


def other_frame_of_reference(objects: Objects) -> None:
    objects[Kind.SEGMENTATION].FrameOfReferenceUID = derived_uid("elsewhere")


def values_beyond_the_declared_range(objects: Objects) -> None:
    mapping = objects[Kind.SALIENCY_MAP].SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.DoubleFloatRealWorldValueLastValueMapped = 0.1


def pixels_cut_short(objects: Objects) -> None:
    objects[Kind.SUMMARY].PixelData = objects[Kind.SUMMARY].PixelData[:-2]


DEFECTS = [
    (half_a_voxel_off, "frame 4 lies 3.25 mm from its source image"),
    (not_a_number, "not finite"),
    (rows_and_columns_swapped, "another matrix"),
    (missing_frame_anatomy, "FrameAnatomySequence is missing"),
    (wrong_series_as_source, "not placed on"),
    (orientation_of_another_plane, "oriented differently"),
    (spacing_of_another_series, "pixel spacing"),
    (a_frame_too_few, "Number of Frames"),
    (other_frame_of_reference, "frame of reference"),
    (values_beyond_the_declared_range, "declared range"),
    (pixels_cut_short, "wrong length"),
]


@pytest.mark.parametrize(("spoil", "words"), [pytest.param(*each, id=each[0].__name__) for each in DEFECTS])
def test_the_gate_catches(spoil: Spoil, words: str, objects: ResultObjects, evidence: Evidence) -> None:
    assert_refused(objects, evidence, spoil, words)


def test_a_saliency_half_a_voxel_off_its_images_is_refused_at_once(result: Result, evidence: Evidence) -> None:
    moved = result.saliency[0].volume.affine.copy()
    moved[:3, 3] += moved[:3, 0] / 2
    volume = Volume(result.saliency[0].volume.voxels, moved, result.saliency[0].volume.frame_of_reference_uid)
    shifted = replace(result, saliency=(replace(result.saliency[0], volume=volume),))
    with pytest.raises(EvidenceRefused, match=r"3\.25 mm from its source image"):
        build_objects(shifted, evidence, DEVICE)


def test_a_saliency_with_swapped_axes_is_refused_at_once(evidence: Evidence) -> None:
    result = make_result(evidence)
    volume = result.saliency[0].volume
    turned = Volume(volume.voxels.transpose(1, 0, 2), volume.affine, volume.frame_of_reference_uid)
    with pytest.raises(EvidenceRefused, match="matrix differs"):
        build_objects(replace(result, saliency=(replace(result.saliency[0], volume=turned),)), evidence, DEVICE)


def test_a_saliency_of_another_study_is_refused(result: Result) -> None:
    other = make_evidence(Layout(slices=8))
    with pytest.raises(EvidenceRefused, match="10 slices, its evidence 8 images"):
        build_objects(result, other, DEVICE)
