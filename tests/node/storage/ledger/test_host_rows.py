"""Silence counts for the host that received: what was half there when it died is not complete."""

from __future__ import annotations

import pytest

from ledger_studies import state_of
from node.jobs import NodePart
from node.states import StudyState
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger
from two_hosts import AT_A, AT_B, A, B, listening, receive, registered

pytestmark = pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host


@pytest.fixture
def numbers(ledger: Ledger) -> tuple[int, int]:
    return registered(ledger)


def settled_by(ledger: Ledger, here: NodePart, now: float, quiet: float = 60.0) -> int:
    """How many studies this node declares complete."""
    return ledger.gathering.settle(now - quiet, now, node_name=here.node, archive=here.archive)


def test_a_half_received_study_is_not_complete_because_its_host_died(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=100.0)
    listening(ledger, A, 100.0)  # the last word of A
    for now in (159.0, 161.0, 175.0, 300.0, 5000.0):
        listening(ledger, B, now)
        assert settled_by(ledger, AT_B, now) == 0, now
        assert ledger.gathering.settle_overdue(now - 50.0, now, node_name=B, archive=AT_B.archive) == 0, now
    assert state_of(ledger) is StudyState.RECEIVING
    listening(ledger, A, 5000.0, since=4990.0)
    assert settled_by(ledger, AT_A, 5010.0) == 0, "it listens again, and the sender may repeat what is missing"
    listening(ledger, A, 5060.0, since=4990.0)
    assert settled_by(ledger, AT_A, 5060.0) == 1


def test_a_study_that_came_to_two_hosts_is_complete_when_both_heard_nothing(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    receive(ledger, numbers[1], 2, now=100.0)
    listening(ledger, B, 165.0)
    listening(ledger, A, 150.0)
    assert settled_by(ledger, AT_B, 165.0) == 0, "A was last heard 50 s after the last image"
    listening(ledger, A, 165.0)
    assert settled_by(ledger, AT_B, 165.0) == 1


def test_a_study_that_was_sent_again_to_another_host_does_not_wait_for_the_dead_one(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    receive(ledger, numbers[1], 1, 2, now=100.0)
    listening(ledger, B, 165.0)
    assert settled_by(ledger, AT_B, 165.0) == 1


def test_a_half_received_study_on_a_shared_root_is_not_complete_because_one_of_its_nodes_died(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    third = NodePart("C@c:104", "worker", AT_A.archive)  # on the root of A
    number = Hosts(ledger.engine).register(third.node, "c", third.archive, "/srv", "key")
    receive(ledger, numbers[0], 1, now=100.0)
    listening(ledger, A, 100.0)
    listening(ledger, third.node, 300.0)
    assert settled_by(ledger, third, 300.0) == 0
    receive(ledger, number, 1, 2, now=310.0)  # the sender repeats it
    listening(ledger, third.node, 375.0)
    assert settled_by(ledger, third, 375.0) == 1


def test_what_a_node_received_that_was_stopped_or_renamed_is_its_roots(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    renamed = NodePart("A2@a:105", "worker", AT_A.archive)
    Hosts(ledger.engine).register(renamed.node, "a", renamed.archive, "/srv", "key")
    receive(ledger, numbers[0], 1, now=100.0)
    listening(ledger, renamed.node, 165.0)
    assert settled_by(ledger, renamed, 165.0) == 1
