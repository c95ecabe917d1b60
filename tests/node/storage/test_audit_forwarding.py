"""The cursor of the audit trail: one sender of several, nothing skipped, and every entry with its own study."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from ledger_studies import STUDY, complete_study
from node.audit import AuditEvent
from node.audit_messages import AuditSubject
from node.service.scheduler import periodic_tasks
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.audit_forwarding import AuditForwarding
from node.storage.ledger.ledger import Ledger


def forwarding_of(ledger: Ledger, entries: int = 5) -> AuditForwarding:
    for number in range(entries):
        ledger.audit.record(AuditEvent.LISTENING, float(number), str(number))
    forwarding = AuditForwarding(ledger.engine)
    assert forwarding.claim("a", 100.0, 60.0)
    return forwarding


def details(forwarding: AuditForwarding, limit: int = 100) -> list[str]:
    return [each.entry.detail for each in forwarding.unsent(limit)]


def make_deletable(ledger: Ledger) -> None:
    with ledger.engine.begin() as db:
        db.execute(text("UPDATE study SET state = 'INELIGIBLE'"))
        db.execute(text("UPDATE job SET state = 'done'"))


def test_entries_come_in_their_order_and_each_until_it_is_sent(ledger: Ledger) -> None:
    forwarding = forwarding_of(ledger)
    assert details(forwarding, limit=2) == details(forwarding, limit=2) == ["0", "1"]
    forwarding.sent("a", forwarding.unsent(2)[-1].number, 101.0)
    assert details(forwarding) == ["2", "3", "4"]
    assert AuditForwarding(ledger.engine).status().unsent == 3


def test_of_two_nodes_one_sends_until_its_lease_ends(ledger: Ledger) -> None:
    forwarding = forwarding_of(ledger)
    assert not forwarding.claim("b", 130.0, 60.0)
    assert forwarding.claim("a", 140.0, 60.0)
    assert forwarding.claim("b", 201.0, 60.0)
    forwarding.sent("a", forwarding.unsent(5)[-1].number, 202.0)  # too late: it is b's now
    assert len(details(forwarding)) == 5


def test_the_cursor_never_goes_back(ledger: Ledger) -> None:
    forwarding = forwarding_of(ledger)
    first, *_, last = [each.number for each in forwarding.unsent(5)]
    forwarding.sent("a", last, 101.0)
    forwarding.sent("a", first, 102.0)
    assert details(forwarding) == []


def test_a_failure_is_known_since_it_began_until_it_is_over(ledger: Ledger) -> None:
    forwarding = forwarding_of(ledger)
    forwarding.failed("away", 110.0)
    forwarding.failed("still away", 120.0)
    status = forwarding.status()
    assert (status.failing_since, status.reason, status.unsent) == (110.0, "still away", 5)
    forwarding.sent("a", forwarding.unsent(5)[-1].number, 130.0)
    assert (forwarding.status().failing_since, forwarding.status().unsent) == (None, 0)


def test_what_is_known_of_a_deleted_study_is_kept_until_its_entries_are_sent(ledger: Ledger) -> None:
    complete_study(ledger)
    make_deletable(ledger)
    patient = AuditSubject(STUDY, "P-1", "DOE^JANE", "A-7")
    assert ledger.retention.forget_oldest(
        1e9, 300.0, lambda uid, path: patient if (uid, path) == (STUDY, "path") else 1 / 0
    )
    forwarding = AuditForwarding(ledger.engine)
    assert forwarding.claim("a", 100.0, 60.0)
    assert {(each.entry.event, each.subject) for each in forwarding.unsent(9)} == {
        ("SETTLED", patient),
        ("DELETED", patient),
    }
    complete_study(ledger)  # may have the number of the one that is gone
    newest = forwarding.unsent(9)[-1]
    forwarding.sent("b", newest.number, 300.0)  # not its turn: nothing was sent
    assert {each.subject for each in forwarding.unsent(9)} == {patient, AuditSubject(STUDY)}
    assert (newest.entry.event, newest.subject, newest.path) == ("SETTLED", AuditSubject(STUDY), "path")
    forwarding.sent("a", newest.number, 400.0)
    with ledger.engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM audit_subject")).scalar() == 0


def test_what_was_noted_of_a_deleted_study_goes_when_no_repository_is_to_know_it(tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path}, dicom={"port": 1})
    ledger = Ledger(settings.database_url)
    complete_study(ledger)
    make_deletable(ledger)
    ledger.retention.forget_oldest(1e9, 300.0, lambda *_: AuditSubject(STUDY, "P-1", "DOE^JANE", "A-7"))
    tasks = {each.name: each.run for each in periodic_tasks(settings, None, ledger, Archive(settings.storage.root))}
    tasks["retention"]()
    with ledger.engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM audit_subject")).scalar() == 0


def test_an_entry_of_a_study_that_was_deleted_unnoted_names_no_other_study(ledger: Ledger) -> None:
    complete_study(ledger)
    make_deletable(ledger)
    assert ledger.retention.forget_oldest(1e9, 300.0)
    complete_study(ledger)
    with ledger.engine.begin() as db:
        db.execute(text("UPDATE audit SET study_id = (SELECT max(id) FROM study) WHERE study_id IS NOT NULL"))
    forwarding = AuditForwarding(ledger.engine)
    assert [each.subject.study_instance_uid for each in forwarding.unsent(9)] == ["", "", STUDY]
