"""When a failed attempt is repeated, and how urgent jobs are."""

from __future__ import annotations

import random

from node.jobs import Job, JobKind, Priority, RetryPolicy


def test_pauses_double_up_to_the_longest_with_a_quarter_of_jitter() -> None:
    policy, rng = RetryPolicy(first_seconds=4.0, longest_seconds=60.0), random.Random(1)
    for attempt, pause in ((1, 4.0), (2, 8.0), (4, 32.0), (5, 60.0), (1000, 60.0)):
        drawn = [policy.pause(attempt, rng) for _ in range(200)]
        assert 0.75 * pause <= min(drawn) < max(drawn) <= 1.25 * pause


def test_priorities_have_one_order_both_ways() -> None:
    assert [each.rank for each in Priority] == sorted(each.rank for each in Priority)
    assert all(Priority.of_rank(each.rank) is each for each in Priority)


def test_a_delivery_has_not_sent_anything_until_its_row_says_so() -> None:
    assert not Job(1, JobKind.DELIVER, 1, "1.2", 1, "pacs", 1, 1).sent
