"""The kinds of result object: what is offered, what is written by default, what no network had a part in."""

from __future__ import annotations

from collections import Counter

from sr_templates.kinds import DEFAULT_KINDS, MEASURED_KINDS, OFFERED_KINDS, Kind


def test_every_kind_but_the_rejection_is_offered() -> None:
    assert set(Kind) - OFFERED_KINDS == {Kind.REJECTION}
    assert DEFAULT_KINDS < OFFERED_KINDS


def test_no_two_kinds_share_a_series_number_or_a_description() -> None:
    assert max(Counter(each.label.number for each in Kind).values()) == 1
    assert len({each.module for each in OFFERED_KINDS}) == len(OFFERED_KINDS)


def test_measured_kinds_say_so_in_their_series() -> None:
    assert all("measured" in each.label.description for each in MEASURED_KINDS)
