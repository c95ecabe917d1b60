"""Opens the ledger's database: SQLite in one file by default, PostgreSQL by its URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError

from node.errors import NodeError, NotReady
from node.storage.postgres import postgres_engine, require_connection

BUSY_SECONDS = 10
ALIVE_SECONDS = 60.0  # a process beats every 15


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
