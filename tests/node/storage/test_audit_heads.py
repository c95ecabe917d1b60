"""Noted heads of the audit trail: a chain that was computed anew is found, here and with a head kept elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from node.audit import AuditBroken, AuditEvent, AuditHead, chained
from node.storage import schema
from node.storage.audit_heads import AuditHeads
from node.storage.ledger.ledger import Ledger


@pytest.fixture
def heads(ledger: Ledger, tmp_path: Path) -> AuditHeads:
    """A trail of three entries, noted, and a fourth."""
    noted = AuditHeads(tmp_path)
    for at, event in enumerate((AuditEvent.STARTED, AuditEvent.LOGIN_REFUSED, AuditEvent.ACCESS_CHANGED)):
        ledger.audit.record(event, at)
    noted.note(ledger.audit, 3_600.0)
    ledger.audit.record(AuditEvent.STOPPED, 9.0)
    return noted


def rewrite(ledger: Ledger, without: AuditEvent) -> None:
    """Take an event out and compute the whole chain anew, as whoever owns the database can."""
    kept = [entry for entry, _ in ledger.audit.entries() if entry.event is not without]
    digest = ""
    with ledger.engine.begin() as db:
        db.execute(delete(schema.audit))
        for each in kept:
            digest = chained(digest, each)
            row = {"at": each.at, "event": each.event, "from_state": "", "to_state": "", "revision": each.revision}
            db.execute(insert(schema.audit).values({**row, "detail": "", "version": each.version, "digest": digest}))
        db.execute(update(schema.audit_head).values(entries=len(kept), digest=digest))


def test_what_was_noted_is_in_an_honest_trail(ledger: Ledger, heads: AuditHeads) -> None:
    assert [each.entries for each in heads.noted()] == [3]
    assert ledger.audit.verify(heads.noted()).entries == 4
    assert heads.file.stat().st_mode & 0o777 == 0o600
    assert heads.file.read_text().startswith("1970-01-01T01:00:00Z 3:")


def test_a_trail_that_was_rewritten_is_found_by_a_noted_head_only(ledger: Ledger, heads: AuditHeads) -> None:
    rewrite(ledger, without=AuditEvent.LOGIN_REFUSED)
    assert ledger.audit.verify().entries == 3  # the chain alone says nothing
    with pytest.raises(AuditBroken, match="was rewritten: its first 3 entries"):
        ledger.audit.verify(heads.noted())


def test_a_trail_whose_end_was_cut_is_found(ledger: Ledger, heads: AuditHeads) -> None:
    heads.note(ledger.audit, 7_200.0)
    rewrite(ledger, without=AuditEvent.STOPPED)
    with pytest.raises(AuditBroken, match="was cut: 4 entries were noted, 3 are there"):
        ledger.audit.verify(heads.noted())


def test_a_head_kept_elsewhere_counts_beside_one_that_was_forged_here(ledger: Ledger, heads: AuditHeads) -> None:
    (kept,) = heads.noted()
    rewrite(ledger, without=AuditEvent.LOGIN_REFUSED)
    forged = ledger.audit.head()
    with pytest.raises(AuditBroken, match="was rewritten"):
        ledger.audit.verify((forged, kept))


def test_a_head_is_noted_once_and_read_as_it_was_written(ledger: Ledger, heads: AuditHeads) -> None:
    for _ in range(2):
        heads.note(ledger.audit, 7_200.0)
    assert [each.entries for each in heads.noted()] == [3, 4]
    assert AuditHead.of(str(ledger.audit.head())) == heads.noted()[-1]


@pytest.mark.parametrize("text", ["", "3", "3:xyz", "-1:" + 64 * "a"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no head of an audit trail"):
        AuditHead.of(text)


def test_a_line_that_nobody_writes_is_a_change(heads: AuditHeads) -> None:
    heads.file.write_text("1970-01-01T01:00:00Z 3:0000\n")
    with pytest.raises(AuditBroken, match="a line is not a head"):
        heads.noted()


def test_a_line_that_was_cut_by_a_full_disk_is_no_change_and_the_next_head_takes_its_place(
    ledger: Ledger, heads: AuditHeads
) -> None:
    whole = heads.file.read_text()
    heads.file.write_text(f"{whole}1970-01-01T02:00:00Z 4:0a")
    assert [each.entries for each in heads.noted()] == [3]
    heads.note(ledger.audit, 7_200.0)
    assert [each.entries for each in heads.noted()] == [3, 4]
    assert heads.file.read_text().startswith(whole)


def test_a_new_ledger_begins_its_own_heads(heads: AuditHeads) -> None:
    heads.put_aside(8.0)
    assert heads.noted() == ()
    assert heads.file.with_name("audit.heads.before-8").exists()
