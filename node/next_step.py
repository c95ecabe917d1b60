"""What happens next to a study and when, or why nothing does: one line of the worklist, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.jobs import UNFINISHED, JobKind, JobState
from node.settings_sections import GatherSettings
from node.states import FINAL, StudyState
from node.storage.analysis_queue import AnalysisQueue, RunningAnalysis
from node.storage.records import JobRecord, StudyRecord
from node.words import duration

_NEARLY = 0.99


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next.

    Parameters
    ----------
    until
        When, seconds since 1970; the words then end as if "in 5 min" followed. None: the words say it all.
    is_troubled
        Whether something is wrong that a person may have to mend.
    share
        Of an analysis that runs, in [0, 1): the time it has taken of the time that the last ones took; None: unknown.
    """

    words: str = ""
    until: float | None = None
    is_troubled: bool = False
    share: float | None = None


def next_step(
    study: StudyRecord, jobs: Sequence[JobRecord], queue: AnalysisQueue, gather: GatherSettings, now: float
) -> NextStep:
    """The next step of a study with its jobs; nothing for one that is delivered."""
    jobs = [job for job in jobs if job.state in UNFINISHED and job.revision == study.revision]
    if study.id in queue.left_behind and study.state not in FINAL:
        return NextStep(f"waits for its host: {queue.left_behind[study.id]}", is_troubled=True)
    if study.state is StudyState.RECEIVING:
        return _arriving(study, gather)
    if study.state in (StudyState.STABLE, StudyState.ANALYZING):
        return _analysing(study, jobs, queue, now)
    if study.reason:
        return NextStep(study.reason, is_troubled=study.state is StudyState.FAILED)
    deliveries = [_delivering(job, queue, now) for job in jobs if job.kind is JobKind.DELIVER]
    return min(deliveries, key=lambda step: not step.is_troubled, default=NextStep())


def _arriving(study: StudyRecord, gather: GatherSettings) -> NextStep:
    missing = f"{study.awaits}; " if study.awaits else ""
    words = f"{missing}if no more instances arrive: complete"
    return NextStep(words, gather.complete_at(study.state_since, study.last_received_at, study.missing))


def _analysing(study: StudyRecord, jobs: Sequence[JobRecord], queue: AnalysisQueue, now: float) -> NextStep:
    """The result is expected at a moment; a failed attempt says why, and when the next one is."""
    done_at = queue.done_at(study.id, now)
    if study.state is StudyState.ANALYZING:
        return _running(queue.running.get(study.id), done_at, now)
    failed = next((job for job in jobs if job.kind is JobKind.ANALYZE and job.reason and job.attempts), None)
    if failed is not None and failed.not_before > now:
        return NextStep(f"{failed.reason}; next attempt", failed.not_before, is_troubled=True)
    if queue.is_paused:
        return NextStep("waiting: the node is paused")
    place = queue.place(study.id)
    waits = f"{place} of {len(queue.waiting)} in the queue" if place else "waiting for a worker"
    return NextStep(f"{waits}; result", done_at) if done_at else NextStep(waits)


def _running(running: RunningAnalysis | None, done_at: float | None, now: float) -> NextStep:
    words = f"being analysed{_stage_words(running)}"
    if running is None or done_at is None:
        return NextStep(words)
    share = min(_NEARLY, max(0.0, (now - running.began_at) / max(1.0, done_at - running.began_at)))
    if done_at < now:
        return NextStep(f"{words}, {duration(now - done_at)} longer than usual", share=share)
    return NextStep(f"{words}; result", done_at, share=share)


def _stage_words(running: RunningAnalysis | None) -> str:
    if running is None or not running.stage:
        return ""
    steps = f" {running.done} of {running.planned}" if running.planned > 1 else ""
    return f": {running.stage}{steps}"


def _delivering(job: JobRecord, queue: AnalysisQueue, now: float) -> NextStep:
    """What one destination still waits for."""
    if job.state is JobState.DEAD:
        return NextStep(f"{job.destination}: {job.reason}", is_troubled=True)
    if job.state is JobState.COMMITTING:
        return NextStep(f"{job.destination}: waiting for storage commitment; retry", job.not_before)
    if job.state is JobState.WAITING and job.destination in queue.held:
        return NextStep(f"{job.destination}: held back")
    if job.state is JobState.WAITING and queue.is_paused:
        return NextStep(f"{job.destination}: waiting, the node is paused")
    if job.reason and job.attempts and job.not_before > now:
        return NextStep(f"{job.destination}: {job.reason}; retry", job.not_before, is_troubled=True)
    return NextStep(f"being sent to {job.destination}")
