"""Work that survives a crash: what a job is, and when a failed one is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class JobKind(StrEnum):
    """What a job does with one revision of a study."""

    ANALYZE = "analyze"
    DELIVER = "deliver"


class JobState(StrEnum):
    """Where a job stands. COMMITTING: sent, waits for the peer's commitment; DEAD: given up, waits for the operator."""

    WAITING = "waiting"
    RUNNING = "running"
    COMMITTING = "committing"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


OPEN = (JobState.WAITING, JobState.RUNNING, JobState.COMMITTING)
"""States of a job that something is still to come of."""


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job. `fence` is the number of the attempt: a worker whose lease ran out holds an old one."""

    id: int
    kind: JobKind
    study_id: int
    study_instance_uid: str
    revision: int
    destination: str
    attempt: int
    fence: int


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a failed attempt is repeated.

    attempts : for failures that the job itself may cause (a crash of the worker, a defect): poison is stopped.
    refusals : for a peer that answers, but with a refusal.
    first_seconds, longest_seconds : the pause doubles from one to the other, with jitter of a quarter. A peer that is
        down is tried for ever.
    """

    attempts: int = 3
    refusals: int = 5
    first_seconds: float = 5.0
    longest_seconds: float = 900.0

    def pause(self, attempt: int, chance: random.Random) -> float:
        """Seconds until the next attempt, after this many."""
        pause = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 30))
        return pause * chance.uniform(0.75, 1.25)
