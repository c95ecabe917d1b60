"""Rows of the audit trail: appended inside the transaction that they tell of."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, insert, select, update

from node.audit import AuditEntry, chained
from node.storage import schema


def append(db: Connection, entry: AuditEntry) -> None:
    """Write an entry behind the newest; other writers wait until this transaction ends."""
    head = schema.audit_head
    newest = db.execute(select(head).with_for_update()).one()
    digest = chained(newest.digest, entry)
    values = {"study_id": entry.study_id, "event": entry.event, "revision": entry.revision, "detail": entry.detail}
    states = {"from_state": entry.from_state, "to_state": entry.to_state}
    db.execute(insert(schema.audit).values(**values, **states, at=entry.at, digest=digest))
    db.execute(update(head).values(entries=newest.entries + 1, digest=digest))


def entries(db: Connection) -> Iterator[tuple[int, AuditEntry, str]]:
    """(number, entry, digest) of the whole trail, oldest first."""
    for row in db.execution_options(yield_per=1000).execute(select(schema.audit).order_by(schema.audit.c.id)):
        entry = AuditEntry(row.at, row.study_id, row.event, row.from_state, row.to_state, row.revision, row.detail)
        yield row.id, entry, row.digest


def head(db: Connection) -> tuple[int, str]:
    """How many entries were written, and the digest of the newest."""
    newest = db.execute(select(schema.audit_head)).one()
    return newest.entries, newest.digest
