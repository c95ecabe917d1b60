"""The database's memory: one verb is one transaction, and every change of a study goes through the table of states."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, insert, or_, select, update

from node.audit import AuditEntry, AuditEvent, verify
from node.content import Judgement, judge
from node.jobs import OPEN, Job, JobKind, JobState, RetryPolicy
from node.states import StudyEvent, StudyState, next_state
from node.storage import audit_trail as trail
from node.storage import schema
from node.storage.append import append, row_of
from node.storage.contents import content_of, known_like, learn, unlearn
from node.storage.database import LedgerOvertaken, check_database, migrate, open_engine, reading, writing
from node.storage.records import (
    AuditRecord,
    Feedback,
    HeldInstance,
    JobRecord,
    KeptObject,
    ObjectReceipt,
    Outcome,
    StoredInstance,
    StudyDetail,
    StudyRecord,
    Verdict,
)
from node.summary import AnalysisSummary

TWO_PATIENTS = "two patients share this Study Instance UID; it is not analysed until the sender has corrected that"
TWO_VERSIONS = "an instance came twice with different content; the first is kept, and the study is not analysed"


UNFINISHED = (*OPEN, JobState.DEAD)
CLOCK_WENT_BACK_SECONDS = 300.0  # nodes that share a ledger differ by less
LONGEST_WAIT_SECONDS = 3600.0  # longer than any lease, pause or patience
DOCUMENT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."  # structured reports and key object selections
IMAGE_CLASSES = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.4",  # MR Image
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image
        "1.2.840.10008.5.1.4.1.1.4.3",  # Enhanced MR Color Image
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image
    )
)
"""What can change an answer. Anything else is kept, but opens no new revision: a PACS that routes our own results back
to us would otherwise make us analyse for ever, and a radiologist's report on them is feedback, not input."""


class StaleJob(Exception):
    """The job is no longer this worker's: its lease ran out, or the study has a new revision. It is dropped."""


