"""Studies in a ledger, one step of their way at a time."""

from __future__ import annotations

from node.jobs import Job, JobKind
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject, StoredInstance
from node.summary import AnalysisSummary

STUDY = "1.2.3"
MR_IMAGE, REPORT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.34"
LEASE = 60.0
SUMMARY = AnalysisSummary(policy="8 versions", timings_s={"scores": 4.0})


def stored_instance(
    number: int = 1, *, study: str = STUDY, content: str = "a", patient: str = "p", sop_class: str = MR_IMAGE
) -> StoredInstance:
    """An instance of this study as the archive describes it."""
    uid = f"{study}.1.{number}"
    return StoredInstance(study, study + ".1", sop_class, uid, "1.2.1", patient, content, "path", 10, "MR")


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
