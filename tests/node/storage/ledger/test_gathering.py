"""Gathering: when a study is declared complete."""

from __future__ import annotations

from ledger_studies import BOB, STUDY, stored_instance
from node.reasons import ReasonCode
from node.states import StudyEvent, StudyState
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger


def test_a_study_is_not_complete_while_instances_arrive(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1)], now=100)
    ledger.receiving.instances_stored([stored_instance(2)], now=149)
    assert ledger.gathering.settle(quiet_since=120, now=150) == 0


def test_a_study_with_a_conflict_is_given_up_instead_of_completed(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(), stored_instance(2, patient=BOB)], 100)
    assert ledger.gathering.settle_overdue(100, 200) == 1
    last = ledger.reading.study(STUDY).timeline[-1]
    assert (last.event, last.fields.reason) == (StudyEvent.GAVE_UP, ReasonCode.TWO_PATIENTS)


def test_studies_are_completed_oldest_first_and_no_more_than_wanted(ledger: Ledger) -> None:
    for number in range(3):
        ledger.receiving.instances_stored([stored_instance(study=f"1.{number}")], 100.0 + number)
    assert ledger.gathering.settle(150, 160, limit=2) == 2
    assert [ledger.reading.study(f"1.{number}").study.state for number in range(3)] == [
        StudyState.STABLE,
        StudyState.STABLE,
        StudyState.RECEIVING,
    ]


def test_a_study_whose_sender_is_connected_and_pauses_is_not_complete(ledger: Ledger) -> None:
    health = HealthStore(ledger.engine)
    ledger.receiving.instances_stored([stored_instance(1)], now=100)
    health.senders_pause("node", [STUDY])
    assert ledger.gathering.settle(150, 160) == 1, "the listener that said so is not alive"
    ledger.receiving.instances_stored([stored_instance(2)], now=200)
    health.beat("node", "listener", 250, listening_since=1)
    assert ledger.gathering.settle(250, 260) == 0
    health.senders_pause("node", ["1.9"])
    assert ledger.gathering.settle(250, 260) == 1, "it is sending another study"


def test_the_deadline_holds_for_a_sender_that_never_ends(ledger: Ledger) -> None:
    health = HealthStore(ledger.engine)
    ledger.receiving.instances_stored([stored_instance(1)], now=100)
    health.beat("node", "listener", 250, listening_since=1)
    health.senders_pause("node", [STUDY])
    assert ledger.gathering.settle_overdue(100, 260) == 1
