"""Opening the database: transactions that are refused, copies in use, files that are damaged or too new."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from ledger_studies import stored_instance
from node.errors import NotReady
from node.storage.database import (
    LedgerOvertaken,
    LedgerUnavailable,
    copy_database,
    open_engine,
    reading,
    sqlite_file,
    writing,
)
from node.storage.ledger.ledger import Ledger


def test_a_transaction_that_is_refused_leaves_nothing(ledger: Ledger) -> None:
    before = ledger.audit.verify()
    with pytest.raises(LedgerUnavailable), writing(ledger.engine) as db:
        db.execute(text("UPDATE audit_head SET entries = 99"))
        db.execute(text("SELECT * FROM no_such_table"))
    assert ledger.audit.verify() == before


def test_a_row_that_another_node_wrote_first_is_told_from_other_refusals(ledger: Ledger) -> None:
    with pytest.raises(LedgerOvertaken), writing(ledger.engine) as db:
        for _ in range(2):
            db.execute(text("INSERT INTO peer (name, echoed_at, reason) VALUES ('pacs', 1, '')"))
    with reading(ledger.engine) as db:
        assert db.execute(text("SELECT count(*) FROM peer")).scalar() == 0


def test_a_copy_is_whole_while_the_database_is_in_use(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger(url)
    ledger.receiving.instances_stored([stored_instance()], 1.0)
    copy_database(url, tmp_path / "copy.db")
    assert len(list(Ledger(f"sqlite:///{tmp_path}/copy.db").reading.instances())) == 1


def test_only_sqlite_has_a_file() -> None:
    assert sqlite_file("sqlite:////srv/ledger.db") == Path("/srv/ledger.db")
    assert sqlite_file("postgresql://host/mome") is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="no folder"):
        Ledger(f"sqlite:///{tmp_path}/missing/ledger.db")


def test_commits_of_sqlite_are_durable(tmp_path: Path) -> None:
    with open_engine(f"sqlite:///{tmp_path}/ledger.db").connect() as db:
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