class Ledger:
    """Studies, instances, jobs and receipts; safe for many threads and processes. Times are seconds since 1970, UTC."""

    def __init__(self, url: str, retry: RetryPolicy | None = None) -> None:
        """Open the database and bring its schema up to date; raises NotReady when it is damaged or newer than us."""
        self.retry = retry or RetryPolicy()
        self.chance = random.Random()
        self.engine = open_engine(url)
        check_database(self.engine)
        migrate(self.engine)

    # --- receiving

    def instances_stored(self, batch: Sequence[StoredInstance], now: float) -> list[Verdict]:
        """Rows for instances whose files are durable; when this returns, their senders may be told.

        The same UID with the same digest is a duplicate (one record); with another digest a conflict, which blocks
        the study's analysis. A new instance of a study that was complete opens its next revision.
        """
        if self.engine.dialect.name == "sqlite" and append(self.engine, batch, now):
            return [Verdict.STORED] * len(batch)
        try:
            return self._instances_stored(batch, now)
        except LedgerOvertaken:  # another node has just written one of these rows: this time we see it
            return self._instances_stored(batch, now)

    def _instances_stored(self, batch: Sequence[StoredInstance], now: float) -> list[Verdict]:
        with writing(self.engine) as db:
            studies = locked_studies(db, {each.study_instance_uid for each in batch})
            known = known_digests(db, {each.sop_instance_uid for each in batch})
            verdicts = [self._judge_instance(db, each, known, studies, now) for each in batch]
            fresh = [each for each, verdict in zip(batch, verdicts, strict=True) if verdict is Verdict.STORED]
            insert_instances(db, [(studies[each.study_instance_uid].id, each) for each in fresh], now)
        return verdicts

    def _judge_instance(
        self, db: Connection, each: StoredInstance, known: dict[str, str], studies: dict[str, Row[Any]], now: float
    ) -> Verdict:
        """What an instance is to the ledger; its study is open afterwards unless it is a duplicate."""
        digest = known.setdefault(each.sop_instance_uid, "")
        if digest == each.sha256:
            return Verdict.DUPLICATE
        study = self._open_study(db, each, studies.get(each.study_instance_uid), now)
        studies[each.study_instance_uid] = study
        if digest:
            note_conflict(db, study.id, each, TWO_VERSIONS, now)
            return Verdict.CONFLICT
        known[each.sop_instance_uid] = each.sha256
        if study.patient_digest != each.patient_digest:
            note_conflict(db, study.id, each, TWO_PATIENTS, now)
        return Verdict.STORED

    def _open_study(self, db: Connection, each: StoredInstance, study: Row[Any] | None, now: float) -> Row[Any]:
        """The study's row, RECEIVING; a study that had been complete begins its next revision."""
        if study is None:
            return insert_study(db, each, now)
        if study.state != StudyState.RECEIVING and each.sop_class_uid in IMAGE_CLASSES:
            cancel_open_jobs(db, study.id, now, "a new instance arrived")
            unlearn(db, study.content)
            return move(db, study, StudyEvent.INSTANCE_STORED, now, revision=study.revision + 1, content="")
        return study

    # --- gathering

    def settle(
        self,
        quiet_since: float,
        now: float,
        *,
        extended_quiet_since: float | None = None,
        node_name: str = "",
        limit: int = 100,
    ) -> int:
        """Declare studies complete that received nothing since, oldest first; each gets an analysis job.

        extended_quiet_since : the same for studies of which something is missing that their protocol had (None: no such
            patience). Silence counts only while this node listens: a sender cannot repeat what it lacks before that.
        """
        table = schema.study.c
        enough = and_(table.last_received_at <= quiet_since, table.missing == 0)
        long = table.last_received_at <= (quiet_since if extended_quiet_since is None else extended_quiet_since)
        silent = or_(enough, long, table.last_received_at > now + CLOCK_WENT_BACK_SECONDS)
        with writing(self.engine) as db:
            if not listens(db, node_name, quiet_since, now):
                return 0
            studies = arriving(db, silent, limit)
            for study in studies:
                lacks = study_record(study).awaits
                why = f"nothing came for {max(0.0, now - study.last_received_at):.0f} s"
                self._complete(db, study, now, f"{why}; {lacks}" if lacks else why)
            return len(studies)

    def settle_overdue(self, opened_before: float, now: float, limit: int = 100) -> int:
        """Declare studies complete that have been arriving since before then and still are."""
        with writing(self.engine) as db:
            studies = arriving(db, schema.study.c.state_since <= opened_before, limit)
            for study in studies:
                self._complete(db, study, now, f"still arriving after {now - study.state_since:.0f} s", teaches=False)
            return len(studies)

    def settle_by_content(self, paused_since: float, now: float, learned_from: int, limit: int = 20) -> int:
        """Declare studies complete that hold all that their protocol had in earlier studies (see node.content).

        paused_since : only studies that received nothing since are looked at, each once after every pause.
        """
        table = schema.study.c
        paused = or_(table.last_received_at <= paused_since, table.last_received_at > now + CLOCK_WENT_BACK_SECONDS)
        unjudged = and_(table.state == StudyState.RECEIVING, paused, table.instances != table.judged_instances)
        with reading(self.engine) as db:
            if db.execute(select(table.id).where(unjudged).limit(1)).first() is None:
                return 0
        settled = 0
        with writing(self.engine) as db:
            for study in arriving(db, unjudged, limit):
                found = judged(db, study, learned_from)
                values = {"judged_instances": study.instances, "missing": found.missing}
                db.execute(update(schema.study).where(table.id == study.id).values(values))
                if found.alike:
                    why = f"holds what all {found.alike} earlier studies of its protocol held"
                    self._complete(db, study, now, why)
                    settled += 1
        return settled

    def force(self, study_instance_uid: str, now: float) -> None:
        """The operator says that the study is complete."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            self._complete(db, study, now, "declared complete by the operator", teaches=False)

    def _complete(self, db: Connection, study: Row[Any], now: float, why: str, *, teaches: bool = True) -> None:
        """The study's revision is complete; what it holds is learned unless that was not for its content or silence."""
        if study.conflict:
            move(db, study, StudyEvent.GAVE_UP, now, reason=study.reason)
            return
        content = content_of(db, study.id, IMAGE_CLASSES) if teaches else None
        if content is not None:
            learn(db, content, now)
        digest = "" if content is None else content.digest
        move(db, study, StudyEvent.SETTLED, now, detail=why, missing=0, content=digest)
        add_job(db, JobKind.ANALYZE, study.id, study.revision, now)

    # --- jobs

    def claim(self, kind: JobKind, now: float, lease_seconds: float, destination: str | None = None) -> Job | None:
        """The oldest job of this kind (and destination) that is due, or whose worker has died; None: nothing to do."""
        due = due_jobs(kind, now)
        if destination is not None:
            due = due.where(schema.job.c.destination == destination)
        with reading(self.engine) as db:
            if db.execute(due.limit(1)).first() is None:
                return None
        with writing(self.engine) as db:
            for row in db.execute(due.limit(8)).all():
                study = locked_study(db, row.study_id)
                if row.state == JobState.RUNNING and kind is JobKind.ANALYZE:
                    study = move(db, study, StudyEvent.ATTEMPT_LOST, now, detail="the worker died or was too slow")
                if row.attempts >= self.retry.attempts and row.state == JobState.RUNNING:
                    reason = f"given up after {row.attempts} attempts: the worker died each time"
                    self._give_up(db, row, study, reason, now)
                    continue
                job = take(db, row, study, now + lease_seconds)
                if job is None:
                    continue  # another node was faster
                if kind is JobKind.ANALYZE:
                    move(db, study, StudyEvent.CLAIMED, now, detail=f"attempt {job.attempt}")
                return job
        return None

    def extend(self, job: Job, lease_until: float) -> None:
        """The worker is alive; raises StaleJob when the job is no longer its own."""
        with writing(self.engine) as db:
            own(db, job)
            db.execute(update(schema.job).where(schema.job.c.id == job.id).values(lease_until=lease_until))

    def analyzed(self, job: Job, outcome: Outcome, now: float) -> None:
        """The result objects are on disk: one delivery job for each destination."""
        with writing(self.engine) as db:
            study = own(db, job)
            keep_outcome(db, job, outcome, now)
            move(db, study, StudyEvent.OBJECTS_KEPT, now, reason="", detail=f"{len(outcome.objects)} objects")
            finish_job(db, job.id, JobState.DONE, "", now)

    def ineligible(self, job: Job, reason: str, outcome: Outcome, now: float) -> None:
        """The study cannot be analysed; the objects say so to the PACS (none: the site wants silence)."""
        with writing(self.engine) as db:
            study = own(db, job)
            keep_outcome(db, job, outcome, now)
            move(db, study, StudyEvent.FOUND_INELIGIBLE, now, reason=reason)
            finish_job(db, job.id, JobState.DONE, reason, now)

    def delivered(self, job: Job, receipts: Sequence[ObjectReceipt], now: float) -> None:
        """The destination took every object; the study is DELIVERED when all destinations have."""
        with writing(self.engine) as db:
            study = own(db, job)
            keep_receipts(db, job, receipts, now)
            finish_job(db, job.id, JobState.DONE, "", now)
            note_sent(db, job, receipts, now)
            conclude_deliveries(db, study, now)

    def commitment_requested(
        self, job: Job, transaction_uid: str, receipts: Sequence[ObjectReceipt], now: float, patience_s: float
    ) -> None:
        """The objects are sent and the peer is about to be asked to answer for them; asked again after the patience."""
        with writing(self.engine) as db:
            own(db, job)
            keep_receipts(db, job, receipts, now)
            note_sent(db, job, receipts, now)
            db.execute(
                insert(schema.commitment).values(
                    transaction_uid=transaction_uid, job_id=job.id, requested_at=now, answered_at=None, failed=0
                )
            )
            waiting = {"state": JobState.COMMITTING, "not_before": now + patience_s, "reason": "awaits commitment"}
            db.execute(update(schema.job).where(schema.job.c.id == job.id).values(waiting))

    def commitment_awaited(self, job: Job, until: float) -> None:
        """The peer has taken the request; its report, if it is not here yet, may come until then."""
        jobs = schema.job
        still = and_(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == JobState.COMMITTING)
        with writing(self.engine) as db:
            db.execute(update(jobs).where(still).values(not_before=until))

    def commitment_answered(
        self, transaction_uid: str, committed: Sequence[str], failed: Sequence[str], now: float
    ) -> bool:
        """The peer's report; False when no such transaction is open. Objects that it lacks are sent again."""
        table, jobs, receipts = schema.commitment, schema.job, schema.receipt
        with writing(self.engine) as db:
            transaction = db.execute(select(table).where(table.c.transaction_uid == transaction_uid)).first()
            if transaction is None or transaction.answered_at is not None:
                return False
            mine = table.c.id == transaction.id
            db.execute(update(table).where(mine).values(answered_at=now, failed=len(failed)))
            theirs = and_(receipts.c.job_id == transaction.job_id, receipts.c.sop_instance_uid.in_(committed))
            db.execute(update(receipts).where(theirs).values(committed_at=now))
            job = db.execute(select(jobs).where(jobs.c.id == transaction.job_id)).one()
            study = locked_study(db, job.study_id)
            if job.state != JobState.COMMITTING:
                return True
            if failed:
                pause, reason = self.retry.pause(job.attempts, self.chance), f"no commitment to {len(failed)} objects"
                again = {"state": JobState.WAITING, "not_before": now + pause, "reason": reason}
                db.execute(update(jobs).where(jobs.c.id == job.id).values(again))
                return True
            finish_job(db, job.id, JobState.DONE, "", now)
            conclude_deliveries(db, study, now)
            return True

    def release(self, kind: JobKind) -> None:
        """Let jobs of workers that have died be claimed at once; only for the one node on its ledger, at start."""
        table = schema.job
        with writing(self.engine) as db:
            db.execute(
                update(table).where(table.c.kind == kind, table.c.state == JobState.RUNNING).values(lease_until=0.0)
            )

    def failed(
        self,
        job: Job,
        reason: str,
        now: float,
        *,
        attempts: int | None,
        receipts: Sequence[ObjectReceipt] = (),
    ) -> None:
        """An attempt failed: again after a pause, or given up after so many attempts (None: never)."""
        with writing(self.engine) as db:
            study = own(db, job)
            keep_receipts(db, job, receipts, now)
            row = db.execute(select(schema.job).where(schema.job.c.id == job.id)).one()
            if attempts is not None and row.attempts >= attempts:
                self._give_up(db, row, study, reason, now)
                return
            if job.kind is JobKind.ANALYZE:
                move(db, study, StudyEvent.ATTEMPT_LOST, now, detail=reason)
            pause = self.retry.pause(row.attempts, self.chance)
            db.execute(
                update(schema.job)
                .where(schema.job.c.id == job.id)
                .values(state=JobState.WAITING, not_before=now + pause, lease_until=0.0, reason=reason)
            )

    @staticmethod
    def _give_up(db: Connection, row: Row[Any], study: Row[Any], reason: str, now: float) -> None:
        db.execute(
            update(schema.job)
            .where(schema.job.c.id == row.id)
            .values(state=JobState.DEAD, reason=reason, finished_at=now, lease_until=0.0)
        )
        if study.state in (StudyState.STABLE, StudyState.ANALYZING, StudyState.ANALYZED):
            move(db, study, StudyEvent.GAVE_UP, now, reason=reason)

    def predecessor(self, job: Job) -> KeptObject | None:
        """The report of the newest earlier revision, which this job's report supersedes."""
        table = schema.result_object.c
        query = select(schema.result_object).where(
            table.study_id == job.study_id, table.kind == "report", table.revision < job.revision
        )
        with reading(self.engine) as db:
            row = db.execute(query.order_by(table.revision.desc()).limit(1)).first()
        return None if row is None else kept_object(row)

    # --- the operator

    def requeue(self, study_instance_uid: str, now: float) -> None:
        """Analyse anew, as the next revision."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            cancel_open_jobs(db, study.id, now, "requeued by the operator")
            study = move(db, study, StudyEvent.REQUEUED, now, revision=study.revision + 1, reason="")
            add_job(db, JobKind.ANALYZE, study.id, study.revision, now)

    def redeliver(self, study_instance_uid: str, destinations: Sequence[str], now: float) -> None:
        """Send the result objects of the newest revision again, the same instances."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            if not result_objects(db, study.id, study.revision):
                raise LookupError("this study has no result objects to deliver; reprocess it first")
            if study.state != StudyState.INELIGIBLE:
                move(db, study, StudyEvent.REDELIVERED, now, reason="")
            jobs = schema.job
            for destination in destinations:
                mine = and_(
                    jobs.c.study_id == study.id, jobs.c.kind == JobKind.DELIVER, jobs.c.destination == destination
                )
                again = {"state": JobState.WAITING, "attempts": 0, "not_before": now, "reason": "", "finished_at": None}
                repeated = db.execute(update(jobs).where(mine, jobs.c.revision == study.revision).values(again))
                if not repeated.rowcount:
                    add_job(db, JobKind.DELIVER, study.id, study.revision, now, destination=destination)

    def withdrawn(self, study_instance_uid: str, note: KeptObject, destinations: Sequence[str], now: float) -> None:
        """A rejection note for the results of the newest revision is on disk: it goes wherever they went."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            if note not in result_objects(db, study.id, study.revision):
                keep_object(db, study.id, study.revision, note)
        self.redeliver(study_instance_uid, destinations, now)

    # --- keeping

    def forget_oldest(self, older_than: float, now: float) -> list[str]:
        """Delete the rows of the oldest finished study that is older; gives the paths of its files, [] for none.

        Finished: DELIVERED or INELIGIBLE, with no job open or dead. The audit trail stays.
        """
        studies, jobs = schema.study.c, schema.job.c
        done = studies.state.in_((StudyState.DELIVERED, StudyState.INELIGIBLE))
        unfinished = select(jobs.study_id).where(jobs.state.in_(UNFINISHED))
        oldest = select(schema.study).where(done, studies.state_since < older_than, studies.id.not_in(unfinished))
        with reading(self.engine) as db:
            if db.execute(oldest.limit(1)).first() is None:
                return []
        with writing(self.engine) as db:
            study = db.execute(oldest.order_by(studies.state_since).limit(1)).first()
            if study is None:
                return []
            trail.append(db, AuditEntry(now, study.id, AuditEvent.DELETED, "", "", study.revision, "retention"))
            return delete_study(db, study.id)

    # --- the audit trail

    def audit(self, event: AuditEvent, now: float, detail: str = "", study_instance_uid: str | None = None) -> None:
        """Write an entry that is no transition of a study."""
        with writing(self.engine) as db:
            study = None if study_instance_uid is None else study_row(db, study_instance_uid)
            number, revision = (study.id, study.revision) if study else (None, 0)
            trail.append(db, AuditEntry(now, number, event, "", "", revision, detail))

    def verify_audit(self) -> int:
        """Check the chain of the whole trail; gives the number of entries, raises AuditBroken."""
        with reading(self.engine) as db:
            return verify(trail.entries(db), *trail.head(db))

    def audit_trail(self) -> Iterator[tuple[AuditEntry, str]]:
        """Every entry, oldest first, with the Study Instance UID that it is about (or an empty text)."""
        with reading(self.engine) as db:
            studies = schema.study.c
            uids = {
                row.id: row.study_instance_uid for row in db.execute(select(studies.id, studies.study_instance_uid))
            }
            for _, entry, _ in trail.entries(db):
                yield entry, uids.get(entry.study_id or 0, "")

    # --- reading

    def study(self, study_instance_uid: str) -> StudyDetail:
        """Everything about one study; raises LookupError when it is not known."""
        with reading(self.engine) as db:
            study = require_study(db, study_instance_uid)
            analysis = schema.analysis.c
            summary = db.execute(
                select(analysis.summary)
                .where(analysis.study_id == study.id)
                .order_by(analysis.revision.desc())
                .limit(1)
            ).scalar()
            return StudyDetail(
                study=study_record(study),
                jobs=tuple(job_records(db, study.id)),
                objects=tuple(result_objects(db, study.id, study.revision)),
                timeline=tuple(timeline(db, study.id)),
                summary=AnalysisSummary.from_json(json.loads(summary)) if summary else None,
            )

    def instances(self, study_instance_uid: str | None = None) -> Iterator[tuple[str, str, str]]:
        """(SOP Instance UID, SHA-256, path) of every instance that is safely stored, oldest first."""
        table = schema.instance.c
        query = select(table.sop_instance_uid, table.sha256, table.path).order_by(table.id)
        if study_instance_uid is not None:
            query = query.join(schema.study, schema.study.c.id == table.study_id)
            query = query.where(schema.study.c.study_instance_uid == study_instance_uid)
        with reading(self.engine) as db:
            for row in db.execution_options(yield_per=1000).execute(query):
                yield row.sop_instance_uid, row.sha256, row.path

    def find_instances(self, uids: Sequence[str]) -> list[HeldInstance]:
        """Those of these SOP instances that are stored."""
        table = schema.instance.c
        columns = (table.sop_class_uid, table.sop_instance_uid, table.sha256, table.path)
        found: list[HeldInstance] = []
        with reading(self.engine) as db:
            for start in range(0, len(uids), 500):
                some = table.sop_instance_uid.in_(uids[start : start + 500])
                found += [HeldInstance(*row) for row in db.execute(select(*columns).where(some))]
        return found

    def feedback(self) -> list[Feedback]:
        """Documents that others sent about studies that have results: reports, corrections, rejection notes."""
        made, kept, studies = schema.result_object.c, schema.instance.c, schema.study.c
        ours = select(made.sop_instance_uid)
        answered = select(made.study_id)
        query = (
            select(schema.instance, studies.study_instance_uid)
            .join(schema.study, studies.id == kept.study_id)
            .where(kept.sop_class_uid.startswith(DOCUMENT_CLASSES), kept.sop_instance_uid.not_in(ours))
            .where(kept.study_id.in_(answered))
            .order_by(kept.id)
        )
        with reading(self.engine) as db:
            return [
                Feedback(
                    row.study_instance_uid,
                    row.sop_class_uid,
                    row.sop_instance_uid,
                    row.sha256,
                    row.path,
                    row.calling_ae_title,
                    row.received_at,
                )
                for row in db.execute(query)
            ]

    def objects_of(self, job: Job) -> list[KeptObject]:
        """The result objects that this delivery job sends."""
        with reading(self.engine) as db:
            return result_objects(db, job.study_id, job.revision)

    def counts(self) -> dict[StudyState, int]:
        """How many studies stand in each state."""
        table = schema.study.c
        with reading(self.engine) as db:
            rows = db.execute(select(table.state, func.count()).group_by(table.state)).all()
        return {StudyState(state): count for state, count in rows}


# --- parts of the verbs, each inside the caller's transaction


def move(
    db: Connection, study: Row[Any], event: StudyEvent, now: float, *, detail: str = "", **values: Any
) -> Row[Any]:
    """Apply one event to a study and write its audit row; gives the study as it is now."""
    before = StudyState(study.state)
    after = next_state(before, event)
    table = schema.study
    db.execute(update(table).where(table.c.id == study.id).values(state=after, state_since=now, **values))
    moved = db.execute(select(table).where(table.c.id == study.id)).one()
    why = detail or str(values.get("reason", ""))
    trail.append(db, AuditEntry(now, study.id, event, before, after, moved.revision, why))
    return moved


def insert_study(db: Connection, first: StoredInstance, now: float) -> Row[Any]:
    """A study begins with its first instance."""
    db.execute(
        insert(schema.study).values(
            study_instance_uid=first.study_instance_uid,
            patient_digest=first.patient_digest,
            state=StudyState.RECEIVING,
            revision=1,
            first_received_at=now,
            last_received_at=now,
            state_since=now,
            instances=0,
            conflict=False,
            reason="",
            judged_instances=0,
            missing=0,
            content="",
        )
    )
    return require_study(db, first.study_instance_uid)


# The statements that every instance needs are made once: to put one together costs more than to execute it.
INSERT_INSTANCES = insert(schema.instance)
GROW_STUDY = (
    update(schema.study)
    .where(schema.study.c.id == bindparam("study_id"))
    .values(instances=schema.study.c.instances + bindparam("more"), last_received_at=bindparam("now"))
)
DIGESTS = select(schema.instance.c.sop_instance_uid, schema.instance.c.sha256).where(
    schema.instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True))
)
LOCK_STUDIES = (
    select(schema.study)
    .where(schema.study.c.study_instance_uid.in_(bindparam("uids", expanding=True)))
    .order_by(schema.study.c.id)
    .with_for_update()
)


def insert_instances(db: Connection, rows: Sequence[tuple[int, StoredInstance]], now: float) -> None:
    """Rows for new instances, each with the ID of its study, all in one statement; the studies count them."""
    if not rows:
        return
    values = [{"study_id": study_id, **row_of(each, now)} for study_id, each in rows]
    db.execute(INSERT_INSTANCES, values)
    counted = Counter(study_id for study_id, _ in rows)
    db.execute(GROW_STUDY, [{"study_id": each, "more": more, "now": now} for each, more in counted.items()])


def known_digests(db: Connection, uids: Collection[str]) -> dict[str, str]:
    """SOP Instance UID -> digest of those that are stored."""
    return {row.sop_instance_uid: row.sha256 for row in db.execute(DIGESTS, {"uids": list(uids)})}


def note_conflict(db: Connection, study_id: int, each: StoredInstance, why: str, now: float) -> None:
    """Remember the second version, and block the study's analysis."""
    table = schema.conflict
    same = and_(table.c.sop_instance_uid == each.sop_instance_uid, table.c.sha256 == each.sha256)
    if db.execute(select(table.c.id).where(same)).first() is None:
        db.execute(
            insert(table).values(
                study_id=study_id,
                sop_instance_uid=each.sop_instance_uid,
                sha256=each.sha256,
                path=each.path,
                why=why,
                received_at=now,
            )
        )
        trail.append(db, AuditEntry(now, study_id, AuditEvent.CONFLICT, "", "", 0, why))
    db.execute(update(schema.study).where(schema.study.c.id == study_id).values(conflict=True, reason=why))


