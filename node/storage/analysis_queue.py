"""Who is being analysed, who waits, and how long an analysis takes here: what a study that waits can expect."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import Column, Connection, Engine, ScalarSelect, func, select

from node.jobs import JobKind, JobState
from node.states import StudyEvent
from node.storage import schema
from node.storage.database import ALIVE_SECONDS, reading
from node.storage.holds import HoldKind, current_holds
from node.storage.hosts import left_behind
from node.storage.ledger.job_rows import due_jobs

_RECENT_ANALYSES = 20
_LONGEST_QUEUE = 1000


@dataclass(frozen=True, slots=True)
class RunningAnalysis:
    """When an analysis began, and how many steps of which stage are done."""

    began_at: float
    stage: str = ""
    done: int = 0
    planned: int = 0


@dataclass(frozen=True, slots=True)
class AnalysisQueue:
    """The analyses that run and wait.

    Parameters
    ----------
    seconds
        Median of the last analyses on this ledger; None before the first.
    running
        By study.
    waiting
        Studies in the order in which they are analysed.
    workers
        How many are analysed at a time.
    is_paused
        Whether the operator holds every node back that could analyse.
    held
        Destinations that nothing is sent to for now.
    left_behind
        Studies whose images lie on a host that is not heard -> that host, in words.
    """

    seconds: float | None = None
    running: Mapping[int, RunningAnalysis] = field(default_factory=dict)
    waiting: tuple[int, ...] = ()
    workers: int = 1
    is_paused: bool = False
    held: frozenset[str] = frozenset()
    left_behind: Mapping[int, str] = field(default_factory=dict)

    def place(self, study_id: int) -> int | None:
        """Place in the queue, from 1; None for a study that does not wait."""
        return self.waiting.index(study_id) + 1 if study_id in self.waiting else None

    def done_at(self, study_id: int, now: float) -> float | None:
        """When the analysis of a study will be done if all take as long as the last ones; None when that is unknown."""
        if self.seconds is None:
            return None
        if study_id in self.running:
            return self.running[study_id].began_at + self.seconds
        place = self.place(study_id)
        if place is None or self.is_paused:
            return None
        free = [max(now, each.began_at + self.seconds) for each in self.running.values()][: self.workers]
        free += [now] * (self.workers - len(free))
        heapq.heapify(free)
        for _ in range(place):
            done = heapq.heappop(free) + self.seconds
            heapq.heappush(free, done)
        return done


def analysis_queue(engine: Engine, now: float) -> AnalysisQueue:
    """Read the queue from the ledger."""
    with reading(engine) as db:
        due = [row.study_id for row in db.execute(due_jobs(JobKind.ANALYZE, now).limit(_LONGEST_QUEUE))]
        running, holds = _running(db), current_holds(db)
        held_nodes = [each.subject for each in holds if each.kind is not HoldKind.DESTINATION]
        workers = _workers(db, now, held_nodes)
        return AnalysisQueue(
            seconds=_usual_seconds(db),
            running=running,
            waiting=tuple(study_id for study_id in due if study_id not in running),
            workers=max(1, len(running), workers),
            is_paused=bool(held_nodes) and not workers,
            held=frozenset(each.subject for each in holds if each.kind is HoldKind.DESTINATION),
            left_behind={
                number: host.words(now) for host, studies in left_behind(db, now).items() for number in studies
            },
        )


def _begun(study_id: Column[int]) -> ScalarSelect[float]:
    """When the last analysis of a study was begun."""
    table = schema.audit.c
    claimed = select(func.max(table.at)).where(table.study_id == study_id, table.event == StudyEvent.CLAIMED)
    return claimed.scalar_subquery()


def _running(db: Connection) -> dict[int, RunningAnalysis]:
    """The analyses that run."""
    jobs = schema.job.c
    running = (jobs.state == JobState.RUNNING, jobs.kind == JobKind.ANALYZE)
    columns = (jobs.study_id, jobs.stage, jobs.steps_done, jobs.steps, _begun(jobs.study_id).label("began"))
    rows = db.execute(select(*columns).where(*running)).all()
    known = [row for row in rows if row.began is not None]
    return {row.study_id: RunningAnalysis(row.began, row.stage, row.steps_done, row.steps) for row in known}


def _usual_seconds(db: Connection) -> float | None:
    """Median of the last analyses, from claim to result."""
    analyses = schema.analysis.c
    newest = select(analyses.finished_at, _begun(analyses.study_id).label("began"))
    rows = db.execute(newest.order_by(analyses.finished_at.desc()).limit(_RECENT_ANALYSES))
    taken = [row.finished_at - row.began for row in rows if row.began is not None and row.began <= row.finished_at]
    return median(taken) if taken else None


def _workers(db: Connection, now: float, held_nodes: Sequence[str]) -> int:
    """Worker processes that are alive and may begin an analysis, one for each device."""
    table = schema.heartbeat.c
    alive = select(func.count()).where(table.part.startswith("worker"), table.at > now - ALIVE_SECONDS)
    return int(db.execute(alive.where(table.node.not_in(held_nodes))).scalar_one())
