"""Ledgers for tests: SQLite, and a PostgreSQL cluster of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from node.storage.ledger.ledger import Ledger

POSTGRES = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if not (POSTGRES / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: the ledger was tested on SQLite only")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    subprocess.run([*user, POSTGRES / "initdb", "-D", data, "-A", "trust", "-N"], check=True, capture_output=True)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    start = [*user, POSTGRES / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"]
    subprocess.run(start, check=True, capture_output=True)
    name = "postgres" if user else os.environ.get("USER", "postgres")
    yield f"postgresql://{name}@/postgres?host={folder}"
    subprocess.run([*user, POSTGRES / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, capture_output=True)
    shutil.rmtree(folder)


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