def keep_outcome(db: Connection, job: Job, outcome: Outcome, now: float) -> None:
    """Rows for the objects and the summary, and the delivery jobs; a repeated attempt has left nothing to replace."""
    db.execute(
        insert(schema.analysis).values(
            study_id=job.study_id, revision=job.revision, finished_at=now, summary=json.dumps(outcome.summary.to_json())
        )
    )
    for each in outcome.objects:
        keep_object(db, job.study_id, job.revision, each)
    for destination in outcome.destinations if outcome.objects else ():
        add_job(db, JobKind.DELIVER, job.study_id, job.revision, now, destination=destination)


def keep_object(db: Connection, study_id: int, revision: int, each: KeptObject) -> None:
    db.execute(
        insert(schema.result_object).values(
            study_id=study_id,
            revision=revision,
            kind=each.kind,
            sop_class_uid=each.sop_class_uid,
            sop_instance_uid=each.sop_instance_uid,
            series_instance_uid=each.series_instance_uid,
            sha256=each.sha256,
            path=each.path,
        )
    )


def kept_object(row: Row[Any]) -> KeptObject:
    return KeptObject(row.kind, row.sop_class_uid, row.sop_instance_uid, row.series_instance_uid, row.sha256, row.path)


def add_job(db: Connection, kind: JobKind, study_id: int, revision: int, now: float, *, destination: str = "") -> None:
    db.execute(
        insert(schema.job).values(
            study_id=study_id,
            kind=kind,
            revision=revision,
            destination=destination,
            state=JobState.WAITING,
            attempts=0,
            fence=0,
            not_before=now,
            lease_until=0.0,
            reason="",
            created_at=now,
            finished_at=None,
        )
    )


