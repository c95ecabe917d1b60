"""Which documents of a PACS are a reader's verdict on a result of ours, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from mome_core.assessment import MOST_CHARACTERS, Verdict
from mome_core.results import Endpoint
from reader_documents import (
    AGREEMENT,
    DISAGREEMENT,
    OF_INTEREST,
    REJECTED_FOR_QUALITY,
    WRONG_SIDE,
    add_comment,
    add_empty_group,
    add_score_group,
    add_verdict,
    change_call,
    change_side,
    groups_of,
    keep_one_group,
    key_objects,
    numbers_of,
    successor,
)
from sr_templates.build import ResultObjects, decode, encode
from sr_templates.dicom import codes
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import Kind
from sr_templates.reading.assessment import DocumentVerdict, read_verdict


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


def test_a_corrected_call_disagrees_about_its_endpoint_and_a_corrected_side_says_wrong_side(report: Dataset) -> None:
    one, several, side = (successor(report) for _ in range(3))
    change_call(one, 1)
    change_call(several, 0)
    change_call(several, 1)
    change_call(side)
    change_side(side)
    found = [said(each, report) for each in (one, several, side)]
    assert [(each.verdict, each.endpoint) for each in found if each] == [
        (Verdict.DISAGREE, Endpoint.TRIPLE_NEGATIVE),
        (Verdict.DISAGREE, None),
        (Verdict.WRONG_SIDE, None),
    ]


def test_no_other_number_that_differs_is_a_disagreement(report: Dataset) -> None:
    """The bounds of a validation, a contribution, a probability whose call stands: 58 numbers, one after the other."""
    told = []
    for number in range(len(numbers_of(report))):
        document = successor(report)
        numbers_of(document)[number].NumericValue = "1.25"
        told.append(said(document, report))
    assert len(told) == 58 and {each.verdict for each in told if each} == {Verdict.AGREE}, "about the other endpoints"
    alone = decode(encode(report))
    keep_one_group(alone)
    for number in range(len(numbers_of(alone))):
        document = successor(alone)
        numbers_of(document)[number].NumericValue = "1.25"
        assert said(document, alone) is None


def test_what_a_successor_leaves_out_or_adds_says_nothing(report: Dataset) -> None:
    words, added, fewer = (successor(report) for _ in range(3))
    words.ContentSequence = []
    add_comment(words, "I agree fully")
    assert said(words, report) is None, "a narrative"
    add_empty_group(added)
    found = said(added, report)
    assert found is not None and (found.verdict, found.endpoint) == (Verdict.AGREE, None)
    keep_one_group(fewer)
    found = said(fewer, report)
    assert found is not None and (found.verdict, found.endpoint) == (Verdict.AGREE, Endpoint.MALIGNANCY)
    for group in groups_of(fewer):
        group.ContentSequence = [
            each for each in group.ContentSequence if each.ConceptNameCodeSequence[0].CodeValue != "READING"
        ]
    assert said(fewer, report) is None, "without the call"


def test_a_report_of_ours_without_a_score_is_not_agreed_with(report: Dataset) -> None:
    del report.ContentSequence
    assert said(successor(report), report) is None


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


@pytest.mark.parametrize("value", [None, ["1", "2"]])
def test_a_number_without_a_value_is_refused(report: Dataset, value: object) -> None:
    document = successor(report)
    numbers_of(document)[0].NumericValue = value
    with pytest.raises(EvidenceRefused, match="InvalidOperation"):
        said(document, report)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 2), at=st.floats(0, 1), value=st.integers(0, 255))
def test_a_damaged_document_is_refused_or_read_and_nothing_else(which: int, at: float, value: int) -> None:
    whole, about = ((DAMAGED, "2.25.1"), (SUCCESSOR, "2.25.3"), (DEFLATED, "2.25.3"))[which]
    file = bytearray(whole)
    file[min(len(file) - 1, int(at * len(file)))] = value
    try:
        read_verdict(bytes(file), {about}, lambda _: SUCCESSOR)
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


def _small_successor(transfer_syntax: str) -> bytes:
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.34", "2.25.3"
    report.StudyInstanceUID, report.SeriesInstanceUID = "2.25.4", "2.25.5"
    report.ensure_file_meta()
    report.file_meta.TransferSyntaxUID = transfer_syntax
    add_score_group(report, Endpoint.MALIGNANCY)
    return encode(successor(report))


DAMAGED = _small_selection()
SUCCESSOR = _small_successor("1.2.840.10008.1.2.1")
DEFLATED = _small_successor("1.2.840.10008.1.2.1.99")


def test_small_documents_are_read() -> None:
    for file in (SUCCESSOR, DEFLATED):
        found = read_verdict(file, {"2.25.3"}, lambda _: SUCCESSOR)
        assert found == DocumentVerdict(Verdict.AGREE, "2.25.3", "", Endpoint.MALIGNANCY)
    assert read_verdict(DAMAGED, {"2.25.1"}, lambda _: b"") == DocumentVerdict(Verdict.NOT_USABLE, "2.25.1", "")
