"""Small facts about the node itself: who is alive, which peer answered when, which alert is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, insert, select, update

from node.storage import schema
from node.storage.database import ALIVE_SECONDS, reading, writing
from node.storage.schema_version import own_schema

_FORGOTTEN_SECONDS = 7 * 86_400.0
LISTENER = "listener"


@dataclass(frozen=True, slots=True)
class ProcessHeartbeat:
    """A process of a node, and when it was last alive.

    Parameters
    ----------
    associations
        How many it had open as acceptor.
    listening_since
        Since when it accepts associations without a break, None when it does not; of the listener only.
    """

    node: str
    part: str
    at: float
    associations: int = 0
    listening_since: float | None = None

    def is_alive(self, now: float) -> bool:
        """Whether its last beat is recent."""
        return now - self.at <= ALIVE_SECONDS


@dataclass(frozen=True, slots=True)
class Echo:
    """The last C-ECHO of a destination; seconds is None when it did not answer, and `reason` says why."""

    name: str
    at: float
    seconds: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """Something that needs a person, identified by node, id and subject; sent_at is None until a message went out."""

    node: str
    id: str
    subject: str
    raised_at: float
    sent_at: float | None
    message: str


class HealthStore:
    """Rows of heartbeats, echoes and alerts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def beat(
        self, node: str, part: str, now: float, associations: int = 0, listening_since: float | None = None
    ) -> None:
        """This process is alive; processes of other nodes are forgotten after a week without a beat."""
        table = schema.heartbeat.c
        values = {"at": now, "associations": associations, "listening_since": listening_since, "schema": own_schema()}
        with writing(self.engine) as db:
            _put(db, schema.heartbeat, {"node": node, "part": part}, values)
            forgotten = delete(schema.heartbeat).where(table.node != node, table.at < now - _FORGOTTEN_SECONDS)
            db.execute(forgotten)

    def forget(self, node: str) -> None:
        """This node has ended as planned: it has no process, and nothing of it needs a person."""
        with writing(self.engine) as db:
            for table in (schema.heartbeat, schema.alert):
                db.execute(delete(table).where(table.c.node == node))

    def forget_part(self, node: str, part: str) -> None:
        """This process was asked to end, and is not wanted any more."""
        table = schema.heartbeat
        with writing(self.engine) as db:
            db.execute(delete(table).where(table.c.node == node, table.c.part == part))

    def forget_past_nodes(self, node: str, host: str, now: float, *, alone: bool) -> None:
        """At the start of this node: those that it took the place of are no more.

        Parameters
        ----------
        alone
            Whether no other node can be on this ledger: every other name is an earlier one of this node. Otherwise
            those of this host without a recent heartbeat are: another port, another AE title.
        """
        beat = schema.heartbeat.c
        past = beat.node != node
        if not alone:
            here = beat.node.contains(f"@{host}:", autoescape=True)
            lively = select(beat.node).where(beat.at >= now - ALIVE_SECONDS)
            past = and_(past, here, beat.node.not_in(lively))
        with reading(self.engine) as db:
            names = [row.node for row in db.execute(select(beat.node).where(past).distinct())]
            if alone:
                alerts = schema.alert.c
                names += [row.node for row in db.execute(select(alerts.node).where(alerts.node != node).distinct())]
        for each in names:
            self.forget(each)

    def listener_stopped(self, node: str) -> None:
        """This node accepts no association until its listener says otherwise; silence does not count meanwhile."""
        table = schema.heartbeat
        with writing(self.engine) as db:
            stopped = update(table).where(table.c.node == node, table.c.part == LISTENER).values(listening_since=None)
            if not db.execute(stopped).rowcount:
                db.execute(insert(table).values(node=node, part=LISTENER, at=0.0, associations=0))

    def senders_pause(self, node: str, studies: Collection[str]) -> None:
        """Studies whose sender is connected to this node and sends nothing just now, instead of those told before."""
        table = schema.open_sender
        with writing(self.engine) as db:
            db.execute(delete(table).where(table.c.node == node))
            if studies:
                db.execute(insert(table), [{"node": node, "study_instance_uid": each} for each in sorted(studies)])

    def heartbeats(self) -> list[ProcessHeartbeat]:
        """The last sign of life of every process of every node on this ledger."""
        with reading(self.engine) as db:
            rows = db.execute(select(schema.heartbeat).order_by(schema.heartbeat.c.node, schema.heartbeat.c.part))
            return [ProcessHeartbeat(row.node, row.part, row.at, row.associations, row.listening_since) for row in rows]

    def listener(self, node: str) -> ProcessHeartbeat | None:
        """The last sign of life of this node's listener; None when it never gave one, or was forgotten."""
        beats = (each for each in self.heartbeats() if (each.node, each.part) == (node, LISTENER))
        return next(beats, None)

    def echoed(self, echo: Echo) -> None:
        """A destination was called; what it answered replaces what it answered before."""
        values = {"echoed_at": echo.at, "seconds": echo.seconds, "reason": echo.reason}
        with writing(self.engine) as db:
            _put(db, schema.peer, {"name": echo.name}, values)

    def echoes(self) -> dict[str, Echo]:
        """The last echo of each destination by name."""
        with reading(self.engine) as db:
            rows = db.execute(select(schema.peer))
            return {row.name: Echo(row.name, row.echoed_at, row.seconds, row.reason) for row in rows}

    def alerts(self, node: str | None = None) -> list[OpenAlert]:
        """Alerts that are open, of one node or of all, oldest first."""
        table = schema.alert.c
        query = select(schema.alert).order_by(table.raised_at, table.node, table.id, table.subject)
        if node is not None:
            query = query.where(table.node == node)
        with reading(self.engine) as db:
            return [
                OpenAlert(row.node, row.id, row.subject, row.raised_at, row.sent_at, row.message)
                for row in db.execute(query)
            ]

    def raised(self, alert: OpenAlert) -> None:
        """Something needs a person."""
        with writing(self.engine) as db:
            db.execute(insert(schema.alert).values(asdict(alert)))

    def sent(self, alert: OpenAlert, now: float) -> None:
        """A message about this alert went out."""
        with writing(self.engine) as db:
            db.execute(update(schema.alert).where(*_identity(alert)).values(sent_at=now))

    def resolved(self, alert: OpenAlert) -> None:
        """The alert is over."""
        with writing(self.engine) as db:
            db.execute(delete(schema.alert).where(*_identity(alert)))


def _identity(alert: OpenAlert) -> tuple[ColumnElement[bool], ...]:
    """What tells the row of this alert from others."""
    table = schema.alert.c
    return table.node == alert.node, table.id == alert.id, table.subject == alert.subject


def _put(db: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """The row with this key has these values, whether or not it was there."""
    found = update(table).where(*(table.c[name] == value for name, value in key.items()))
    if not db.execute(found.values(values)).rowcount:
        db.execute(insert(table).values(**key, **values))
