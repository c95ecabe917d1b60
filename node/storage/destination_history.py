"""What the ledger knows of destinations: results that wait for them, reports they owe, calls that we turned away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import Engine, and_, delete, func, insert, or_, select, update

from node.audit import AuditEvent
from node.jobs import OPEN, UNFINISHED, JobKind
from node.reasons import ReasonCode
from node.storage import schema
from node.storage.database import reading, writing
from node.storage.records import AuditRecord
from node.storage.rows import audit_record_from_row

_FORGOTTEN_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class ReturnedReport:
    """A destination's answer to a test: when, under which AE title and from where it called."""

    at: float
    calling_ae_title: str
    address: str


@dataclass(frozen=True, slots=True)
class DeliveryTrouble:
    """How many deliveries to a destination wait or were given up, since when the oldest, and why that one."""

    destination: str
    jobs: int
    since: float
    reason: str


class DestinationHistory:
    """Rows about destinations."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def begin_test(self, transaction_uid: str, destination: str, now: float) -> None:
        """A destination is about to be asked for a report that concerns no study."""
        table = schema.commitment_test
        with writing(self.engine) as db:
            db.execute(delete(table).where(table.c.requested_at < now - _FORGOTTEN_SECONDS))
            values = {"transaction_uid": transaction_uid, "destination": destination, "requested_at": now}
            db.execute(insert(table).values(**values))

    def answer_test(self, transaction_uid: str, report: ReturnedReport, by: Collection[str]) -> bool:
        """A report has come from one of these destinations; False when it answers no test of them."""
        table = schema.commitment_test
        asked = and_(table.c.transaction_uid == transaction_uid, table.c.destination.in_(by))
        waiting = and_(asked, table.c.answered_at.is_(None))
        called_by = {"calling_ae_title": report.calling_ae_title, "address": report.address}
        values = {"answered_at": report.at, **called_by}
        with writing(self.engine) as db:
            return bool(db.execute(update(table).where(waiting).values(**values)).rowcount)

    def report(self, transaction_uid: str) -> ReturnedReport | None:
        """The answer to a test, None while there is none."""
        table = schema.commitment_test
        with reading(self.engine) as db:
            row = db.execute(select(table).where(table.c.transaction_uid == transaction_uid)).first()
        if row is None or row.answered_at is None:
            return None
        return ReturnedReport(row.answered_at, row.calling_ae_title, row.address)

    def has_reported(self, destination: str) -> bool:
        """Whether this destination has ever reported on commitment, in a test or for a study."""
        job, asked, test = schema.job.c, schema.commitment.c, schema.commitment_test.c
        studies = select(asked.id).join(schema.job, job.id == asked.job_id)
        studies = studies.where(job.destination == destination, asked.answered_at.is_not(None)).limit(1)
        tests = select(test.requested_at).where(test.destination == destination, test.answered_at.is_not(None)).limit(1)
        with reading(self.engine) as db:
            return any(db.execute(query).first() is not None for query in (studies, tests))

    def owed_since(self) -> dict[str, float]:
        """Destinations that owe a report on storage commitment, or refused to commit, and since when."""
        job, asked = schema.job.c, schema.commitment.c
        unkept = or_(asked.answered_at.is_(None), asked.failed > 0)
        query = select(job.destination, func.min(asked.requested_at)).join(schema.job, job.id == asked.job_id)
        query = query.where(job.state.in_(OPEN), unkept).group_by(job.destination)
        with reading(self.engine) as db:
            return {row[0]: row[1] for row in db.execute(query)}

    def troubles(self) -> list[DeliveryTrouble]:
        """Destinations to which deliveries did not go well; waiting for a first report on commitment is no trouble."""
        job = schema.job.c
        well = ("", ReasonCode.COMMITMENT_AWAITED)
        unwell = and_(job.kind == JobKind.DELIVER, job.state.in_(UNFINISHED), job.reason_code.not_in(well))
        query = select(job.destination, job.reason, job.created_at).where(unwell).order_by(job.created_at, job.id)
        found: dict[str, DeliveryTrouble] = {}
        with reading(self.engine) as db:
            for name, reason, created_at in db.execute(query):
                oldest = found.setdefault(name, DeliveryTrouble(name, 0, created_at, reason))
                found[name] = replace(oldest, jobs=oldest.jobs + 1)
        return list(found.values())

    def turned_away(self, since: float) -> list[AuditRecord]:
        """Associations and reports that this node has refused since then, newest first."""
        table = schema.audit.c
        refused = table.event.in_((AuditEvent.REJECTED, AuditEvent.FORGED_REPORT))
        query = (
            select(schema.audit).where(refused, table.at >= since).order_by(table.at.desc(), table.id.desc()).limit(200)
        )
        with reading(self.engine) as db:
            return [audit_record_from_row(row) for row in db.execute(query)]
