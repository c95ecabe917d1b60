"""Rows of studies and of their instances. Inside the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from node.states import StudyState
from node.storage import host_schema, schema
from node.storage.append import row_of
from node.storage.ledger.host_rows import owe_removal
from node.storage.ledger.transitions import require_study
from node.storage.records import StoredInstance, StudyRow

# The statements that every instance needs are made once: to put one together costs more than to execute it.
_INSERT_INSTANCES = insert(schema.instance)
_GROW_STUDY = (
    update(schema.study)
    .where(schema.study.c.id == bindparam("study_id"))
    .values(instances=schema.study.c.instances + bindparam("more"), last_received_at=bindparam("now"))
)


def insert_study(db: Connection, first: StoredInstance, study_instance_uid: str, now: float) -> StudyRow:
    """A study begins with its first instance."""
    db.execute(
        insert(schema.study).values(
            **_never_used(db),
            study_instance_uid=study_instance_uid,
            patient_digest=first.patient_digest,
            called_ae_title=first.called_ae_title,
            state=StudyState.RECEIVING,
            revision=1,
            first_received_at=now,
            last_received_at=now,
            state_since=now,
            instances=0,
            conflict=False,
            reason="",
            reason_code="",
            judged_instances=0,
            missing=0,
            content="",
        )
    )
    return require_study(db, study_instance_uid)


def _never_used(db: Connection) -> dict[str, object]:
    """A number that no study has had: SQLite would give that of a purged study, whose audit trail stays, again."""
    if db.dialect.name != "sqlite":
        return {}  # a sequence gives each number once
    newest = [select(func.coalesce(func.max(each), 0)) for each in (schema.study.c.id, schema.audit.c.study_id)]
    return {"id": max(db.execute(each).scalar_one() for each in newest) + 1}


def insert_instances(db: Connection, rows: Sequence[tuple[int, StoredInstance]], now: float) -> None:
    """Rows for new instances, each with the ID of its study, all in one statement; the studies count them."""
    if not rows:
        return
    values = [{"study_id": study_id, **row_of(each, now)} for study_id, each in rows]
    db.execute(_INSERT_INSTANCES, values)
    counted = Counter(study_id for study_id, _ in rows)
    db.execute(_GROW_STUDY, [{"study_id": each, "more": more, "now": now} for each, more in counted.items()])


def delete_instances(db: Connection, which: ColumnElement[bool]) -> None:
    """Remove rows of instances; the copies that other hosts have are theirs to remove."""
    copy = host_schema.instance_copy
    its = select(schema.instance.c.id).where(which)
    copies = db.execute(select(copy.c.host_id, copy.c.path).where(copy.c.instance_id.in_(its)))
    owe_removal(db, [(each.host_id, each.path) for each in copies])
    db.execute(delete(copy).where(copy.c.instance_id.in_(its)))
    db.execute(delete(schema.instance).where(which))