def due_jobs(kind: JobKind, now: float) -> Select[Any]:
    """Jobs of this kind that wait and are due, or run under a lease that has ended, oldest first.

    A time that is further ahead than any we write was written before the clock was set back.
    """
    table = schema.job.c
    impossible = now + CLOCK_WENT_BACK_SECONDS + LONGEST_WAIT_SECONDS
    due = or_(table.not_before <= now, table.not_before > impossible)
    waiting = and_(table.state.in_((JobState.WAITING, JobState.COMMITTING)), due)
    ended = or_(table.lease_until < now, table.lease_until > impossible)
    lost = and_(table.state == JobState.RUNNING, ended)
    return select(schema.job).where(table.kind == kind, or_(waiting, lost)).order_by(table.not_before, table.id)


def listens(db: Connection, node_name: str, since: float, now: float) -> bool:
    """Whether the node has been listening since then; a node that never said so counts as listening."""
    table = schema.audit.c
    events = (AuditEvent.STARTED, AuditEvent.LISTENING, AuditEvent.STOPPED)
    mine = and_(table.event.in_(events), table.detail == node_name)
    newest = db.execute(select(table.event, table.at).where(mine).order_by(table.id.desc()).limit(1)).first()
    if newest is None:
        return True
    return newest.event == AuditEvent.LISTENING and not since < newest.at <= now


