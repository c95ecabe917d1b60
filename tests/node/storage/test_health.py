"""Heartbeats and echoes; on SQLite and PostgreSQL."""

from __future__ import annotations

from node.storage.health import Echo, HealthStore, ProcessHeartbeat
from node.storage.ledger.ledger import Ledger

WEEK = 7 * 86_400.0


def test_the_last_sign_of_life_of_each_process_is_kept(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    for part, at in (("worker", 1.0), ("worker", 3.0)):
        book.beat("one", part, at)
    for at, associations in ((1.0, 7), (2.0, 4)):
        book.beat("one", "listener", at, associations)
    assert book.heartbeats() == [ProcessHeartbeat("one", "listener", 2.0, 4), ProcessHeartbeat("one", "worker", 3.0)]


def test_a_node_that_was_taken_away_is_forgotten_after_a_week(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    book.beat("gone", "worker", 1.0)
    book.beat("one", "worker", 2.0 + WEEK)
    assert [each.node for each in book.heartbeats()] == ["one"]


def test_the_last_echo_of_each_destination_is_kept(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    book.echoed(Echo("pacs", 1.0, None, "down"))
    book.echoed(Echo("pacs", 2.0, 0.1, ""))
    assert book.echoes() == {"pacs": Echo("pacs", 2.0, 0.1, "")}
