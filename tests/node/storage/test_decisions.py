"""Decisions about models, and what a shadow answers; on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from kept_studies import STUDY, delivered, keep
from node.service.retention import DAY_SECONDS, delete_old_studies
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.decisions import Act, ModelDecisions, attempts_before, lock_of, promoted, shadow_of
from node.storage.ledger.ledger import Ledger

A, B, C, D = "a" * 64, "b" * 64, "c" * 64, "d" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"})


def test_promotions_lie_on_each_other_and_a_rollback_takes_one_off(ledger: Ledger) -> None:
    book = ModelDecisions(ledger.engine)
    assert promoted(book.decisions()) == []
    book.decide(Act.PROMOTED, B, "anna", {"before": A}, 1.0)
    book.decide(Act.PROMOTED, C, "anna", {"before": B}, 2.0)
    assert promoted(book.decisions()) == [A, B, C]
    book.decide(Act.ROLLED_BACK, B, "otto", {}, 3.0)
    assert promoted(book.decisions()) == [A, B]
    book.decide(Act.PROMOTED, C, "otto", {"before": B}, 4.0)
    assert promoted(book.decisions()) == [A, B, C]
    assert [each.detail for each, _ in ledger.audit.entries()][:1] == [f"anna: promoted {B[:12]}"]
    assert ledger.audit.verify().entries == 4


def test_the_newest_lock_and_shadow_count(ledger: Ledger) -> None:
    book = ModelDecisions(ledger.engine)
    book.decide(Act.LOCKED, A, "anna", {"cases": 1}, 1.0)
    book.decide(Act.LOCKED, B, "anna", {"cases": 2}, 2.0)
    book.decide(Act.SHADOWED, C, "anna", {}, 3.0)
    locked, shadow = lock_of(book.decisions()), shadow_of(book.decisions())
    assert locked is not None and locked.evidence == {"cases": 2}
    assert shadow is not None and shadow.digest == C
    book.decide(Act.UNSHADOWED, C, "anna", {}, 4.0)
    assert shadow_of(book.decisions()) is None


def test_attempts_are_counted_over_all_locked_cases_that_share_a_patient(ledger: Ledger) -> None:
    book = ModelDecisions(ledger.engine)
    book.decide(Act.LOCKED, A, "anna", {"patients": ["p1", "p2"]}, 1.0)
    assert [book.begin_examination(C, A, "anna", 2.0 + n) for n in range(3)] == [1, 2, 3]
    book.decide(Act.LOCKED, B, "anna", {"patients": ["p2", "p3"]}, 9.0)  # one patient stays: no new count
    assert book.begin_examination(C, B, "otto", 10.0) == 4
    book.decide(Act.LOCKED, D, "anna", {"patients": ["p4"]}, 11.0)
    assert book.begin_examination(C, D, "otto", 12.0) == 1
    assert attempts_before(book.decisions(), B) == 4
    assert [each.act for each in book.decisions()].count(Act.EXAMINATION) == 5
    assert ledger.audit.verify().entries == 8


def test_an_examination_says_what_came_of_it(ledger: Ledger) -> None:
    book = ModelDecisions(ledger.engine)
    for attempt, passed in ((0, False), (3, False), (4, True)):
        book.decide(Act.EXAMINED, C, "anna", {"attempt": attempt, "passed": passed}, 1.0)
    book.decide(Act.PROMOTED, C, "anna", {"before": A}, 2.0)
    outcomes = [each.outcome for each in book.decisions()]
    assert outcomes == ["not measured: refused", "attempt 3: refused", "attempt 4: passed", ""]


def test_a_shadow_sees_each_analysis_once_and_goes_with_the_study(settings: Settings) -> None:
    ledger, archive = keep(settings, 1), Archive(settings.storage.root)
    delivered(settings, ledger)
    book = ModelDecisions(ledger.engine)
    due = book.unshadowed(A, 0.0)
    assert due is not None and due.study_instance_uid == STUDY
    assert book.unshadowed(A, 1e9) is None
    book.shadowed(due.analysis_id, A, {"malignancy": 0.5}, "", 300.0)
    assert book.unshadowed(A, 0.0) is None
    assert book.unshadowed(B, 0.0) == due
    assert [each.probabilities for each in book.shadow_answers(A)] == [{"malignancy": 0.5}]
    keeping = settings.model_copy(update={"retention": settings.retention.model_copy(update={"days": 1.0})})
    assert delete_old_studies(keeping.retention, ledger, archive, 200 + 8 * DAY_SECONDS) == 1
    assert book.shadow_answers(A) == []
