"""The table of states."""

from __future__ import annotations

import pytest

from node.states import ImpossibleTransition, StudyEvent, StudyState, next_state


def test_an_event_that_cannot_happen_raises() -> None:
    with pytest.raises(ImpossibleTransition):
        next_state(StudyState.RECEIVING, StudyEvent.ALL_DELIVERED)
