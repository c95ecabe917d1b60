"""Deliberate defects: each is caught by the gate, by name, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.results import Result
from mome_core.volume import Volume
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates import gate
from sr_templates.build import ResultObjects, build_objects
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.evidence import Evidence
from sr_templates.errors import EvidenceRefused, ObjectRefused
from sr_templates.kinds import Kind

Objects = dict[Kind, Dataset]


def named(document: Dataset, code: codes.Code) -> Dataset:
    """The first item with this concept name."""
    pending = list(document.ContentSequence)
    while pending:
        item = pending.pop(0)
        if item.ConceptNameCodeSequence[0].get("CodeValue") == code.value:
            return item
        pending += item.get("ContentSequence", [])
    raise LookupError(code.meaning)


def half_a_voxel_off(objects: Objects) -> None:
    position = objects[Kind.SALIENCY_MAP].PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0]
    position.ImagePositionPatient = [position.ImagePositionPatient[0] + 3.25, *position.ImagePositionPatient[1:]]


def dangling_reference(objects: Objects) -> None:
    reference = named(objects[Kind.REPORT], codes.VISUAL_EXPLANATION).ReferencedSOPSequence[0]
    reference.ReferencedSOPInstanceUID = derived_uid("nobody")


def evidence_of_nobody(objects: Objects) -> None:
    series = objects[Kind.REPORT].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = derived_uid("nobody")


def other_patients_uid(objects: Objects) -> None:
    objects[Kind.SUMMARY].PatientID = "P-2"


def not_a_number(objects: Objects) -> None:
    pixels = np.frombuffer(objects[Kind.SALIENCY_MAP].FloatPixelData, "<f4").copy()
    pixels[1000] = np.nan
    objects[Kind.SALIENCY_MAP].FloatPixelData = pixels.tobytes()


def rows_and_columns_swapped(objects: Objects) -> None:
    saliency_map = objects[Kind.SALIENCY_MAP]
    saliency_map.Rows, saliency_map.Columns = saliency_map.Columns, saliency_map.Rows


def wrong_unit(objects: Objects) -> None:
    measured = named(objects[Kind.REPORT], codes.OPERATING_POINT).MeasuredValueSequence[0]
    measured.MeasurementUnitsCodeSequence = [codes.code_item(codes.NO_UNITS)]


def missing_frame_anatomy(objects: Objects) -> None:
    del objects[Kind.SALIENCY_MAP].SharedFunctionalGroupsSequence[0].FrameAnatomySequence


def wrong_series_as_source(objects: Objects) -> None:
    groups = objects[Kind.SALIENCY_MAP].PerFrameFunctionalGroupsSequence[0]
    source = groups.DerivationImageSequence[0].SourceImageSequence[0]
    source.ReferencedSOPInstanceUID = derived_uid("test image", "3", "0", "0")  # the pre-contrast phase


def verified(objects: Objects) -> None:
    objects[Kind.REPORT].VerificationFlag = "VERIFIED"


def eight_hundred_percent(objects: Objects) -> None:
    measured = named(objects[Kind.REPORT], codes.PROBABILITY[next(iter(codes.PROBABILITY))]).MeasuredValueSequence[0]
    measured.NumericValue, measured.FloatingPointValue = "832", 832.0


def exact_value_of_another_study(objects: Objects) -> None:
    named(objects[Kind.REPORT], codes.SPREAD).MeasuredValueSequence[0].FloatingPointValue = 70.0


def orientation_of_another_plane(objects: Objects) -> None:
    shared = objects[Kind.SEGMENTATION].SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def spacing_of_another_series(objects: Objects) -> None:
    objects[Kind.OVERLAY].PixelSpacing = [3, 3]


def a_frame_too_few(objects: Objects) -> None:
    objects[Kind.SALIENCY_MAP].PerFrameFunctionalGroupsSequence.pop()


def other_frame_of_reference(objects: Objects) -> None:
    objects[Kind.SEGMENTATION].FrameOfReferenceUID = derived_uid("elsewhere")


def private_scheme_not_described(objects: Objects) -> None:
    del objects[Kind.REPORT].CodingSchemeIdentificationSequence


def values_beyond_the_declared_range(objects: Objects) -> None:
    mapping = objects[Kind.SALIENCY_MAP].SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.DoubleFloatRealWorldValueLastValueMapped = 0.1


def continuous_container(objects: Objects) -> None:
    named(objects[Kind.REPORT], codes.MEASUREMENT_GROUP).ContinuityOfContent = "CONTINUOUS"


def no_tracking_uid(objects: Objects) -> None:
    group = named(objects[Kind.REPORT], codes.MEASUREMENT_GROUP)
    group.ContentSequence = [i for i in group.ContentSequence if i.ValueType != "UIDREF"]


def no_laterality(objects: Objects) -> None:
    del named(objects[Kind.REPORT], codes.FINDING_SITE).ContentSequence


def filed_into_a_source_series(objects: Objects) -> None:
    objects[Kind.SUMMARY].SeriesInstanceUID = derived_uid("test series", "3")


def same_uid_twice(objects: Objects) -> None:
    objects[Kind.SUMMARY].SOPInstanceUID = objects[Kind.REPORT].SOPInstanceUID


def pixels_cut_short(objects: Objects) -> None:
    objects[Kind.SUMMARY].PixelData = objects[Kind.SUMMARY].PixelData[:-2]


def not_a_uid(objects: Objects) -> None:
    objects[Kind.KEY_IMAGES].SeriesInstanceUID = "1.2.03"


def other_patients_name(objects: Objects) -> None:
    objects[Kind.REPORT].PatientName = "Phantom^Berta"


def equipment_unknown(objects: Objects) -> None:
    objects[Kind.REPORT].SoftwareVersions = ""


DEFECTS = [
    (half_a_voxel_off, "frame 4 lies 3.25 mm from its source image"),
    (dangling_reference, "which is not in its evidence"),
    (evidence_of_nobody, "neither source nor result"),
    (other_patients_uid, "PatientID differs"),
    (not_a_number, "not finite"),
    (rows_and_columns_swapped, "another matrix"),
    (wrong_unit, "is not in %"),
    (missing_frame_anatomy, "FrameAnatomySequence is missing"),
    (wrong_series_as_source, "not placed on"),
    (verified, "UNVERIFIED"),
    (eight_hundred_percent, "impossible"),
    (exact_value_of_another_study, "exact value"),
    (orientation_of_another_plane, "oriented differently"),
    (spacing_of_another_series, "pixel spacing"),
    (a_frame_too_few, "Number of Frames"),
    (other_frame_of_reference, "frame of reference"),
    (private_scheme_not_described, "99MOMENODE is not described"),
    (values_beyond_the_declared_range, "declared range"),
    (continuous_container, "SEPARATE"),
    (no_tracking_uid, "no Tracking Unique Identifier"),
    (no_laterality, "no laterality"),
    (filed_into_a_source_series, "series of the source"),
    (same_uid_twice, "SOP Instance UID is used"),
    (pixels_cut_short, "wrong length"),
    (not_a_uid, "not a UID"),
    (other_patients_name, "PatientName differs"),
    (equipment_unknown, "SoftwareVersions is missing"),
]


@pytest.mark.parametrize(("spoil", "words"), [pytest.param(*each, id=each[0].__name__) for each in DEFECTS])
def test_the_gate_catches(
    spoil: Callable[[Objects], None], words: str, objects: ResultObjects, evidence: Evidence
) -> None:
    copies = {kind: [deepcopy(first), *rest] for kind, (first, *rest) in objects.by_kind.items()}
    spoil({kind: instances[0] for kind, instances in copies.items()})
    with pytest.raises(ObjectRefused, match=re.escape(words)) as refused:
        gate.check(chain.from_iterable(copies.values()), evidence)
    assert "Phantom" not in str(refused.value)
    assert "P-1" not in str(refused.value)


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
