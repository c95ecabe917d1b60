"""Which documents of a PACS are a reader's verdict on a result of ours, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from mome_core.assessment import Verdict
from reader_documents import (
    AGREEMENT,
    DISAGREEMENT,
    OF_INTEREST,
    REJECTED_FOR_QUALITY,
    WRONG_SIDE,
    add_comment,
    add_verdict,
    change_number,
    change_side,
    key_objects,
    successor,
)
from sr_templates.build import ResultObjects, decode, encode
from sr_templates.dicom import codes
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind
from sr_templates.reading.assessment import MOST_CHARACTERS, DocumentVerdict, read_verdict


@pytest.fixture
def report(objects: ResultObjects) -> Dataset:
    return decode(encode(objects.by_kind[Kind.REPORT][0]))


def said(document: Dataset, report: Dataset, *ours: str) -> DocumentVerdict | None:
    return read_verdict(encode(document), ours or {str(report.SOPInstanceUID)}, lambda _: encode(report))


@pytest.mark.parametrize(
    ("title", "verdict"),
    [
        (REJECTED_FOR_QUALITY, Verdict.NOT_USABLE),
        (codes.REJECTED_FOR_PATIENT_SAFETY, Verdict.NOT_USABLE),
        (codes.INCORRECT_WORKLIST_ENTRY, Verdict.NOT_USABLE),
        (AGREEMENT, Verdict.AGREE),
        (DISAGREEMENT, Verdict.DISAGREE),
    ],
)
def test_the_title_of_a_key_object_selection_judges(report: Dataset, title: Code, verdict: Verdict) -> None:
    found = said(key_objects(title, report, "breathing artefact"), report)
    assert found == DocumentVerdict(verdict, str(report.SOPInstanceUID), "breathing artefact")


def test_a_modifier_says_more_than_the_title(report: Dataset) -> None:
    found = said(key_objects(REJECTED_FOR_QUALITY, report, modifier=WRONG_SIDE), report)
    assert found is not None and found.verdict is Verdict.WRONG_SIDE and not found.comment


def test_a_selection_that_does_not_judge_or_is_about_another_object_is_no_verdict(
    report: Dataset, objects: ResultObjects
) -> None:
    assert said(key_objects(OF_INTEREST, report), report) is None
    assert said(key_objects(codes.RETENTION_EXPIRED, report), report) is None
    overlay = objects.by_kind[Kind.OVERLAY][0]
    assert said(key_objects(REJECTED_FOR_QUALITY, overlay), report) is None
    assert said(key_objects(Code("113001", "99ELSE", "Rejected"), report), report) is None


def test_a_verified_successor_with_the_same_statements_agrees(report: Dataset) -> None:
    document = successor(report)
    add_comment(document, "as seen on ultrasound")
    found = said(document, report)
    assert found == DocumentVerdict(Verdict.AGREE, str(report.SOPInstanceUID), "as seen on ultrasound")


def test_a_corrected_number_disagrees_and_a_corrected_side_says_wrong_side(report: Dataset) -> None:
    number, side = successor(report), successor(report)
    change_number(number)
    change_number(side)
    change_side(side)
    verdicts = [found.verdict for each in (number, side) if (found := said(each, report))]
    assert verdicts == [Verdict.DISAGREE, Verdict.WRONG_SIDE]


def test_nobody_vouches_for_an_unverified_successor_unless_it_says_a_verdict(report: Dataset) -> None:
    document = successor(report, verified=False)
    assert said(document, report) is None
    add_verdict(document, codes.VERDICTS[Verdict.NOT_USABLE])
    found = said(document, report)
    assert found is not None and found.verdict is Verdict.NOT_USABLE


def test_a_report_that_names_another_predecessor_or_none_is_no_verdict(report: Dataset) -> None:
    assert said(successor(report, names="2.25.4711"), report) is None
    copied = successor(report)
    del copied.PredecessorDocumentsSequence
    assert said(copied, report) is None


def test_a_finding_coded_as_disagreement_elsewhere_in_a_report_is_no_verdict(report: Dataset) -> None:
    """A radiologist who disagrees with an earlier examination, in a report that lists ours as its predecessor."""
    document = successor(report, verified=False)
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CODE"
    item.ConceptNameCodeSequence = [codes.code_item(Code("121071", "DCM", "Finding"))]
    item.ConceptCodeSequence = [codes.code_item(DISAGREEMENT)]
    document.ContentSequence.append(item)
    assert said(document, report) is None


def test_a_long_comment_is_cut(report: Dataset) -> None:
    found = said(key_objects(DISAGREEMENT, report, "x" * 5000), report)
    assert found is not None and len(found.comment) == MOST_CHARACTERS


def test_a_selection_without_a_title_says_nothing_and_one_without_content_is_refused() -> None:
    untitled, empty = decode(DAMAGED), decode(DAMAGED)
    del untitled.ConceptNameCodeSequence
    del empty.ContentSequence
    assert read_verdict(encode(untitled), {"2.25.1"}, lambda _: b"") is None
    with pytest.raises(EvidenceRefused, match="AttributeError"):
        read_verdict(encode(empty), {"2.25.1"}, lambda _: b"")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(at=st.floats(0, 1), value=st.integers(0, 255))
def test_a_damaged_document_is_refused_or_read_and_nothing_else(at: float, value: int) -> None:
    file = bytearray(DAMAGED)
    file[min(len(file) - 1, int(at * len(file)))] = value
    try:
        read_verdict(bytes(file), {"2.25.1"}, lambda _: DAMAGED)
    except EvidenceRefused as error:
        assert "cannot be read" in str(error)


def _small_selection() -> bytes:
    document = Dataset()
    document.SOPClassUID, document.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.59", "2.25.2"
    document.ConceptNameCodeSequence = [codes.code_item(REJECTED_FOR_QUALITY)]
    item, reference = Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.34", "2.25.1"
    item.RelationshipType, item.ValueType, item.ReferencedSOPSequence = "CONTAINS", "COMPOSITE", [reference]
    document.ContentSequence = [item]
    document.ensure_file_meta()
    document.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return encode(document)


DAMAGED = _small_selection()


def test_a_small_selection_is_read() -> None:
    assert read_verdict(DAMAGED, {"2.25.1"}, lambda _: b"") == DocumentVerdict(Verdict.NOT_USABLE, "2.25.1", "")
