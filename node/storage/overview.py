"""What people look at: lists that stay fast however many studies the ledger has ever held.

Every list is bounded and follows an index, so its cost grows with what is shown and what is active, never with history.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sqlalchemy import Engine, and_, func, select

from node.audit import AuditEvent
from node.jobs import UNFINISHED, JobKind, JobState, Priority
from node.reasons import StableCode, code_of
from node.states import StudyEvent, StudyState
from node.storage import schema
from node.storage.database import reading
from node.storage.records import AuditRecord
from node.storage.rows import audit_event, audit_record_from_row, study_state
from node.summary import AnalysisSummary


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series as it was received; `path` is of its first instance, relative to the storage root."""

    series_instance_uid: str
    instances: int
    size_bytes: int
    path: str
    sha256: str
    calling_ae_title: str


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """One job with the study that it belongs to."""

    study_id: int
    kind: JobKind
    destination: str
    revision: int
    state: JobState
    attempts: int
    created_at: float
    not_before: float
    reason: str
    priority: Priority = Priority.ROUTINE


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many jobs of a kind (and destination) are in a state, and since when the oldest."""

    kind: JobKind
    destination: str
    state: JobState
    jobs: int
    oldest_at: float


@dataclass(frozen=True, slots=True)
class _RefusedDelivery:
    """A destination for which results wait, since when the oldest, and why the newest."""

    destination: str
    studies: int
    since: float
    reason: str


@dataclass(frozen=True, slots=True)
class AnalysisRow:
    """One finished analysis; `summary` is as the worker wrote it, `scanner` the AE title that sent the first image."""

    study_id: int
    revision: int
    finished_at: float
    summary: AnalysisSummary
    scanner: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Audit entries of one kind, counted.

    Parameters
    ----------
    entries, counted
        How many entries there are, and the sum of what they count (`AuditFields.count`).
    newest_at
        Seconds since 1970, UTC.
    """

    event: AuditEvent | StudyEvent
    to_state: StudyState | Literal[""]
    calling_ae_title: str
    reason: StableCode | None
    entries: int
    counted: int
    newest_at: float


