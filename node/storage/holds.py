"""What the operator holds back: a node that begins nothing new, or refuses associations too; a destination.

A hold stays in force until it is ended, whatever restarts meanwhile. Each change is audited in its own transaction.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, or_, select

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.storage import audit_trail, schema
from node.storage.database import reading, writing


class HoldKind(StrEnum):
    """What is held back."""

    PAUSE = "pause"  # the node begins no analysis and no delivery; reception goes on
    DRAIN = "drain"  # besides, it accepts no association: what is in hand is finished, then it can be stopped
    DESTINATION = "destination"  # nothing is sent to this destination


_OF_A_NODE = (HoldKind.PAUSE, HoldKind.DRAIN)
_ENDED = {HoldKind.PAUSE: "resumed", HoldKind.DRAIN: "resumed", HoldKind.DESTINATION: "released"}


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that is held back.

    Parameters
    ----------
    subject
        Name of the node, or of the destination.
    since
        Seconds since 1970, UTC.
    by, why
        Who wanted it, and the reason that was given; the reason may be empty.
    """

    kind: HoldKind
    subject: str
    since: float
    by: str
    why: str = ""


class Holds:
    """The holds of all nodes on a ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def current(self) -> list[Hold]:
        """What is held back now, oldest first."""
        with reading(self.engine) as db:
            return current_holds(db)

    def of_node(self, node: str) -> Hold | None:
        """Why this node begins nothing; None when it works."""
        return next((each for each in self.current() if each.kind in _OF_A_NODE and each.subject == node), None)

    def hold(self, hold: Hold) -> None:
        """Hold back from now on; a node is either paused or draining, and the later of the two counts."""
        words = f"{hold.kind} {hold.subject}"
        with writing(self.engine) as db:
            db.execute(delete(schema.hold).where(_alike(hold.kind, hold.subject)))
            db.execute(insert(schema.hold).values(asdict(hold)))
            _note(db, hold, f"{words}: {hold.why}" if hold.why else words)

    def adopt(self, node: str) -> None:
        """The one node on its ledger has this name now; whatever it was called before, it stays paused."""
        table = schema.hold
        with writing(self.engine) as db:
            newest = db.execute(
                select(table).where(table.c.kind.in_(_OF_A_NODE)).order_by(table.c.since.desc())
            ).first()
            if newest is None or newest.subject == node:
                return
            db.execute(delete(table).where(table.c.kind.in_(_OF_A_NODE)))
            db.execute(insert(table).values({**newest._mapping, "subject": node}))

    def end(self, kind: HoldKind, subject: str, by: str, now: float) -> None:
        """Go on; raises LookupError when nothing of this kind is held back."""
        with writing(self.engine) as db:
            if not db.execute(delete(schema.hold).where(_alike(kind, subject))).rowcount:
                raise LookupError(f"{subject} is not held back")
            _note(db, Hold(kind, subject, now, by), f"{_ENDED[kind]} {subject}")


def current_holds(db: Connection) -> list[Hold]:
    """What is held back now, oldest first; inside the caller's transaction."""
    table = schema.hold.c
    rows = db.execute(select(schema.hold).order_by(table.since, table.kind, table.subject))
    return [Hold(HoldKind(row.kind), row.subject, row.since, row.by, row.why) for row in rows]


def is_held(db: Connection, node: str, destination: str | None = None) -> bool:
    """Whether this node, or this destination, is held back; inside the caller's transaction."""
    held = _alike(HoldKind.PAUSE, node)
    if destination is not None:
        held = or_(held, _alike(HoldKind.DESTINATION, destination))
    return db.execute(select(schema.hold.c.kind).where(held).limit(1)).first() is not None


def _alike(kind: HoldKind, subject: str) -> ColumnElement[bool]:
    """The rows that this hold takes the place of."""
    table, kinds = schema.hold.c, _OF_A_NODE if kind in _OF_A_NODE else (kind,)
    return and_(table.kind.in_(kinds), table.subject == subject)


def _note(db: Connection, change: Hold, words: str) -> None:
    """The audit entry of a change that was made then and by that person."""
    fields = AuditFields(person=change.by, peer=change.subject if change.kind is HoldKind.DESTINATION else "")
    entry = AuditEntry(change.since, None, AuditEvent.OPERATED, "", "", 0, f"{change.by}: {words}", fields)
    audit_trail.append(db, entry)
