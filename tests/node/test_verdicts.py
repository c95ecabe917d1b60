"""The newest verdict of each reader stands; labels come from calls that readers agree about; counts by score band."""

from __future__ import annotations

from dataclasses import replace

from mome_core.assessment import Verdict
from mome_core.calibration import Call
from mome_core.results import Endpoint
from node.storage.records import AssessedAnalysis, Assessment, Feedback
from node.verdicts import BandVerdicts, all_feedback, count_verdicts, reader_labels, standing
from told_results import SCORE, SUMMARY

MALIGNANCY, SUBTYPE = Endpoint.MALIGNANCY, Endpoint.TRIPLE_NEGATIVE
TWO_SCORES = replace(SUMMARY, scores=(SCORE, replace(SCORE, endpoint=SUBTYPE, probability=0.1, call=Call.NEGATIVE)))


NEGATIVE = replace(SUMMARY, scores=(replace(SCORE, call=Call.NEGATIVE, probability=0.1),))


def said(verdict: Verdict, by: str = "anna", *, study: str = "1.2", summary=SUMMARY, about=None, scanner="MR1"):
    return AssessedAnalysis(study, Assessment(1, 0.0, verdict, about, by), summary, scanner)


def sent(verdict: Verdict, revision: int = 1, *, summary=SUMMARY):
    """By whoever reads at the PACS."""
    said_there = Assessment(revision, 0.0, verdict, calling_ae_title="PACS", sop_instance_uid="2.25.9")
    return AssessedAnalysis("1.2", said_there, summary, "MR1")


def test_a_reader_who_thinks_again_is_counted_once() -> None:
    found = standing([said(Verdict.AGREE), said(Verdict.DISAGREE, "otto"), said(Verdict.WRONG_SIDE)])
    assert {each.assessment.by: each.assessment.verdict for each in found} == {
        "anna": Verdict.WRONG_SIDE,
        "otto": Verdict.DISAGREE,
    }


def test_a_call_that_readers_agree_about_is_a_label_with_its_source() -> None:
    found = reader_labels([said(Verdict.DISAGREE), said(Verdict.DISAGREE, "otto"), said(Verdict.AGREE, study="1.3")])
    assert [(each.study_instance_uid, each.label, len(each.assessments)) for each in found.labels] == [
        ("1.2", 0, 2),
        ("1.3", 1, 1),
    ]
    assert [each.source for each in found.labels] == ["verdict:disagree-with-positive", "verdict:agree-with-positive"]


def test_readers_who_contradict_each_other_give_no_label() -> None:
    found = reader_labels([said(Verdict.AGREE), said(Verdict.DISAGREE, "otto")])
    assert found.labels == () and found.contradicted == (("1.2", MALIGNANCY),)


def test_documents_of_one_pacs_that_contradict_each_other_give_no_label() -> None:
    """Its AE title stands for all of its readers; a person on the dashboard may think again."""
    found = reader_labels([sent(Verdict.DISAGREE), sent(Verdict.NOT_USABLE), sent(Verdict.AGREE)])
    assert found.labels == () and found.contradicted == (("1.2", MALIGNANCY),)
    assert [each.label for each in reader_labels([sent(Verdict.AGREE), sent(Verdict.AGREE)]).labels] == [1]
    assert [each.label for each in reader_labels([said(Verdict.DISAGREE), said(Verdict.AGREE)]).labels] == [1]


def test_an_account_that_is_called_like_an_ae_title_is_another_reader() -> None:
    found = reader_labels([said(Verdict.DISAGREE, "PACS"), sent(Verdict.AGREE)])
    assert found.labels == () and found.contradicted == (("1.2", MALIGNANCY),)


def test_a_verdict_on_an_older_revision_takes_the_place_of_none_on_a_newer_one() -> None:
    """The PACS rejects the report that the new one supersedes, as IHE IOCM has it."""
    verdicts = [sent(Verdict.AGREE, 2, summary=NEGATIVE), sent(Verdict.NOT_USABLE, 1)]
    (stands,) = standing(verdicts)
    assert (stands.assessment.verdict, stands.assessment.revision) == (Verdict.AGREE, 2)
    assert [each.label for each in reader_labels(verdicts).labels] == [0]
    (newer,) = standing([sent(Verdict.DISAGREE), sent(Verdict.AGREE, 2, summary=NEGATIVE)])
    assert (newer.assessment.revision, newer.also) == (2, frozenset())


def test_no_label_without_a_call_of_a_side_or_where_nobody_knows_which_score_is_meant() -> None:
    withheld = replace(SUMMARY, scores=(replace(SCORE, call=Call.WITHHELD),))
    for each in (
        said(Verdict.AGREE, summary=withheld),
        said(Verdict.WRONG_SIDE),
        said(Verdict.NOT_USABLE),
        said(Verdict.AGREE, summary=TWO_SCORES),
    ):
        assert reader_labels([each]) == reader_labels([])
    (named,) = reader_labels([said(Verdict.AGREE, summary=TWO_SCORES, about=SUBTYPE)]).labels
    assert (named.endpoint, named.label) == (SUBTYPE, 0)


def test_verdicts_are_counted_by_scanner_and_score_band() -> None:
    sure, withheld = (replace(SUMMARY, scores=(replace(SCORE, probability=each),)) for each in (1.0, None))
    verdicts = [
        said(Verdict.AGREE),
        said(Verdict.NOT_USABLE, "otto"),
        said(Verdict.DISAGREE, study="1.3", scanner="MR2", summary=sure),
        said(Verdict.AGREE, study="1.4", summary=withheld),
    ]
    assert count_verdicts(standing(verdicts)) == [
        BandVerdicts("MR1", MALIGNANCY, 0.6, 0.8, agree=1, disagree=0, wrong_side=0, not_usable=1),
        BandVerdicts("MR2", MALIGNANCY, 0.8, 1.0, agree=0, disagree=1, wrong_side=0, not_usable=0),
    ]


def test_a_verdict_on_a_whole_result_of_several_scores_is_counted_as_a_rejection_only() -> None:
    counts = count_verdicts(standing([said(Verdict.AGREE, summary=TWO_SCORES)]))
    assert counts == []
    counts = count_verdicts(standing([said(Verdict.NOT_USABLE, summary=TWO_SCORES)]))
    assert [(each.endpoint, each.agree, each.not_usable) for each in counts] == [(MALIGNANCY, 0, 1), (SUBTYPE, 0, 1)]


def test_documents_and_verdicts_are_one_list() -> None:
    document = Feedback("1.2", "1.2.840", "2.25.9", "ab", "a.dcm", "PACS", 300.0)
    by_document = Assessment(1, 300.0, Verdict.AGREE, calling_ae_title="PACS", sop_instance_uid="2.25.9")
    by_person = Assessment(1, 200.0, Verdict.DISAGREE, reader="anna")
    judged = [AssessedAnalysis("1.2", each, SUMMARY, "MR1") for each in (by_person, by_document)]
    found = all_feedback([document, replace(document, sop_instance_uid="2.25.10", received_at=400.0)], judged)
    assert [each.assessment for each in found] == [by_person, by_document, None]