def take(db: Connection, row: Row[Any], study: Row[Any], lease_until: float) -> Job | None:
    """Make the job this worker's, unless another has taken it since it was read."""
    table = schema.job
    taken = db.execute(
        update(table)
        .where(table.c.id == row.id, table.c.fence == row.fence, table.c.state == row.state)
        .values(state=JobState.RUNNING, fence=row.fence + 1, attempts=row.attempts + 1, lease_until=lease_until)
    )
    if taken.rowcount != 1:
        return None
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        study_id=row.study_id,
        study_instance_uid=study.study_instance_uid,
        revision=row.revision,
        destination=row.destination,
        attempt=row.attempts + 1,
        fence=row.fence + 1,
    )


def own(db: Connection, job: Job) -> Row[Any]:
    """The study of a job that is still this worker's; raises StaleJob otherwise."""
    study = locked_study(db, job.study_id)
    row = db.execute(select(schema.job).where(schema.job.c.id == job.id)).one()
    if row.state != JobState.RUNNING or row.fence != job.fence or study.revision != job.revision:
        raise StaleJob(f"job {job.id} of revision {job.revision} is no longer this worker's")
    return study


def conclude_deliveries(db: Connection, study: Row[Any], now: float) -> None:
    """The study is DELIVERED when no delivery of its revision is open or dead."""
    table = schema.job.c
    mine = and_(table.study_id == study.id, table.revision == study.revision, table.kind == JobKind.DELIVER)
    if (
        study.state != StudyState.ANALYZED
        or db.execute(select(table.id).where(mine, table.state.in_(UNFINISHED))).first()
    ):
        return
    move(db, study, StudyEvent.ALL_DELIVERED, now, reason="")


