"""The life of a study as a table; a pair that is not listed is a defect and raises."""

from __future__ import annotations

from enum import StrEnum


class StudyState(StrEnum):
    """Where a study stands."""

    RECEIVING = "RECEIVING"
    STABLE = "STABLE"
    ANALYZING = "ANALYZING"
    ANALYZED = "ANALYZED"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    INELIGIBLE = "INELIGIBLE"


FINAL = (StudyState.DELIVERED, StudyState.FAILED, StudyState.INELIGIBLE)
"""States that wait for nobody."""


class StudyEvent(StrEnum):
    """What happened to a study."""

    INSTANCE_STORED = "INSTANCE_STORED"
    SETTLED = "SETTLED"
    CLAIMED = "CLAIMED"
    ATTEMPT_LOST = "ATTEMPT_LOST"
    OBJECTS_KEPT = "OBJECTS_KEPT"
    FOUND_INELIGIBLE = "FOUND_INELIGIBLE"
    ALL_DELIVERED = "ALL_DELIVERED"
    GAVE_UP = "GAVE_UP"
    REQUEUED = "REQUEUED"
    REDELIVERED = "REDELIVERED"


class ImpossibleTransition(Exception):
    """An event that cannot happen in this state: a defect of the node, never of a sender."""


S, E = StudyState, StudyEvent
TRANSITIONS: dict[tuple[StudyState, StudyEvent], StudyState] = {
    **{(state, E.INSTANCE_STORED): S.RECEIVING for state in S},
    (S.RECEIVING, E.SETTLED): S.STABLE,
    (S.STABLE, E.CLAIMED): S.ANALYZING,
    (S.ANALYZING, E.ATTEMPT_LOST): S.STABLE,
    (S.ANALYZING, E.OBJECTS_KEPT): S.ANALYZED,
    (S.ANALYZING, E.FOUND_INELIGIBLE): S.INELIGIBLE,
    (S.ANALYZING, E.GAVE_UP): S.FAILED,
    (S.STABLE, E.GAVE_UP): S.FAILED,
    (S.RECEIVING, E.GAVE_UP): S.FAILED,
    (S.ANALYZED, E.ALL_DELIVERED): S.DELIVERED,
    (S.ANALYZED, E.GAVE_UP): S.FAILED,
    **{(state, E.REQUEUED): S.STABLE for state in (*FINAL, S.ANALYZED)},
    **{(state, E.REDELIVERED): S.ANALYZED for state in (S.DELIVERED, S.FAILED)},
}


def next_state(state: StudyState, event: StudyEvent) -> StudyState:
    """The state after the event; raises ImpossibleTransition for a pair that is not in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleTransition(f"{event} cannot happen to a study that is {state}") from None
