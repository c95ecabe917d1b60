"""Why a PostgreSQL database cannot be used, found by trying, never by reading the server's sentences."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from node.errors import NotReady

_CONNECT_SECONDS = 10
_NOTICED_SECONDS = 20
"""After so long without an answer a connection is given up, by us and by the server, which then frees its locks."""

_IDLE_SECONDS = 30
"""After so long between two statements of a transaction its locks are free: this process was frozen, or is cut off."""

_KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3}
_MAINTENANCE = "postgres"  # the database that every cluster has
_MAY_NOT = "42501"  # insufficient_privilege (PostgreSQL, appendix A)


class DatabaseAway(NotReady):
    """The server does not answer, or not yet; trying again can help."""

    retryable = True


def postgres_engine(url: str) -> Engine:
    """An engine for a PostgreSQL URL; raises NotReady when its driver is not installed."""
    try:
        engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "tcp_user_timeout": 1000 * _NOTICED_SECONDS,
                **_KEEPALIVES,
            },
        )
    except ModuleNotFoundError as error:
        raise NotReady(
            f"database.url names PostgreSQL, whose driver is not installed ({error.name}): "
            "pip install 'mome-node[postgres]'"
        ) from None
    event.listen(engine, "connect", _limit)
    return engine


def _limit(connection: Any, _record: Any) -> None:
    """Let nobody wait for a lock of ours when we are frozen or cut off: the whole ledger shares one audit trail."""
    limits = {f"tcp_{name}": value for name, value in _KEEPALIVES.items()}
    limits |= {"tcp_user_timeout": 1000 * _NOTICED_SECONDS}
    limits |= {"idle_in_transaction_session_timeout": 1000 * _IDLE_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {name} = {value}" for name, value in limits.items()))
    connection.commit()


def may_be_idle(db: Connection) -> None:
    """Let this transaction, which reads and holds no lock, stand still for as long as its reader takes."""
    if db.dialect.name == "postgresql":
        db.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def require_connection(engine: Engine) -> None:
    """Connect once; raises DatabaseAway or NotReady with what is wrong and what to do."""
    if not _connects(engine) and (fault := _diagnosed(engine)) is not None:
        raise fault


def _connects(engine: Engine) -> bool:
    try:
        engine.connect().close()
    except DBAPIError:
        return False
    return True


def _diagnosed(engine: Engine) -> NotReady | None:
    """Why a connection fails: server, its state, login, database, asked for one after the other; None: it does not."""
    place, ping = _place_of(engine), _ping(engine)
    if ping.name == "REJECT":
        return DatabaseAway(f"PostgreSQL at {place} is starting or shutting down")
    if ping.name != "OK":
        words = "is it running, is database.url right, and do its listen_addresses let this machine in?"
        return DatabaseAway(f"no PostgreSQL server answers at {place}: {words}")
    name, user = engine.url.database or "", engine.url.username or ""
    known = _databases_with(engine, name)
    if known is None:
        words = f"wrong password (database.password_file), no such role (createuser --pwprompt {user}), no line for it "
        words += "in pg_hba.conf, or no connection left (max_connections)"
        return NotReady(f'PostgreSQL at {place} does not let "{user}" in: {words}')
    if not known:
        owner = f" --owner {user}" if user else ""
        return NotReady(f'PostgreSQL at {place} has no database "{name}": createdb{owner} {name}')
    if _connects(engine):
        return None
    return NotReady(f'PostgreSQL at {place} lets "{user}" in, but not into "{name}": GRANT CONNECT ON DATABASE {name}')


def _place_of(engine: Engine) -> str:
    """Host and port of the server; libpq's own names for those that the URL leaves out."""
    host = engine.url.host or str(engine.url.query.get("host", "")) or "the local socket"
    return f"{host} port {engine.url.port or 5432}"


def _ping(engine: Engine) -> Any:
    """What libpq says of the server without logging in: OK, REJECT (starting), NO_RESPONSE, NO_ATTEMPT."""
    psycopg = engine.dialect.dbapi
    _, arguments = engine.dialect.create_connect_args(engine.url)
    arguments.pop("context", None)
    wanted = psycopg.conninfo.make_conninfo(**arguments, connect_timeout=_CONNECT_SECONDS)  # type: ignore[union-attr]
    return psycopg.pq.Ping(psycopg.pq.PGconn.ping(wanted.encode()))  # type: ignore[union-attr]


def _databases_with(engine: Engine, name: str) -> int | None:
    """How many databases have this name (0 or 1), asked in the maintenance database; None when that lets nobody in."""
    asking = create_engine(engine.url.set(database=_MAINTENANCE), connect_args={"connect_timeout": _CONNECT_SECONDS})
    try:
        with asking.connect() as db:
            return int(_count(db, name))
    except DBAPIError:
        return None
    finally:
        asking.dispose()


def _count(db: Connection, name: str) -> Any:
    return db.execute(text("SELECT count(*) FROM pg_database WHERE datname = :name"), {"name": name}).scalar()


def schema_refused(engine: Engine, error: DBAPIError) -> NotReady:
    """Why tables could not be made or changed."""
    user, name = engine.url.username or "", engine.url.database or ""
    if getattr(error.orig, "sqlstate", None) == _MAY_NOT:
        return NotReady(
            f'PostgreSQL at {_place_of(engine)}: "{user}" may not make tables in "{name}": '
            f"ALTER DATABASE {name} OWNER TO {user}"
        )
    return NotReady(f"the schema of the database cannot be brought up to date ({type(error.orig).__name__})")