def note_sent(db: Connection, job: Job, receipts: Sequence[ObjectReceipt], now: float) -> None:
    detail = f"{len(receipts)} objects to {job.destination}"
    trail.append(db, AuditEntry(now, job.study_id, AuditEvent.SENT, "", "", job.revision, detail))


def finish_job(db: Connection, job_id: int, state: JobState, reason: str, now: float) -> None:
    db.execute(
        update(schema.job)
        .where(schema.job.c.id == job_id)
        .values(state=state, reason=reason, finished_at=now, lease_until=0.0)
    )


def cancel_open_jobs(db: Connection, study_id: int, now: float, reason: str) -> None:
    table = schema.job
    unfinished = table.c.state.in_(OPEN)
    db.execute(
        update(table)
        .where(table.c.study_id == study_id, unfinished)
        .values(state=JobState.CANCELLED, reason=reason, finished_at=now)
    )


def keep_receipts(db: Connection, job: Job, receipts: Sequence[ObjectReceipt], now: float) -> None:
    """The newest answer for each object replaces the one before."""
    table = schema.receipt
    for each in receipts:
        mine = and_(table.c.job_id == job.id, table.c.sop_instance_uid == each.sop_instance_uid)
        db.execute(table.delete().where(mine))
        db.execute(
            insert(table).values(
                job_id=job.id,
                sop_instance_uid=each.sop_instance_uid,
                status=each.status,
                comment=each.comment,
                at=now,
                committed_at=each.committed_at,
            )
        )


