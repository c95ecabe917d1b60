"""What the operator holds back; on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from ledger_studies import LEASE, analyzed_study, claim_job, complete_study
from node.jobs import JobKind, NodePart
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger

ONE = NodePart("one", "worker")


def operated(ledger: Ledger) -> list[tuple[str, str, str]]:
    """(words, person, peer) of the entries about the operator."""
    found = [entry for entry, _ in ledger.audit.entries() if entry.event == "OPERATED"]
    return [(each.detail, each.fields.person, each.fields.peer) for each in found]


def test_a_paused_node_claims_nothing_and_another_does(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.holds.hold(Hold(HoldKind.PAUSE, "one", 170, "alice", "new disk"))
    assert ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=ONE) is None
    ledger.holds.end(HoldKind.PAUSE, "one", "bob", 180)
    assert ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=ONE) is not None
    assert operated(ledger) == [
        ("alice: pause one: new disk", "alice", ""),
        ("bob: resumed one", "bob", ""),
    ]
    ledger.audit.verify()


def test_a_pause_of_one_node_is_none_of_another(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.holds.hold(Hold(HoldKind.PAUSE, "one", 170, "alice"))
    assert ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=NodePart("two", "worker")) is not None


def test_a_drain_takes_the_place_of_a_pause_and_is_ended_by_the_same_word(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.holds.hold(Hold(HoldKind.PAUSE, "one", 170, "alice"))
    drain = Hold(HoldKind.DRAIN, "one", 180, "bob", "upgrade")
    ledger.holds.hold(drain)
    assert ledger.holds.current() == [drain]
    assert ledger.holds.of_node("one") == drain
    assert ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=ONE) is None
    ledger.holds.end(HoldKind.PAUSE, "one", "bob", 190)
    assert ledger.holds.of_node("one") is None


def test_nothing_is_sent_to_a_destination_that_is_held_and_the_others_get_theirs(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs", "research")
    ledger.holds.hold(Hold(HoldKind.DESTINATION, "pacs", 220, "alice"))
    assert ledger.jobs.claim(JobKind.DELIVER, 230, LEASE, "pacs") is None
    assert ledger.jobs.claim(JobKind.DELIVER, 230, LEASE, "research") is not None
    ledger.holds.end(HoldKind.DESTINATION, "pacs", "alice", 240)
    assert claim_job(ledger, JobKind.DELIVER, 250).destination == "pacs"
    assert operated(ledger)[0] == ("alice: destination pacs", "alice", "pacs")


def test_what_is_not_held_cannot_be_released(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="pacs is not held"):
        ledger.holds.end(HoldKind.DESTINATION, "pacs", "alice", 1)


def test_a_node_that_is_called_otherwise_now_stays_paused(ledger: Ledger) -> None:
    ledger.holds.hold(Hold(HoldKind.PAUSE, "MOMENODE@here:104", 170, "alice"))
    ledger.holds.hold(Hold(HoldKind.DESTINATION, "pacs", 175, "alice"))
    ledger.holds.adopt("MOMENODE@here:11112")
    held = ledger.holds.of_node("MOMENODE@here:11112")
    assert held is not None
    assert (held.kind, held.since) == (HoldKind.PAUSE, 170)
    assert len(ledger.holds.current()) == 2
