"""The arrow to the region: on its slice, beside what it points at, above the operating point only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.results import Result
from sr_studies import DEVICE, SAGITTAL, Layout, enhanced_evidence, make_evidence, make_result
from sr_templates import gate
from sr_templates.build import build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.grid import image_affine
from sr_templates.drawing.summary_page import PageOptions
from sr_templates.errors import ObjectRefused
from sr_templates.kinds import DEFAULT_KINDS, Kind
from sr_templates.languages.words import Language

ONLY = ObjectOptions(frozenset({Kind.PRESENTATION_STATE}))


def state_of(evidence: Evidence, result: Result, options: ObjectOptions = ONLY) -> Dataset:
    (instance,) = build_objects(result, evidence, DEVICE, options=options).by_kind[Kind.PRESENTATION_STATE]
    return instance


def arrow_of(instance: Dataset) -> np.ndarray:
    (annotation,) = instance.GraphicAnnotationSequence
    (graphic,) = annotation.GraphicObjectSequence
    return np.reshape(graphic.GraphicData, (-1, 2))


def test_it_is_off_by_default() -> None:
    assert Kind.PRESENTATION_STATE not in DEFAULT_KINDS


@pytest.mark.parametrize("layout", [Layout(), Layout(orientation=SAGITTAL), Layout(phases_in_one_series=True)])
def test_the_arrow_ends_eight_millimetres_before_the_peak_on_its_slice(layout: Layout) -> None:
    evidence = make_evidence(layout)
    instance = state_of(evidence, make_result(evidence))
    (annotation,) = instance.GraphicAnnotationSequence
    (reference,) = annotation.ReferencedImageSequence
    images = evidence.images(Modality.DCE)
    k = [str(each.header.SOPInstanceUID) for each in images].index(reference.ReferencedSOPInstanceUID)
    column, row = arrow_of(instance)[1] - 0.5
    tip_mm = (image_affine(images) @ (column, row, k, 1))[:3]
    off_mm = np.linalg.norm(tip_mm - (60.0, -20.0, 5.0))
    assert 4 < off_mm < 22  # a voxel is 6.5 mm in plane, and a sagittal slice 28 mm thick


def test_its_words_say_what_it_is_in_the_sites_language() -> None:
    evidence = make_evidence(Layout())
    for language, expected in ((Language.ENGLISH, "no lesion outline"), (Language.GERMAN, "keine Läsionsgrenze")):
        options = replace(ONLY, page=PageOptions(language=language))
        (annotation,) = state_of(evidence, make_result(evidence), options).GraphicAnnotationSequence
        assert expected in annotation.TextObjectSequence[0].UnformattedTextValue


def test_of_an_enhanced_image_it_names_the_frame() -> None:
    evidence = enhanced_evidence(Layout(phases_in_one_series=True))
    (annotation,) = state_of(evidence, make_result(evidence)).GraphicAnnotationSequence
    frame = annotation.ReferencedImageSequence[0].ReferencedFrameNumber
    assert Layout().slices < int(frame) <= 2 * Layout().slices  # of the first post-contrast phase


def test_a_study_in_any_character_set_has_one() -> None:
    evidence = make_evidence(Layout(attributes={"SpecificCharacterSet": ["", "ISO 2022 IR 87"]}))
    assert state_of(evidence, make_result(evidence)).SpecificCharacterSet == ["", "ISO 2022 IR 87"]


def test_without_a_positive_call_there_is_none(evidence: Evidence, result: Result) -> None:
    negative = replace(result, scores=(replace(result.scores[0], probability=0.1),))
    objects = build_objects(negative, evidence, DEVICE, options=ONLY)
    assert Kind.PRESENTATION_STATE not in objects.by_kind
    assert "no place is marked" in objects.not_written[Kind.PRESENTATION_STATE]


def test_the_same_result_gives_the_same_bytes(evidence: Evidence, result: Result) -> None:
    assert encode(state_of(evidence, result)) == encode(state_of(evidence, result))


def other_image(instance: Dataset) -> None:
    instance.GraphicAnnotationSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID = "2.25.1"


def outside(instance: Dataset) -> None:
    instance.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData = [0.0, 0.0, 99.0, 1.0]


@pytest.mark.parametrize(("spoil", "words"), [(other_image, "not placed on"), (outside, "leaves the image")])
def test_the_gate_refuses_a_mark_at_another_place(spoil, words: str, evidence: Evidence, result: Result) -> None:  # type: ignore[no-untyped-def]
    instance = state_of(evidence, result)
    spoil(instance)
    with pytest.raises(ObjectRefused, match=words):
        gate.check([instance], evidence)
