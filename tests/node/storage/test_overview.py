"""The lists that people look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event

from ledger_studies import analyzed_study, claim_job
from node.audit import AuditEvent, AuditFields
from node.jobs import JobKind, JobState
from node.reasons import Reason, ReasonCode
from node.storage.destination_history import DestinationHistory
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview, Tally


def test_queues_are_counted_by_kind_destination_and_state(ledger: Ledger) -> None:
    analyzed_study(ledger, "one", "two")
    refused = Reason(ReasonCode.PEER_REFUSED, "refused")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), refused, 220, attempts=1)
    overview = Overview(ledger.engine)
    depths = {(each.kind, each.destination, each.state): each.jobs for each in overview.queues()}
    assert depths == {
        (JobKind.DELIVER, "one", JobState.DEAD): 1,
        (JobKind.DELIVER, "two", JobState.WAITING): 1,
    }
    (dead,) = overview.jobs([JobState.DEAD])
    assert (dead.kind, dead.destination, dead.reason) == (JobKind.DELIVER, "one", "refused")


def test_tallies_count_what_is_new_by_its_fields(ledger: Ledger) -> None:
    overview = Overview(ledger.engine)
    newest, _ = overview.tallies(0)
    for count, at in ((3, 1.0), (4, 2.0)):
        fields = AuditFields(calling_ae_title="MRI1", count=count)
        ledger.audit.record(AuditEvent.RECEIVED, at, f"{count} instances", fields=fields)
    _, (tally,) = overview.tallies(newest)
    assert tally == Tally(AuditEvent.RECEIVED, "", "MRI1", None, entries=2, counted=7, newest_at=2.0)


def test_rejections_are_newest_first_with_who_called(ledger: Ledger) -> None:
    for title in ("A", "B"):
        fields = AuditFields(calling_ae_title=title, reason=ReasonCode.CALLING_UNKNOWN)
        ledger.audit.record(AuditEvent.REJECTED, 1.0, "words", fields=fields)
    found = Overview(ledger.engine).rejections()
    assert [each.fields.calling_ae_title for each in found] == ["B", "A"]
    assert {each.fields.reason for each in found} == {ReasonCode.CALLING_UNKNOWN}


def test_what_was_refused_lately_is_found_by_its_time(tmp_path: Path) -> None:
    ledger, plans = Ledger(f"sqlite:///{tmp_path}/ledger.db"), []

    def explain(_connection: object, cursor: Any, query: str, values: Any, *_: object) -> None:
        if "FROM audit" in query:
            plans.append(str(cursor.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()))

    event.listen(ledger.engine, "before_cursor_execute", explain)
    Overview(ledger.engine).rejections()
    DestinationHistory(ledger.engine).turned_away(100.0)
    newest, since = plans
    assert "ix_audit_event_at (event=?)" in newest and "TEMP B-TREE" not in newest
    assert "ix_audit_event_at (event=? AND at>?)" in since