class Overview:
    """Reads the ledger for pages, metrics and alerts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def uid_of(self, number: int) -> str:
        """The Study Instance UID of a study; raises LookupError when there is none of this number."""
        table = schema.study.c
        with reading(self.engine) as db:
            uid = db.execute(select(table.study_instance_uid).where(table.id == number)).scalar()
        if uid is None:
            raise LookupError(f"no study {number}")
        return str(uid)

    def events(self, study_id: int, limit: int = 500) -> list[AuditRecord]:
        """All that happened to a study, transitions and the rest, oldest first; that somebody looked at it is none."""
        table = schema.audit.c
        happened = and_(table.study_id == study_id, table.event != AuditEvent.ACCESSED)
        query = select(schema.audit).where(happened).order_by(table.id).limit(limit)
        with reading(self.engine) as db:
            return [audit_record_from_row(row) for row in db.execute(query)]

    def series(self, study_id: int) -> list[SeriesRow]:
        """The series of a study in the order of their arrival."""
        table = schema.instance.c
        groups = (
            select(
                func.min(table.id).label("first"),
                func.count().label("instances"),
                func.sum(table.size_bytes).label("size_bytes"),
            )
            .where(table.study_id == study_id)
            .group_by(table.series_instance_uid)
            .subquery()
        )
        query = select(schema.instance, groups.c.instances, groups.c.size_bytes.label("total"))
        query = query.join(groups, groups.c.first == table.id).order_by(table.id)
        with reading(self.engine) as db:
            return [
                SeriesRow(
                    row.series_instance_uid, row.instances, int(row.total), row.path, row.sha256, row.calling_ae_title
                )
                for row in db.execute(query)
            ]

    def jobs(self, states: Sequence[JobState], limit: int = 200) -> list[QueuedJob]:
        """Jobs in these states, in the order in which they are claimed."""
        table = schema.job.c
        order = (table.priority, table.not_before, table.id)
        query = select(schema.job).where(table.state.in_(states)).order_by(*order).limit(limit)
        with reading(self.engine) as db:
            return [
                QueuedJob(
                    row.study_id,
                    JobKind(row.kind),
                    row.destination,
                    row.revision,
                    JobState(row.state),
                    row.attempts,
                    row.created_at,
                    row.not_before,
                    row.reason,
                    Priority.of_rank(row.priority),
                )
                for row in db.execute(query)
            ]

    def queues(self) -> list[QueueDepth]:
        """Depth and age of every queue that holds something, failed jobs included."""
        table = schema.job.c
        query = (
            select(table.kind, table.destination, table.state, func.count(), func.min(table.created_at))
            .where(table.state.in_(UNFINISHED))
            .group_by(table.kind, table.destination, table.state)
        )
        with reading(self.engine) as db:
            return [
                QueueDepth(JobKind(kind), destination, JobState(state), jobs, oldest_at)
                for kind, destination, state, jobs, oldest_at in db.execute(query)
            ]

    def refused_deliveries(self) -> list[_RefusedDelivery]:
        """Destinations that took not, or did not answer, what is tried again; the one that waits longest first."""
        table = schema.job.c
        waits = (table.kind == JobKind.DELIVER, table.state == JobState.WAITING, table.attempts > 0, table.reason != "")
        grouped = select(
            table.destination,
            func.count(table.study_id.distinct()),
            func.min(table.created_at),
            func.max(table.id),
        )
        query = grouped.where(*waits).group_by(table.destination).order_by(func.min(table.created_at))
        with reading(self.engine) as db:
            rows = db.execute(query).all()
            newest = [row[3] for row in rows]
            reasons = {
                row.id: row.reason for row in db.execute(select(table.id, table.reason).where(table.id.in_(newest)))
            }
        return [_RefusedDelivery(name, studies, since, reasons[job]) for name, studies, since, job in rows]

    def rejections(self, limit: int = 20) -> list[AuditRecord]:
        """The last associations that were rejected, newest first."""
        table = schema.audit.c
        newest_first = (table.at.desc(), table.id.desc())
        query = select(schema.audit).where(table.event == AuditEvent.REJECTED).order_by(*newest_first).limit(limit)
        with reading(self.engine) as db:
            return [audit_record_from_row(row) for row in db.execute(query)]

    def analyses(self, since: float, limit: int = 1000) -> list[AnalysisRow]:
        """Analyses that have finished since then, newest first."""
        table, sent = schema.analysis.c, schema.instance.c
        scanner = select(sent.calling_ae_title).where(sent.study_id == table.study_id).limit(1).scalar_subquery()
        query = select(schema.analysis, scanner.label("scanner")).where(table.finished_at >= since)
        with reading(self.engine) as db:
            rows = db.execute(query.order_by(table.finished_at.desc()).limit(limit)).all()
        return [
            AnalysisRow(
                row.study_id,
                row.revision,
                row.finished_at,
                AnalysisSummary.from_json(json.loads(row.summary)),
                row.scanner or "",
            )
            for row in rows
        ]

    def oldest_arriving(self) -> float | None:
        """When the last instance came to the study that has been quiet longest without being complete; None: none."""
        table = schema.study.c
        query = select(func.min(table.last_received_at)).where(table.state == StudyState.RECEIVING)
        with reading(self.engine) as db:
            found = db.execute(query).scalar()
        return None if found is None else float(found)

    def delivery_seconds(self, since: float, limit: int = 2000) -> list[float]:
        """Seconds from the last image to the last receipt, of studies delivered since then, newest first."""
        table = schema.study.c
        query = select(table.state_since - table.last_received_at).where(
            table.state == StudyState.DELIVERED, table.state_since >= since
        )
        with reading(self.engine) as db:
            return [float(row[0]) for row in db.execute(query.order_by(table.state_since.desc()).limit(limit))]

    def pauses(self, newest: int = 400) -> dict[str, list[float]]:
        """Seconds between one instance and the next, by caller, among the newest instances."""
        table = schema.instance.c
        query = select(table.calling_ae_title, table.received_at).order_by(table.id.desc()).limit(newest)
        moments: dict[str, list[float]] = {}
        with reading(self.engine) as db:
            for caller, at in db.execute(query):
                moments.setdefault(caller, []).append(at)
        return {caller: [late - early for late, early in pairwise(times)] for caller, times in moments.items()}

    def clock(self) -> float:
        """What the database's clock says, seconds since 1970."""
        with reading(self.engine) as db:
            if self.engine.dialect.name == "sqlite":
                return time.time()
            return float(db.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())

    def tallies(self, after: int) -> tuple[int, list[Tally]]:
        """What the audit trail gained behind entry `after`, counted; with the number of its newest entry."""
        table = schema.audit.c
        kinds = (table.event, table.to_state, table.calling_ae_title, table.reason_code)
        query = select(*kinds, func.count(), func.sum(table.count), func.max(table.at)).group_by(*kinds)
        with reading(self.engine) as db:
            newest = int(db.execute(select(func.max(table.id))).scalar() or 0)
            rows = db.execute(query.where(table.id > after, table.id <= newest)).all()
        return newest, [
            Tally(audit_event(event), study_state(state), caller, code_of(code), entries, int(counted), at)
            for event, state, caller, code, entries, counted, at in rows
        ]
