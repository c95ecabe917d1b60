"""Opens the ledger's database: SQLite in one file by default, PostgreSQL by its URL; migrated before use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError

from node.errors import NodeError, NotReady
from node.storage.postgres import postgres_engine, require_connection, schema_refused

_MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10


class LedgerUnavailable(NodeError):
    """The database did not take the transaction; nothing of it happened."""

    retryable = True


class LedgerOvertaken(LedgerUnavailable):
    """Another node wrote the same row a moment before; the same transaction again will see it."""


def open_engine(url: str) -> Engine:
    """An engine whose commits are durable: SQLite in WAL mode with synchronous=FULL (PS: NORMAL loses commits)."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return postgres_engine(url)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, so that a writer locks at once and never deadlocks
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for any other."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes; raises LedgerUnavailable when the database refuses it."""
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
    except IntegrityError as error:
        raise LedgerOvertaken("another node has just written the same row") from error
    except DBAPIError as error:
        raise LedgerUnavailable(f"the ledger's database refused a transaction ({type(error.orig).__name__})") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view for reading."""
    snapshot = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    try:
        with engine.connect().execution_options(**snapshot) as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise LedgerUnavailable(f"the ledger's database cannot be read ({type(error.orig).__name__})") from error


def migrate(engine: Engine) -> None:
    """Bring the schema to this version; refuses a database that a newer version has written."""
    script = ScriptDirectory.from_config(alembic_config(engine))
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    known = {each.revision for each in script.walk_revisions()}
    if current is not None and current not in known:
        raise NotReady(
            f"the database was written by a newer version of mome-node (schema {current}); install that version, "
            "or restore a backup made before the upgrade"
        )
    if current == script.get_current_head():
        return
    try:
        command.upgrade(alembic_config(engine), "head")
    except DBAPIError as error:
        raise schema_refused(engine, error) from None


def alembic_config(engine: Engine) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def check_database(engine: Engine) -> None:
    """Refuse a database that does not answer, and a damaged SQLite file; raises NotReady with the way out."""
    if engine.dialect.name != "sqlite":
        require_connection(engine)
        return
    folder = Path(engine.url.database or "").parent
    if not folder.is_dir():
        raise NotReady(f"there is no folder {folder} for the ledger: start the node once, or mend storage.root")
    try:
        with engine.connect() as connection:
            verdict = connection.exec_driver_sql("PRAGMA quick_check").scalar()
    except DBAPIError as error:
        verdict = type(error.orig).__name__
    if verdict != "ok":
        raise NotReady(f"the ledger's database is damaged ({verdict}); run: mome-node recover --config FILE")


def copy_database(url: str, target: Path) -> None:
    """A consistent copy of a SQLite database that may be in use, under its final name when it is complete."""
    temporary = target.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    engine = open_engine(url)
    check_database(engine)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise NotReady("only SQLite is copied; a PostgreSQL database is backed up with pg_dump")
        with closing(sqlite3.connect(temporary)) as copy:
            driver.backup(copy)
    engine.dispose()
    temporary.rename(target)
