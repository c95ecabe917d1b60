"""The numbers of a report read back from its bytes, by the names that lead to them."""

from __future__ import annotations

import pytest

from mome_core.results import Result
from sr_studies import MODEL
from sr_templates.build import ResultObjects, decode, encode
from sr_templates.dicom.evidence import Evidence
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind
from sr_templates.reading.report_numbers import read_numbers


def test_every_number_is_named_by_its_group(objects: ResultObjects, result: Result) -> None:
    stated = read_numbers(encode(objects.by_kind[Kind.REPORT][0]))
    group = "Imaging Measurements / Bilateral breast malignancy"
    assert stated.numbers[f"{group} / Probability of cancer"] == "83.2"
    assert stated.numbers[f"{group} / Operating point"] == "50.0"
    assert stated.numbers[f"{group} / Contribution of DCE"] == "20.00"
    # three endpoints, and the completeness error of the one explained
    assert len(stated.numbers) == 3 * (3 + 3 + 3 + 3 + 3 + 1 + 3) + 1
    assert stated.weights == (MODEL.sha256,)


def test_a_report_as_older_releases_wrote_it_gives_the_same_numbers(objects: ResultObjects) -> None:
    """Without impression, with nameless images."""
    report = decode(encode(objects.by_kind[Kind.REPORT][0]))
    del report.ContentSequence[0]
    for entry in report.ContentSequence[8].ContentSequence[0].ContentSequence:
        entry.ConceptNameCodeSequence[0].CodeMeaning = "Source of Measurement"
        del entry.ContentSequence
    assert read_numbers(encode(report)) == read_numbers(encode(objects.by_kind[Kind.REPORT][0]))


def test_the_evidence_names_every_source_instance(objects: ResultObjects, evidence: Evidence) -> None:
    stated = read_numbers(encode(objects.by_kind[Kind.REPORT][0]))
    assert {str(header.SOPInstanceUID) for header in evidence.instances} <= stated.evidence
    assert stated.study_instance_uid == str(evidence.reference.StudyInstanceUID)


def test_an_image_is_no_report(objects: ResultObjects) -> None:
    with pytest.raises(EvidenceRefused, match="no structured report"):
        read_numbers(encode(objects.by_kind[Kind.SUMMARY][0]))
