"""From a result to its objects: which are made, in which order, and what their files hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.results import Result
from mome_core.volume import Volume
from sr_studies import DEVICE
from sr_templates.build import ResultObjects, build_not_analysed, build_objects, decode, encode, render_summary
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import OFFERED_KINDS, Kind
from sr_templates.refusal import Refusal


def test_a_result_without_saliency_still_has_report_and_summary(result: Result, evidence: Evidence) -> None:
    objects = build_objects(replace(result, saliency=()), evidence, DEVICE)
    assert set(objects.by_kind) == {Kind.REPORT, Kind.SUMMARY}


def test_an_all_zero_saliency_makes_valid_objects(result: Result, evidence: Evidence) -> None:
    volume = result.saliency[0].volume
    empty = Volume(np.zeros_like(volume.voxels), volume.affine, volume.frame_of_reference_uid)
    result = replace(result, saliency=(replace(result.saliency[0], volume=empty),))
    assert Kind.SALIENCY_MAP in build_objects(result, evidence, DEVICE, options=ObjectOptions(crop_map=True)).by_kind


def test_images_come_before_the_documents_that_point_to_them(objects: ResultObjects) -> None:
    modalities = [kind.label.modality for kind in objects.by_kind]
    assert modalities[-3:] == ["SR", "KO", "SR"]
    assert list(objects.by_kind)[-1] is Kind.REPORT
    assert set(objects.by_kind) == OFFERED_KINDS


def test_an_encoded_object_is_read_back_as_it_was(objects: ResultObjects) -> None:
    for each in objects:
        read = decode(encode(each))
        assert read.file_meta.ImplementationClassUID == DEVICE.implementation_class_uid
        assert read.file_meta.ImplementationVersionName == DEVICE.implementation_version_name
        assert (read.SOPInstanceUID, read.SeriesDescription) == (each.SOPInstanceUID, each.SeriesDescription)


def test_a_source_header_is_left_as_it_was(evidence: Evidence, result: Result) -> None:
    before = [header.to_json() for header in evidence.instances]
    build_objects(result, evidence, DEVICE, options=ObjectOptions(OFFERED_KINDS))
    assert [header.to_json() for header in evidence.instances] == before


def test_a_reason_is_needed_to_say_that_nothing_was_analysed(evidence: Evidence) -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        build_not_analysed(Refusal(""), evidence, DEVICE)


def test_the_summary_page_is_drawn_without_building_objects(evidence: Evidence, result: Result) -> None:
    page = render_summary(result, evidence, DEVICE)
    assert page.shape == (1280, 1600, 3)
    withheld = Result((), (), (Modality.DCE,), withheld="Motion makes the score unreliable.")
    assert not np.array_equal(render_summary(withheld, evidence, DEVICE), page)
