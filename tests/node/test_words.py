"""What command line and pages say alike."""

from __future__ import annotations

import re

import pytest

from mome_core.protocol import FoundVolume, PartState, ProtocolItem, ProtocolPart
from node import words
from node.jobs import JobKind, JobState
from node.states import StudyState

PRE, POST, T2 = ProtocolPart.PRE_CONTRAST, ProtocolPart.POST_CONTRAST, ProtocolPart.T2


def volumes(*found: tuple[int | None, int]) -> tuple[FoundVolume, ...]:
    return tuple(FoundVolume(number, slices, 16) for number, slices in found)


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59.6, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")])
def test_a_length_of_time_is_said_in_two_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_a_moment_has_its_zone() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+", words.local_time(1.8e9))


def test_everything_has_words() -> None:
    assert set(words.STATE_WORDS) == set(StudyState)
    assert set(words.JOB_KIND_WORDS) == set(JobKind)
    assert set(words.JOB_STATE_WORDS) == set(JobState)
    assert set(words.PART_WORDS) == set(ProtocolPart)
    assert set(words.PART_STATE_WORDS) == set(PartState)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (ProtocolItem(PRE, PartState.COMPLETE, volumes((6, 16))), "16 slices (series 6)"),
        (
            ProtocolItem(POST, PartState.COMPLETE, volumes((7, 16), (8, 16), (9, 16))),
            "3 volumes of 16 slices (series 7 to 9)",
        ),
        (
            ProtocolItem(POST, PartState.INCOMPLETE, volumes((7, 16), (8, 16), (9, 7))),
            "2 volumes of 16 slices (series 7, 8); phase 3 (series 9): 7 of 16 slices",
        ),
        (ProtocolItem(POST, PartState.MISSING), "no such series"),
        (
            ProtocolItem(PRE, PartState.UNKNOWN, volumes((2, 16))),
            "16 slices (series 2); nothing tells whether it is before contrast",
        ),
        (ProtocolItem(T2, PartState.INCOMPLETE, why="series 3 (T2) has gaps"), "series 3 (T2) has gaps"),
        (ProtocolItem(T2, PartState.COMPLETE, volumes((None, 16))), "16 slices (series without a number)"),
    ],
)
def test_a_part_of_the_protocol_says_what_is_there_and_what_is_missing(item: ProtocolItem, said: str) -> None:
    assert words.protocol_words(item) == said


def test_what_the_dynamic_lacks_is_one_line() -> None:
    pre, post = ProtocolItem(PRE, PartState.MISSING), ProtocolItem(POST, PartState.INCOMPLETE, volumes((9, 7)))
    assert words.lacking_words([pre, post, ProtocolItem(T2, PartState.MISSING)]) == (
        "pre-contrast phase: missing; post-contrast phases: phase 1 (series 9): 7 of 16 slices"
    )
    assert words.lacking_words([ProtocolItem(PRE, PartState.COMPLETE, volumes((6, 16)))]) == ""