def delete_study(db: Connection, study_id: int) -> list[str]:
    """Remove every row of a study but its audit trail; gives the paths of its files."""
    holders = (schema.instance, schema.conflict, schema.result_object)
    paths = [
        row.path for table in holders for row in db.execute(select(table.c.path).where(table.c.study_id == study_id))
    ]
    mine = select(schema.job.c.id).where(schema.job.c.study_id == study_id)
    for table in (schema.receipt, schema.commitment):
        db.execute(table.delete().where(table.c.job_id.in_(mine)))
    analyses = select(schema.analysis.c.id).where(schema.analysis.c.study_id == study_id)
    db.execute(schema.shadow_score.delete().where(schema.shadow_score.c.analysis_id.in_(analyses)))
    for table in (*holders, schema.analysis, schema.job):
        db.execute(table.delete().where(table.c.study_id == study_id))
    db.execute(schema.study.delete().where(schema.study.c.id == study_id))
    return paths


def study_row(db: Connection, study_instance_uid: str) -> Row[Any] | None:
    return db.execute(select(schema.study).where(schema.study.c.study_instance_uid == study_instance_uid)).first()


def locked_studies(db: Connection, study_instance_uids: Collection[str]) -> dict[str, Row[Any]]:
    """Those of these studies that exist; no other node changes them until this transaction ends.

    They are locked in one order (PostgreSQL; SQLite has one writer).
    """
    return {row.study_instance_uid: row for row in db.execute(LOCK_STUDIES, {"uids": list(study_instance_uids)})}


