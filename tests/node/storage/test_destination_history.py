"""What the ledger knows of destinations."""

from __future__ import annotations

from ledger_studies import analyzed_study, claim_job
from node.audit import AuditEvent, AuditFields
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.storage.destination_history import DestinationHistory, ReturnedReport
from node.storage.ledger.ledger import Ledger
from node.storage.records import ObjectReceipt


def test_a_test_is_answered_once_and_by_its_transaction(ledger: Ledger) -> None:
    history = DestinationHistory(ledger.engine)
    history.begin_test("1.1", "pacs", 100.0)
    assert history.report("1.1") is None
    report = ReturnedReport(101.0, "PACS", "10.0.0.5")
    assert not history.answer_test("9.9", report, {"pacs"})
    assert not history.answer_test("1.1", report, {"research"})
    assert history.answer_test("1.1", report, {"pacs"})
    assert not history.answer_test("1.1", ReturnedReport(102.0, "OTHER", "10.0.0.6"), {"pacs"})
    assert history.report("1.1") == report
    assert history.has_reported("pacs")
    assert not history.has_reported("other")
    history.begin_test("1.2", "pacs", 100.0 + 90_000)
    assert history.report("1.1") is None, "tests are forgotten after a day"


def test_a_commitment_is_owed_until_it_is_given(ledger: Ledger) -> None:
    history = DestinationHistory(ledger.engine)
    analyzed_study(ledger, "pacs")
    job = claim_job(ledger, JobKind.DELIVER)
    ledger.deliveries.commitment_requested(job, "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=1)
    assert history.owed_since() == {"pacs": 220}
    assert history.troubles() == [], "it may still come"
    ledger.deliveries.commitment_answered("7.7", [], ["9.1"], 230, by=("pacs",))
    assert history.owed_since() == {"pacs": 220}
    (trouble,) = history.troubles()
    assert (trouble.jobs, trouble.reason) == (
        1,
        "pacs does not commit itself to 1 object, which is sent again",
    )
    again = claim_job(ledger, JobKind.DELIVER, 900)
    ledger.deliveries.commitment_requested(again, "7.8", [ObjectReceipt("9.1", 0)], 901, patience_s=1)
    ledger.deliveries.commitment_answered("7.8", ["9.1"], [], 902, by=("pacs",))
    assert history.owed_since() == {}
    assert history.has_reported("pacs")


def test_who_was_turned_away_is_found_newest_first(ledger: Ledger) -> None:
    for at, title in ((100.0, "ONE"), (200.0, "TWO"), (300.0, "THREE")):
        fields = AuditFields(calling_ae_title=title, reason=ReasonCode.CALLING_UNKNOWN)
        ledger.audit.record(AuditEvent.REJECTED, at, "", None, fields)
    found = DestinationHistory(ledger.engine).turned_away(150.0)
    assert [each.fields.calling_ae_title for each in found] == ["THREE", "TWO"]


def test_trouble_is_counted_for_each_destination(ledger: Ledger) -> None:
    analyzed_study(ledger, "one", "two")
    why = Reason(ReasonCode.PEER_FULL, "no room")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), why, 220, attempts=None)
    (trouble,) = DestinationHistory(ledger.engine).troubles()
    assert (trouble.destination, trouble.jobs, trouble.reason) == ("one", 1, "no room")
