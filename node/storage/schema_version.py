"""Brings the schema to this version, one node at a time; says which versions may work side by side on one ledger.

Expand and contract (Fowler, "Parallel change", 2014): a migration that only adds leaves older nodes at work; one that
takes away or changes what they use states in `compatible_since` the oldest schema whose code still works on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from node.errors import NotReady
from node.storage import schema
from node.storage.database import ALIVE_SECONDS
from node.storage.postgres import DatabaseAway, schema_refused

_MIGRATIONS = Path(__file__).parent / "migrations"
_FIRST_THAT_SAYS = "0022"  # the first schema that says which older ones may work on it
_LOCK = 0x6D6F6D65  # "mome": what nodes that migrate one PostgreSQL wait for each other by
_WAIT = "60s"
_OCCUPIED = frozenset(("55P03", "40P01"))  # lock_not_available, deadlock_detected (PostgreSQL, appendix A)


@cache
def own_schema() -> str:
    """The schema that this version makes and knows."""
    return str(_scripts().get_current_head())


def migrate(engine: Engine) -> None:
    """Bring the schema to this version, or leave that of a newer one on which this version may still work.

    Nodes that start together on one database do it one after the other. Raises NotReady for a schema that this version
    cannot work on, DatabaseAway while a node is at work that could not work on ours, or while tables are in use.
    """
    with engine.connect() as connection:
        if _is_usable(connection):
            return
    try:
        with _alone(engine) as connection:
            if _is_usable(connection):  # another node was faster
                return
            _require_no_older_node(connection)
            config = alembic_config(engine)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.execute(update(schema.schema_compatibility).values(since=_oldest_compatible()))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _OCCUPIED:
            raise DatabaseAway("another node is bringing the database up to date, or uses its tables") from None
        raise schema_refused(engine, error) from None


def _is_usable(connection: Connection) -> bool:
    """Whether this version can work on the database as it is; False: it must be brought up to date first.

    Raises NotReady for one that a newer version has changed too far.
    """
    current = _revision(connection)
    if current is None or current in _known():
        return current == own_schema()
    since = _compatible_since(connection)
    if since is not None and since <= own_schema():
        return True
    limit = f", for nodes of schema {since} and later" if since else ""
    raise NotReady(
        f"the database was written by a newer version of mome-node (schema {current}{limit}; this one has "
        f"{own_schema()}); install that version, or restore a backup made before the upgrade"
    )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _compatible_since(connection: Connection) -> str | None:
    """The oldest schema whose code works on this database; None where it does not say."""
    if not inspect(connection).has_table(schema.schema_compatibility.name):
        return None
    return str(connection.execute(select(schema.schema_compatibility.c.since)).scalar_one())


def _require_no_older_node(connection: Connection) -> None:
    """Raise DatabaseAway while a node lives whose code could not work on our schema any more."""
    current, since = _revision(connection), _oldest_compatible()
    if current is None or current < _FIRST_THAT_SAYS or current >= since or connection.dialect.name == "sqlite":
        return
    beat = schema.heartbeat.c
    lively = select(beat.node).where(beat.at >= time.time() - ALIVE_SECONDS, beat.schema < since)
    nodes = sorted(connection.execute(lively.distinct()).scalars())
    if nodes:
        raise DatabaseAway(
            f"this version changes what older nodes use, and {', '.join(nodes)} of a schema before {since} "
            "still runs: stop or upgrade it first"
        )


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """One transaction in which no other node changes the schema; the lock ends with it, however it ends."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT}'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def _oldest_compatible() -> str:
    """The oldest schema whose code works on ours: the newest that a migration names."""
    named = (getattr(each.module, "compatible_since", "") for each in _scripts().walk_revisions())
    return max(named)


def _known() -> set[str]:
    return {each.revision for each in _scripts().walk_revisions()}


@cache
def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return ScriptDirectory.from_config(config)


def alembic_config(engine: Engine) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = engine
    return config
