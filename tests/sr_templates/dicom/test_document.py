"""Templates of PS3.16 by highdicom's classes, with what our documents add to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from highdicom.sr import MeasurementsAndQualitativeEvaluations
from pydicom.dataset import Dataset
from pydicom.uid import UID

from mome_core.case import Modality
from sr_studies import DEVICE, MODEL, Layout, enhanced_evidence
from sr_templates.dicom import codes, document
from sr_templates.dicom.device import DocumentReference
from sr_templates.dicom.evidence import Evidence


def walk(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", ()):
        yield from walk(child)


def names(item: Dataset) -> list[str]:
    return [child.ConceptNameCodeSequence[0].CodeMeaning for child in item.ContentSequence]


def group() -> document.MeasurementGroup:
    return MeasurementsAndQualitativeEvaluations(
        document.tracking_identifier("Bilateral breast malignancy", UID("1.2.3")),
        algorithm_id=document.algorithm_identification(MODEL, DEVICE, ["weights", ""]),
        finding_sites=[document.finding_site(codes.BILATERAL)],
        measurements=[document.percentage(codes.SPREAD, 0.0212345)],
    )


def test_a_report_has_the_rows_of_tid_1500_in_order(evidence: Evidence) -> None:
    keys = {Modality.DCE: evidence.images(Modality.DCE)[0]}
    statements = [document.code(codes.STATUS, codes.ANALYSED)]
    title = codes.ONCOLOGY_MEASUREMENT_REPORT
    first = document.text(codes.IMPRESSION, "Nothing.")
    root = document.measurement_report(title, DEVICE, [group()], keys, statements, first=first)
    assert names(root) == [
        "Impression",
        "Language of Content Item and Descendants",
        "Observer Type",
        "Device Observer UID",
        "Device Observer Name",
        "Device Observer Manufacturer",
        "Device Observer Model Name",
        "Device Observer Serial Number",
        "Procedure reported",
        "Image Library",
        "Imaging Measurements",
        "Qualitative Evaluations",
    ]
    assert root.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    containers = [item for item in walk(root) if item.ValueType == "CONTAINER"]
    assert {item.ContinuityOfContent for item in containers} == {"SEPARATE"}


def test_a_report_without_a_score_has_the_same_rows(evidence: Evidence) -> None:
    statements = [document.text(codes.NOT_ANALYSED_REASON, "no DCE")]
    bare = document.measurement_report(codes.ONCOLOGY_MEASUREMENT_REPORT, DEVICE, (), None, statements)
    full = document.measurement_report(codes.ONCOLOGY_MEASUREMENT_REPORT, DEVICE, [group()], None, statements)
    assert names(bare) == names(full)
    assert bare.ContentTemplateSequence == full.ContentTemplateSequence
    assert [item.RelationshipType for item in bare.ContentSequence] == [
        item.RelationshipType for item in full.ContentSequence
    ]


def test_the_algorithm_is_named_with_its_software_and_without_empty_parameters() -> None:
    items = document.algorithm_identification(MODEL, DEVICE, ["first", ""])
    said = [item.get("TextValue") or item.ConceptCodeSequence[0].CodeMeaning for item in items]
    assert said == ["MOME demo", "1.0 (MOME Node 0.1.0)", "MOME Node", "first", "Artificial Intelligence"]


@pytest.mark.parametrize(("decimals", "words"), [(1, "33.3"), (2, "33.33")])
def test_a_percentage_reads_rounded_and_keeps_its_exact_value(decimals: int, words: str) -> None:
    (item,) = document.percentage(codes.SPREAD, 1 / 3, decimals=decimals)
    measured = item.MeasuredValueSequence[0]
    assert str(measured.NumericValue) == words
    assert measured.FloatingPointValue == pytest.approx(100 / 3, rel=1e-15)
    assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "%"


def test_a_frame_of_an_enhanced_instance_is_referred_to_by_its_number() -> None:
    source = enhanced_evidence(Layout()).images(Modality.DCE)[4]
    reference = document.source_of_measurement(Modality.DCE, source).ReferencedSOPSequence[0]
    assert reference.ReferencedFrameNumber == 5
    box = np.array([[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]], dtype=float)
    (drawn_on,) = document.outline(box, source).ContentSequence
    assert drawn_on.ReferencedSOPSequence[0].ReferencedFrameNumber == 5


def test_words_are_spelled_out_in_ascii() -> None:
    assert document.text(codes.QUALITY_FLAG, "b ≥ 800").TextValue == "b >= 800"


def test_a_predecessor_is_named_by_study_series_and_instance() -> None:
    item = document.predecessor_item(DocumentReference("1.2", "1.3", "1.4", "1.5"))
    series = item.ReferencedSeriesSequence[0]
    instance = series.ReferencedSOPSequence[0]
    assert (item.StudyInstanceUID, series.SeriesInstanceUID) == ("1.2", "1.3")
    assert (instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID) == ("1.4", "1.5")
