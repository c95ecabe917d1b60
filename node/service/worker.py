"""Analyses complete studies, one after the other, in a process that may die without harm to anything else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from node.audit import AuditEvent
from node.crashpoints import crash_point
from node.earlier import earlier_visits
from node.errors import NodeError, words_of
from node.hosts import open_storage
from node.jobs import NOBODY, Job, JobKind, NodePart
from node.reasons import Reason, ReasonCode
from node.service.lease import LEASE_SECONDS, kept_lease
from node.service.progress import JobProgress
from node.service.stopping import EndRequest
from node.settings import Settings
from node.storage.archive import Archive, IntegrityLost
from node.storage.decisions import ModelDecisions
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, StudyAnalysis, StudyRevision

log = logging.getLogger(__name__)
_IDLE_SECONDS = 0.5
_Analyst = Callable[[Sequence[Path], StudyRevision], StudyAnalysis]
"""Turns the files of one study into result objects; raises nothing for a study that merely cannot be analysed."""

_ReceiversOf = Callable[[str], tuple[str, ...]]


class _Shadow(Protocol):
    """Answers studies beside the active model, for comparison only.

    Parameters
    ----------
    digest
        of the bundle that is the shadow now; empty for none
    since
        when it began, seconds since 1970
    """

    digest: str
    since: float

    def refresh(self) -> None:
        """Read which shadow is set now."""

    def __call__(self, paths: Sequence[Path]) -> tuple[dict[str, float], str]:
        """Probability by endpoint, and why there is none."""


def run_worker(
    settings: Settings,
    me: NodePart,
    make_analyst: Callable[[Settings], _Analyst],
    make_shadow: Callable[[Settings], _Shadow] | None = None,
) -> None:
    """Analyse what is due until this process is to end; the shadow model answers when nothing else is due."""
    archive, ledger = open_storage(settings)
    end = EndRequest(lambda: ledger.jobs.give_back(me.node, time.time(), me.part))
    ledger.jobs.release(me)
    analyst, shadow = make_analyst(settings), make_shadow(settings) if make_shadow else None
    decisions = ModelDecisions(ledger.engine)
    log.info("ready to analyse")
    while not end.begun.is_set():
        try:
            busy = analyze_next(settings.receivers_of, ledger, archive, analyst, me)
            busy = busy or (shadow is not None and shadow_next(ledger, archive, decisions, shadow, me))
        except (NodeError, OSError) as error:
            log.error("the worker could not go on and tries again: %s", error)
            busy = False
        if not busy:
            end.begun.wait(_IDLE_SECONDS)
    end.done.set()


def analyze_next(
    receivers_of: _ReceiversOf, ledger: Ledger, archive: Archive, analyst: _Analyst, me: NodePart = NOBODY
) -> bool:
    """Carry out one due analysis job; False when there is none.

    Parameters
    ----------
    receivers_of
        names of those that get the result objects of a study, by the AE title that it called
    """
    job = ledger.jobs.claim(JobKind.ANALYZE, time.time(), LEASE_SECONDS, by=me)
    if job is None:
        return False
    crash_point("claim.committed")
    try:
        with kept_lease(ledger, job):
            _analyze(job, receivers_of(job.called_ae_title), ledger, archive, analyst)
    except StaleJob:
        log.info("analysis dropped: cancelled, or a new revision", extra={"study": job.study_id, "job": job.id})
    return True


def _analyze(job: Job, destinations: tuple[str, ...], ledger: Ledger, archive: Archive, analyst: _Analyst) -> None:
    """Analyse one revision; the ledger learns the outcome, whatever it is."""
    try:
        stored = list(ledger.reading.instances(job.study_instance_uid, archive.uuid))
        paths = [archive.verified(path, sha256) for _, sha256, path in stored]
        crash_point("infer.started")
        progress = JobProgress(ledger.jobs, job)
        predecessor = ledger.jobs.predecessor(job)
        revision = StudyRevision(
            job.study_instance_uid,
            job.revision,
            predecessor,
            progress,
            called_ae_title=job.called_ae_title,
            senders=ledger.reading.senders(job.study_instance_uid),
            earlier=earlier_visits(ledger, archive, job.study_instance_uid, paths[0]) if paths else (),
        )
        analysis = analyst(paths, revision)
        crash_point("infer.done")
        objects = archive.keep_results(job.study_instance_uid, job.revision, analysis.objects)
    except StaleJob:
        raise
    except IntegrityLost as error:
        ledger.audit.record(AuditEvent.INTEGRITY_LOST, time.time(), str(error), job.study_instance_uid)
        ledger.jobs.failed(job, Reason(ReasonCode.INTEGRITY_LOST, str(error)), time.time(), attempts=1)
        return
    except Exception as error:
        log.exception("analysis failed", extra={"study": job.study_id, "job": job.id})
        attempts = ledger.jobs.retry.attempts if getattr(error, "retryable", True) else 1
        reason = Reason(ReasonCode.ANALYSIS_FAILED, f"analysis failed: {words_of(error)}")
        ledger.jobs.failed(job, reason, time.time(), attempts=attempts)
        return
    outcome = AnalysisRecord(tuple(objects), analysis.summary, destinations)
    if analysis.ineligible:
        ledger.jobs.ineligible(job, analysis.ineligible, outcome, time.time())
    else:
        ledger.jobs.analyzed(job, outcome, time.time())
    crash_point("result.row_committed")
    log.info("analysed", extra={"study": job.study_id, "job": job.id, "objects": len(objects)})


def shadow_next(
    ledger: Ledger, archive: Archive, decisions: ModelDecisions, shadow: _Shadow, me: NodePart = NOBODY
) -> bool:
    """Let the shadow answer one study that the active model has answered; False when there is none, or not now.

    Whatever goes wrong is the shadow's answer: a shadow never disturbs a study.
    """
    shadow.refresh()
    due = decisions.unshadowed(shadow.digest, shadow.since, me.archive) if shadow.digest else None
    if due is None or ledger.holds.of_node(me.node) is not None:
        return False
    probabilities: dict[str, float] = {}
    try:
        stored = ledger.reading.instances(due.study_instance_uid, me.archive)
        probabilities, reason = shadow([archive.verified(path, sha256) for _, sha256, path in stored])
    except Exception as error:  # noqa: BLE001 - a shadow may fail in any way
        reason = words_of(error)
    decisions.shadowed(due.analysis_id, shadow.digest, probabilities, reason, time.time())
    return True
