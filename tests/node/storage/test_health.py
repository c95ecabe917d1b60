"""Heartbeats and echoes; on SQLite and PostgreSQL."""

from __future__ import annotations

from node.storage.health import Echo, HealthStore, OpenAlert, ProcessHeartbeat
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


def alert(node: str) -> OpenAlert:
    return OpenAlert(node, "disk-low", "", 1.0, None, "less than 20 GiB of disk are free")


def test_a_node_that_has_ended_leaves_neither_process_nor_alert(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    for node in ("one", "two"):
        book.beat(node, "worker", 1.0)
        book.raised(alert(node))
    book.forget("one")
    assert [each.node for each in book.heartbeats()] == [each.node for each in book.alerts()] == ["two"]


def test_alone_on_its_ledger_a_node_has_no_past(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    book.beat("MOMENODE@here:14242", "worker", 999.0)
    book.raised(alert("MOMENODE@there:104"))
    book.beat("MOMENODE@here:104", "worker", 1000.0)
    book.forget_past_nodes("MOMENODE@here:104", "here", 1000.0, alone=True)
    assert [each.node for each in book.heartbeats()] == ["MOMENODE@here:104"]
    assert book.alerts() == []


def test_among_several_nodes_only_the_silent_ones_of_this_host_are_past(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    for node, at in (("A@here:1", 900.0), ("B@here:2", 990.0), ("C@there:1", 900.0)):
        book.beat(node, "worker", at)
    book.forget_past_nodes("D@here:3", "here", 1000.0, alone=False)
    assert [each.node for each in book.heartbeats()] == ["B@here:2", "C@there:1"]
