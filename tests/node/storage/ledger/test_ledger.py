"""A study from its first instance to its delivery, and what is refused at opening."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from ledger_studies import STUDY, SUMMARY, analyzed_study, claim_job
from node.errors import NotReady
from node.jobs import JobKind
from node.storage.ledger.ledger import Ledger
from node.storage.records import ObjectReceipt


def test_one_study_goes_from_its_first_instance_to_delivered(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=220)
    detail = ledger.reading.study(STUDY)
    assert [each.to_state for each in detail.timeline] == ["STABLE", "ANALYZING", "ANALYZED", "DELIVERED"]
    assert detail.summary == SUMMARY
    assert detail.jobs[-1].receipts == (ObjectReceipt("9.1", 0),)


def test_a_database_of_a_newer_version_is_refused(ledger: Ledger) -> None:
    with ledger.engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.execute(text("UPDATE schema_compatibility SET since = '9999'"))
    with pytest.raises(NotReady, match="newer version"):
        Ledger(ledger.engine.url.render_as_string(hide_password=False))


def test_a_damaged_database_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    Ledger(f"sqlite:///{file}").engine.dispose()
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    file.write_bytes(content)
    with pytest.raises(NotReady, match="mome-node recover"):
        Ledger(f"sqlite:///{file}")
