"""What others are told is what the report of that revision says, and nothing of a result that was withdrawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kept_studies import STUDY
from node.integrations.content import preliminary_result
from node.integrations.errors import NothingToTell
from node.jobs import Job, JobKind
from node.storage.records import KeptObject
from told_results import PATIENT, SUMMARY, AnsweredSite, told_result


def claimed(site: AnsweredSite) -> Job:
    job = site.ledger.jobs.claim(JobKind.DELIVER, 190, 60, "ris")
    assert job is not None
    return job


def test_the_identifiers_are_those_of_the_report_and_the_order_is_that_of_the_images(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "ris")
    told = preliminary_result(claimed(site), site.ledger, site.archive)
    assert told.report.sop_instance_uid == site.report_uid
    assert told.identification.study_instance_uid == STUDY
    assert told.identification.patient_name == PATIENT["PatientName"]
    assert told.identification.filler_order == PATIENT["FillerOrderNumberImagingServiceRequest"]
    assert (told.summary, told.analyzed_at, told.withdrawn) == (SUMMARY, 180, False)


def test_a_rejection_note_among_the_objects_withdraws_the_result(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "ris")
    site.ledger.deliveries.delivered(claimed(site), [], 195)
    note = KeptObject("rejection", "1.2.840.10008.5.1.4.1.1.88.59", "9.9", "9", "digest", "path")
    site.ledger.operator.withdrawn(STUDY, note, ["ris"], 200)
    job = site.ledger.jobs.claim(JobKind.DELIVER, 210, 60, "ris")
    assert job is not None
    told = preliminary_result(job, site.ledger, site.archive)
    assert (told.withdrawn, told.scores, told.flags) == (True, (), ())
    assert told.conclusion == "The AI result of this study was withdrawn. Research use only, not for diagnosis."


def test_a_revision_without_a_report_is_not_told(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "ris")
    with pytest.raises(NothingToTell):
        preliminary_result(replace(claimed(site), revision=2), site.ledger, site.archive)


def test_every_sentence_says_that_it_is_preliminary_and_for_research() -> None:
    sentence = told_result().conclusion
    assert sentence.startswith("Preliminary AI result: ")
    assert sentence.endswith("Research use only, not for diagnosis.")
