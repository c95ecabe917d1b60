"""States of a study and the events that lead from one to the next, as a table."""

from __future__ import annotations

from enum import StrEnum


class StudyState(StrEnum):
    """Where a study stands."""

    RECEIVING = "RECEIVING"  # instances arrive
    STABLE = "STABLE"  # all of the revision is here; an analysis job waits
    ANALYZING = "ANALYZING"  # a worker has the analysis job
    ANALYZED = "ANALYZED"  # the result objects are on disk; deliveries are under way
    DELIVERED = "DELIVERED"  # every destination has the result objects
    FAILED = "FAILED"  # an analysis or a delivery was given up, or the instances contradict each other
    INELIGIBLE = "INELIGIBLE"  # the study lacks what the model needs
    CANCELLED = "CANCELLED"  # the operator does not want the analysis, or one of its deliveries


FINAL = (StudyState.DELIVERED, StudyState.FAILED, StudyState.INELIGIBLE, StudyState.CANCELLED)
"""States that a study leaves only for a new instance or the operator."""


class StudyEvent(StrEnum):
    """What happened to a study."""

    INSTANCE_STORED = "INSTANCE_STORED"  # a late image: the next revision begins
    SETTLED = "SETTLED"  # declared complete
    CLAIMED = "CLAIMED"  # a worker began the analysis
    ATTEMPT_LOST = "ATTEMPT_LOST"  # an attempt at the analysis failed, another follows
    GIVEN_BACK = "GIVEN_BACK"  # a planned stop: the analysis waits again, and the attempt is not counted
    OBJECTS_KEPT = "OBJECTS_KEPT"  # the result objects are on disk
    FOUND_INELIGIBLE = "FOUND_INELIGIBLE"  # the analysis found that the study lacks what the model needs
    ALL_DELIVERED = "ALL_DELIVERED"  # the last destination has every object
    GAVE_UP = "GAVE_UP"  # no further attempt without the operator
    CANCELLED = "CANCELLED"  # the operator cancelled the analysis, or the last delivery that was open
    REQUEUED = "REQUEUED"  # the operator wants a new analysis
    REDELIVERED = "REDELIVERED"  # the operator wants the objects sent again


class ImpossibleTransition(Exception):
    """An event that cannot happen in this state: an operator asks for it too early, or the node has a defect."""


_WORDS = {
    StudyEvent.SETTLED: "declared complete",
    StudyEvent.REQUEUED: "analysed again",
    StudyEvent.REDELIVERED: "sent again",
}
"""What an operator asks for."""


S, E = StudyState, StudyEvent
TRANSITIONS: dict[tuple[StudyState, StudyEvent], StudyState] = {
    **{(state, E.INSTANCE_STORED): S.RECEIVING for state in S},
    (S.RECEIVING, E.SETTLED): S.STABLE,
    (S.STABLE, E.CLAIMED): S.ANALYZING,
    (S.ANALYZING, E.ATTEMPT_LOST): S.STABLE,
    (S.ANALYZING, E.GIVEN_BACK): S.STABLE,
    (S.ANALYZING, E.OBJECTS_KEPT): S.ANALYZED,
    (S.ANALYZING, E.FOUND_INELIGIBLE): S.INELIGIBLE,
    (S.ANALYZING, E.GAVE_UP): S.FAILED,
    (S.STABLE, E.GAVE_UP): S.FAILED,
    (S.RECEIVING, E.GAVE_UP): S.FAILED,
    (S.ANALYZED, E.ALL_DELIVERED): S.DELIVERED,
    (S.ANALYZED, E.GAVE_UP): S.FAILED,
    **{(state, E.CANCELLED): S.CANCELLED for state in (S.STABLE, S.ANALYZING, S.ANALYZED)},
    **{(state, E.REQUEUED): S.STABLE for state in (*FINAL, S.ANALYZED)},
    **{(state, E.REDELIVERED): S.ANALYZED for state in (S.DELIVERED, S.FAILED, S.CANCELLED, S.ANALYZED)},
}


def next_state(state: StudyState, event: StudyEvent) -> StudyState:
    """The state after the event; raises ImpossibleTransition for a pair that is not in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        words = _WORDS.get(event)
        told = f"cannot be {words}" if words else f"cannot have the event {event}"
        raise ImpossibleTransition(f"a study that is {state} {told}") from None
