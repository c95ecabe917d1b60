"""Ledgers for tests: SQLite, and a PostgreSQL cluster of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

import postgres
from node.storage.ledger.ledger import Ledger


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed: the ledger was tested on SQLite only")
    with postgres.cluster() as cluster:
        yield cluster.url()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "sqlite":
        opened = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    else:
        opened = Ledger(request.getfixturevalue("postgres_url"))
    yield opened
    if request.param == "postgresql":
        with opened.engine.begin() as db:
            db.execute(text("DROP SCHEMA public CASCADE"))
            db.execute(text("CREATE SCHEMA public"))
    opened.engine.dispose()
