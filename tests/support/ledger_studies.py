"""Studies in a ledger, one step of their way at a time."""

from __future__ import annotations

from dicom_io.encoding.patient import PatientIdentity
from node.jobs import Job, JobKind
from node.search_key import SearchKey
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject, StoredInstance
from node.summary import AnalysisSummary

STUDY = "1.2.3"
MR_IMAGE, REPORT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.34"
LEASE = 60.0
KEY = SearchKey("00" * 32)
ANN = PatientIdentity("7", "ann one", "19500101", "F")
BOB = PatientIdentity("7", "bob two", "19800101", "M")
"""The ID of Ann, the name of Bob."""
SUMMARY = AnalysisSummary(policy="8 versions", timings_s={"scores": 4.0})


def stored_instance(
    number: int = 1,
    *,
    study: str = STUDY,
    content: str = "a",
    patient: PatientIdentity = ANN,
    sop_class: str = MR_IMAGE,
    sender: str = "MR",
) -> StoredInstance:
    """An instance of this study as the archive describes it."""
    uid, digest = f"{study}.1.{number}", KEY.patient(patient)
    return StoredInstance(study, study + ".1", sop_class, uid, "1.2.1", digest, content, "path", 10, sender)


def kept_report(number: int = 1) -> KeptObject:
    """A report on disk."""
    return KeptObject("report", "1.2", f"9.{number}", "9", "digest", "path")


def complete_study(ledger: Ledger) -> None:
    """One instance, declared complete after silence."""
    ledger.receiving.instances_stored([stored_instance()], now=100)
    assert ledger.gathering.settle(quiet_since=150, now=160) == 1


def claim_job(ledger: Ledger, kind: JobKind = JobKind.ANALYZE, now: float = 215) -> Job:
    """The job that is due now."""
    job = ledger.jobs.claim(kind, now, LEASE)
    assert job is not None
    return job


def analyzed_study(ledger: Ledger, *destinations: str) -> None:
    """Complete and analysed, with a report for these destinations."""
    complete_study(ledger)
    ledger.jobs.analyzed(claim_job(ledger), AnalysisRecord((kept_report(),), SUMMARY, destinations), now=210)


def state_of(ledger: Ledger) -> StudyState:
    """Where the study stands."""
    return ledger.reading.study(STUDY).study.state
