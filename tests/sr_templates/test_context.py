"""What a study lacks is a reason in the report, not an error."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.results import Result
from mome_core.volume import Volume
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import MEASURED_KINDS, OFFERED_KINDS, Kind

ON_PLANES = OFFERED_KINDS - {Kind.SUMMARY, Kind.PDF}


def built(evidence: Evidence, **wanted: object) -> ResultObjects:
    return build_objects(make_result(evidence), evidence, DEVICE, options=ObjectOptions(ON_PLANES, **wanted))  # type: ignore[arg-type]


def test_without_such_a_series_there_is_no_map_and_the_report_says_so() -> None:
    evidence = make_evidence(Layout(phases_in_one_series=True, modalities=(Modality.DCE,)))
    objects = built(evidence)
    assert Kind.SALIENCY_MAP not in objects.by_kind
    assert {Kind.SEGMENTATION, Kind.OVERLAY} <= set(objects.by_kind)
    assert "one image at each position" in objects.not_written[Kind.SALIENCY_MAP]
    assert b"saliency-map: no series holds one image at each position" in encode(objects.by_kind[Kind.REPORT][0])
    assert Kind.REGION in objects.by_kind


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
    assert set(objects.not_written) == {
        Kind.SEGMENTATION,
        Kind.OVERLAY,
        Kind.PRESENTATION_STATE,
        Kind.REGION,
        *MEASURED_KINDS,
    }


def _renamed(header: Dataset) -> Dataset:
    other = deepcopy(header)
    other.SOPInstanceUID = f"{header.SOPInstanceUID}1"
    return other


def test_a_saliency_that_raised_no_score_has_a_map_but_no_region(result: Result, evidence: Evidence) -> None:
    volume = result.saliency[0].volume
    lowered = Volume(-np.abs(volume.voxels), volume.affine, volume.frame_of_reference_uid)
    result = replace(result, saliency=(replace(result.saliency[0], volume=lowered),))
    objects = build_objects(result, evidence, DEVICE)
    assert Kind.SALIENCY_MAP in objects.by_kind
    assert objects.not_written == dict.fromkeys(
        (Kind.SEGMENTATION, Kind.OVERLAY, Kind.REGION), "No voxel raised the score: no place is marked."
    )


def test_a_kind_that_is_no_part_of_a_result_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="rejection"):
        ObjectOptions(frozenset({Kind.REJECTION}))


def test_documents_are_linked_by_no_other_object(objects: ResultObjects) -> None:
    listed = {e.value for e in objects.by_kind[Kind.REPORT][0].iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    for kind in (Kind.REGION, Kind.KEY_IMAGES):
        assert objects.by_kind[kind][0].SOPInstanceUID not in listed
    assert objects.by_kind[Kind.SUMMARY][0].SOPInstanceUID in listed
