"""Nodes that start together on one database all live; an older one works beside a newer where the schema allows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import node
import postgres
from newer_program import newer_program
from node.storage import schema
from node.storage.database import open_engine, reading
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.schema_version import own_schema

TIMES = int(os.environ.get("MOME_TOGETHER", "3"))
OPEN = (
    "import sys; from node.storage.ledger.ledger import Ledger; "
    "print('ready', flush=True); input(); Ledger(sys.argv[1])"
)
CHANGES = re.compile(r"drop_|alter_column|rename_table|batch_alter")
VERSIONS = Path(node.__file__).parent / "storage" / "migrations" / "versions"


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed")
    with postgres.cluster() as running:
        yield running


@pytest.fixture
def url(cluster: postgres.Cluster, request: pytest.FixtureRequest) -> str:
    name = re.sub(r"\W", "_", request.node.name)[:50].lower()
    cluster.run(f"CREATE DATABASE {name}")
    return cluster.url(name)


def opening(url: str, program: Path | None = None) -> subprocess.Popen[str]:
    """A process that will open the ledger; of this version, or of that in a folder."""
    folder = program or Path(node.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def opened(*processes: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Let processes go on at once when all are ready; gives the exit status of each, and its last words."""
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    told = [each.communicate(timeout=240)[1].strip().splitlines()[-1:] for each in processes]
    return [(each.returncode, "".join(words)) for each, words in zip(processes, told, strict=True)]


def test_three_processes_that_start_together_on_an_empty_postgresql_all_live(cluster: postgres.Cluster) -> None:
    for number in range(TIMES):
        cluster.run(f"CREATE DATABASE together{number}")
        url = cluster.url(f"together{number}")
        assert opened(*(opening(url) for _ in range(3))) == [(0, "")] * 3
        assert Ledger(url).audit.verify().entries == 0


def test_three_processes_that_start_together_on_an_empty_sqlite_all_live(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    assert opened(*(opening(url) for _ in range(3))) == [(0, "")] * 3


def test_an_older_node_works_beside_a_newer_one_that_only_added(url: str, tmp_path: Path) -> None:
    assert opened(opening(url, newer_program(tmp_path))) == [(0, "")]
    older = Ledger(url)
    older.audit.verify()
    HealthStore(older.engine).beat("A@host:104", "listener", time.time())
    assert opened(opening(url), opening(url, tmp_path), opening(url)) == [(0, "")] * 3


def test_an_older_node_refuses_a_schema_that_took_away_what_it_uses(url: str, tmp_path: Path) -> None:
    assert opened(opening(url, newer_program(tmp_path, since="9000"))) == [(0, "")]
    ((status, words),) = opened(opening(url))
    assert status != 0
    assert words.startswith("node.errors.NotReady: the database was written by a newer version of mome-node")
    assert f"(schema 9000, for nodes of schema 9000 and later; this one has {own_schema()})" in words


def test_a_newer_node_waits_with_what_older_ones_could_not_bear_until_they_are_gone(url: str, tmp_path: Path) -> None:
    older, program = HealthStore(Ledger(url).engine), newer_program(tmp_path, since="9000")
    older.beat("A@host:104", "listener", time.time())
    ((status, words),) = opened(opening(url, program))
    assert status != 0
    assert "DatabaseAway: this version changes what older nodes use, and A@host:104 of a schema before 9000" in words
    Ledger(url)  # nothing has changed for those that run
    older.forget("A@host:104")
    assert opened(opening(url, program)) == [(0, "")]


def test_a_database_that_does_not_say_who_may_work_on_it_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with open_engine(url).begin() as db:
        db.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        db.exec_driver_sql("INSERT INTO alembic_version VALUES ('9000')")
    ((status, words),) = opened(opening(url))
    assert status != 0
    assert f"a newer version of mome-node (schema 9000; this one has {own_schema()}); install that version" in words


def test_what_a_migration_takes_away_is_declared(tmp_path: Path) -> None:
    known = sorted(VERSIONS.glob("[0-9]*.py"))
    assert [each.name[:4] for each in known] == [f"{number:04}" for number in range(1, len(known) + 1)]
    undeclared = [
        each.name
        for each in known[21:]
        if CHANGES.search(each.read_text()) and "\ncompatible_since = " not in each.read_text()
    ]
    assert undeclared == [], "say from which schema on a node may work beside this one (docs/operate.md)"
    with reading(Ledger(f"sqlite:///{tmp_path}/ledger.db").engine) as db:
        assert "0023" == db.execute(select(schema.schema_compatibility.c.since)).scalar() <= own_schema()
