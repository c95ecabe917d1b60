"""The table of states."""

from __future__ import annotations

import pytest

from node.states import ImpossibleTransition, StudyEvent, StudyState, next_state


def test_an_event_that_cannot_happen_raises() -> None:
    with pytest.raises(ImpossibleTransition, match="a study that is RECEIVING cannot have the event ALL_DELIVERED"):
        next_state(StudyState.RECEIVING, StudyEvent.ALL_DELIVERED)


def test_an_operator_who_comes_too_early_is_told_in_words() -> None:
    with pytest.raises(ImpossibleTransition, match="a study that is ANALYZING cannot be sent again"):
        next_state(StudyState.ANALYZING, StudyEvent.REDELIVERED)


def test_results_on_their_way_can_be_sent_again() -> None:
    assert next_state(StudyState.ANALYZED, StudyEvent.REDELIVERED) is StudyState.ANALYZED
