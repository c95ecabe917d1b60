"""What the report says, read back from its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, EnhancedSRStorage, MRImageStorage

from calibrations import calibration
from mome_core.calibration import Call, WithheldCode
from mome_core.case import Modality
from mome_core.results import Endpoint, QualityFlag, Result, Severity
from sr_studies import DEVICE, MODEL, Layout, make_evidence, make_result
from sr_templates.build import ResultObjects, build_not_analysed, build_objects, encode, reference_to
from sr_templates.context import ObjectOptions
from sr_templates.dicom import codes
from sr_templates.dicom.device import Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind
from sr_templates.objects.report import downgraded
from sr_templates.refusal import Refusal


def items(document: Dataset) -> Iterator[Dataset]:
    for item in document.get("ContentSequence", ()):
        yield item
        yield from items(item)


def values(document: Dataset, code: Any) -> list[Any]:
    """Values of all items with this concept name, as a reader sees them."""
    found = []
    for item in items(document):
        if item.ConceptNameCodeSequence[0].get("CodeValue") != code.value:
            continue
        if item.ValueType == "NUM":
            found.append(str(item.MeasuredValueSequence[0].NumericValue))
        elif item.ValueType == "CODE":
            found.append(item.ConceptCodeSequence[0].CodeMeaning)
        elif item.ValueType == "TEXT":
            found.append(item.TextValue)
        elif item.ValueType == "IMAGE":
            found.append(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    return found


def report_of(result: Result, evidence: Evidence, **named: Any) -> Dataset:
    only = ObjectOptions(frozenset({Kind.REPORT}))
    report = build_objects(result, evidence, DEVICE, options=only, **named).by_kind[Kind.REPORT][0]
    return dcmread(BytesIO(encode(report)))


@pytest.fixture(scope="module")
def report(objects: ResultObjects) -> Dataset:
    return dcmread(BytesIO(encode(objects.by_kind[Kind.REPORT][0])))


def test_every_endpoint_has_its_probability_operating_point_and_spread_in_percent(report: Dataset) -> None:
    for endpoint in Endpoint:
        assert values(report, codes.PROBABILITY[endpoint]) == ["83.2"]
    assert values(report, codes.OPERATING_POINT) == ["50.0"] * 3
    assert values(report, codes.SPREAD) == ["2.1"] * 3
    units = {
        i.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
        for i in items(report)
        if i.ValueType == "NUM"
    }
    assert units == {"%"}


def test_the_impression_stands_first_and_technical_items_last(report: Dataset) -> None:
    first, last = report.ContentSequence[0], report.ContentSequence[-1]
    assert first.ConceptNameCodeSequence[0].CodeMeaning == "Impression"
    assert first.TextValue.startswith("AI result, research use only, not for diagnosis. Probability of malignancy 83 %")
    assert last.ContentSequence[-1].ConceptNameCodeSequence[0].CodeMeaning == codes.INPUT_DIGEST.meaning


def test_every_key_image_is_named_by_its_sequence_series_and_number(report: Dataset) -> None:
    library = next(item for item in items(report) if item.ConceptNameCodeSequence[0].CodeValue == "126200")
    named = {
        entry.ConceptNameCodeSequence[0].CodeMeaning: [str(fact.get("TextValue", "")) for fact in entry.ContentSequence]
        for entry in library.ContentSequence
    }
    assert named == {
        "Dynamic Contrast-Enhanced Acquisition": ["", "4", "1006"],
        "Diffusion weighted": ["", "40", "6"],
        "T2 Weighted MR Signal Intensity": ["", "30", "6"],
    }
    assert values(report, codes.SEQUENCE_OF) == list(named) * 3


def test_base_and_contributions_add_up_to_the_score(report: Dataset) -> None:
    shares = [float(values(report, codes.CONTRIBUTION[modality])[0]) for modality in Modality]
    base = float(values(report, codes.BASE_PROBABILITY)[0])
    assert base + sum(shares) == pytest.approx(83.2, abs=0.02)


def test_an_operating_point_stands_with_what_it_was_validated_on(report: Dataset) -> None:
    assert values(report, codes.READING) == [codes.READINGS[Call.POSITIVE].meaning] * 3
    shown = [[values(report, each)[0] for each in name] for name in (codes.SENSITIVITY, codes.SPECIFICITY)]
    assert shown == [["97.0", "91.5", "99.4"], ["80.0", "70.8", "87.3"]]
    assert values(report, codes.WITHOUT[Modality.DCE])[0] == "50.0"
    words = values(report, codes.CALL_WORDS)
    assert words[0] == "Malignancy: positive: above the operating point of 50 %"
    assert any("validated with DCE + DWI + T2 on 200 patients" in each for each in words)


def test_a_withheld_score_has_its_reason_and_no_number(evidence: Evidence, result: Result) -> None:
    silent = calibration(withheld=WithheldCode.NOT_TOLD_APART)
    first, second, third = result.scores
    withheld = replace(third, probability=None, calibration=silent, contributions=())
    report = report_of(replace(result, scores=(first, second, withheld)), evidence)
    assert values(report, codes.READING) == [codes.READINGS[Call.POSITIVE].meaning] * 2 + [
        codes.READINGS[Call.WITHHELD].meaning
    ]
    assert not values(report, codes.PROBABILITY[third.endpoint])
    assert any(
        "score withheld, because" in each and "NOT_TOLD_APART" in each for each in values(report, codes.CALL_WORDS)
    )


def test_the_score_is_the_patients_and_never_of_one_side(report: Dataset) -> None:
    assert set(values(report, codes.LATERALITY)) == {"Right and left"}
    assert all(name.startswith("Bilateral") for name in values(report, codes.TRACKING_IDENTIFIER))


def test_a_missing_sequence_is_named(evidence: Evidence) -> None:
    evidence = make_evidence(Layout(modalities=(Modality.DCE, Modality.T2)))
    report = report_of(make_result(evidence), evidence)
    assert values(report, codes.SEQUENCE_MISSING) == ["Diffusion weighted"]
    assert len(values(report, codes.SEQUENCE_USED)) == 2


def test_flags_model_scope_weights_and_intended_use_are_stated(report: Dataset) -> None:
    assert "Fewer post-contrast phases" in values(report, codes.QUALITY_FLAG)[0]
    assert values(report, codes.MODEL_STATEMENT) == [MODEL.statement]
    assert any(MODEL.sha256 in each for each in values(report, codes.ALGORITHM_PARAMETERS))
    assert "0.1.0" in values(report, codes.ALGORITHM_VERSION)[0]
    assert "Research use only, not for diagnosis" in values(report, codes.INTENDED_USE)
    assert "research use only" in report.SeriesDescription
    assert (report.VerificationFlag, report.CompletionFlag) == ("UNVERIFIED", "COMPLETE")


def test_the_explanation_links_map_overlay_summary_and_region(objects: ResultObjects) -> None:
    report = objects.by_kind[Kind.REPORT][0]
    linked = set(values(report, codes.VISUAL_EXPLANATION)) | set(values(report, codes.REGION_OF_HIGHEST_SALIENCY))
    for kind in (Kind.SALIENCY_MAP, Kind.SEGMENTATION, Kind.OVERLAY, Kind.SUMMARY):
        assert linked & {each.SOPInstanceUID for each in objects.by_kind[kind]}
    assert values(report, codes.COMPLETENESS_ERROR) == ["1.20"]


def test_every_used_instance_is_listed_as_evidence(report: Dataset, evidence: Evidence) -> None:
    listed = {
        item.ReferencedSOPInstanceUID
        for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
        if item.ReferencedSOPClassUID == MRImageStorage
    }
    assert listed == {header.SOPInstanceUID for header in evidence.instances}


def test_a_study_that_was_not_analysed_says_so_and_why(evidence: Evidence) -> None:
    flag = QualityFlag("motion", Severity.WITHHOLD, "Strong motion between the phases.")
    objects = build_not_analysed(Refusal("The post-contrast phases are missing.", flags=(flag,)), evidence, DEVICE)
    report = objects.by_kind[Kind.REPORT][0]
    assert values(report, codes.STATUS) == ["Not analysed: no score was given"]
    assert values(report, codes.NOT_ANALYSED_REASON) == ["The post-contrast phases are missing."]
    assert values(report, codes.IMPRESSION)[0].endswith("disease. The post-contrast phases are missing.")
    assert not [item for item in items(report) if item.ValueType == "NUM"]
    assert set(objects.by_kind) == {Kind.REPORT, Kind.SUMMARY}


def test_a_withheld_result_becomes_the_objects_that_say_so(evidence: Evidence) -> None:
    withheld = Result((), (), (Modality.DCE,), withheld="Motion makes the score unreliable.")
    report = report_of(withheld, evidence)
    assert values(report, codes.NOT_ANALYSED_REASON) == ["Motion makes the score unreliable."]


def test_a_second_revision_names_its_predecessor(objects: ResultObjects) -> None:
    first = objects
    more = make_evidence(Layout(phases=4))
    second = report_of(make_result(more), more, run=Revision(revision=2, predecessor=first.root))
    named = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert first.root == reference_to(first.by_kind[Kind.REPORT][0])
    assert named.ReferencedSOPInstanceUID == first.by_kind[Kind.REPORT][0].SOPInstanceUID
    assert second.SOPInstanceUID != named.ReferencedSOPInstanceUID
    assert "rev 2" in second.SeriesDescription


@pytest.mark.parametrize("sop_class", [ComprehensiveSRStorage, EnhancedSRStorage])
def test_a_report_can_be_sent_in_an_older_class_with_the_same_content(report: Dataset, sop_class: str) -> None:
    uid = report.SOPInstanceUID
    older = downgraded(report, sop_class)
    assert report.SOPInstanceUID == uid
    assert older.SOPClassUID == sop_class
    assert older.SOPInstanceUID != report.SOPInstanceUID
    assert older.ContentSequence == report.ContentSequence


def test_code_values_and_meanings_fit_their_attributes() -> None:
    from pydicom.sr.coding import Code

    for name, code in vars(codes).items():
        if isinstance(code, Code):
            assert len(code.value) <= 16, name
            assert len(code.meaning) <= 64, name