def locked_study(db: Connection, study_id: int) -> Row[Any]:
    """A study that no other node changes until this transaction ends."""
    return db.execute(select(schema.study).where(schema.study.c.id == study_id).with_for_update()).one()


def arriving(db: Connection, which: ColumnElement[bool], limit: int) -> Sequence[Row[Any]]:
    """Studies that are RECEIVING, oldest first, locked; those that another node is changing are left out."""
    table = schema.study.c
    query = select(schema.study).where(table.state == StudyState.RECEIVING, which).order_by(table.last_received_at)
    return db.execute(query.limit(limit).with_for_update(skip_locked=True)).all()


def judged(db: Connection, study: Row[Any], learned_from: int) -> Judgement:
    """What the content of a study says about it."""
    content = content_of(db, study.id, IMAGE_CLASSES)
    return Judgement() if content is None else judge(content, known_like(db, content), learned_from)


def require_study(db: Connection, study_instance_uid: str, *, lock: bool = False) -> Row[Any]:
    if lock:
        locked_studies(db, [study_instance_uid])
    study = study_row(db, study_instance_uid)
    if study is None:
        raise LookupError("no study with this Study Instance UID; see: mome-node studies list")
    return study


def result_objects(db: Connection, study_id: int, revision: int) -> list[KeptObject]:
    table = schema.result_object.c
    query = select(schema.result_object).where(table.study_id == study_id, table.revision == revision)
    return [kept_object(row) for row in db.execute(query.order_by(table.id))]


def job_records(db: Connection, study_id: int) -> Iterator[JobRecord]:
    jobs, receipts = schema.job.c, schema.receipt.c
    for row in db.execute(select(schema.job).where(jobs.study_id == study_id).order_by(jobs.id)).all():
        answers = db.execute(select(schema.receipt).where(receipts.job_id == row.id).order_by(receipts.id))
        yield JobRecord(
            row.kind,
            row.destination,
            row.revision,
            row.state,
            row.attempts,
            row.not_before,
            row.reason,
            tuple(ObjectReceipt(a.sop_instance_uid, a.status, a.comment, a.committed_at) for a in answers),
        )


def timeline(db: Connection, study_id: int) -> Iterator[AuditRecord]:
    table = schema.audit.c
    transitions = select(schema.audit).where(table.study_id == study_id, table.to_state != "").order_by(table.id)
    for row in db.execute(transitions):
        yield AuditRecord(row.at, row.event, row.from_state, row.to_state, row.revision, row.detail)


def study_record(row: Row[Any]) -> StudyRecord:
    return StudyRecord(
        id=row.id,
        study_instance_uid=row.study_instance_uid,
        state=StudyState(row.state),
        revision=row.revision,
        instances=row.instances,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        state_since=row.state_since,
        conflict=row.conflict,
        reason=row.reason,
        missing=row.missing,
    )
