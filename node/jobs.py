"""Work that survives a crash: what a job is, and when a failed one is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class JobKind(StrEnum):
    """What a job does with one revision of a study."""

    ANALYZE = "analyze"  # one for each revision: the images become result objects
    DELIVER = "deliver"  # one for each revision and destination: the objects are sent


class Priority(StrEnum):
    """How urgent a study is, in the words of Requested Procedure Priority (0040,1003); the most urgent first."""

    STAT = "STAT"  # overtakes everything that waits
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"
    LOW = "LOW"  # only while nothing else waits

    @property
    def rank(self) -> int:
        """Place in the order of claims: 0 is claimed first."""
        return list(Priority).index(self)

    @classmethod
    def of_rank(cls, rank: int) -> Priority:
        """The priority of this rank."""
        return list(cls)[rank]


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"  # due at a moment, now or after a pause
    RUNNING = "running"  # leased by a worker; claimed by another when the lease ends
    COMMITTING = "committing"  # sent; the destination has not yet reported its storage commitment
    DONE = "done"  # finished; a delivery only when the destination has every object
    DEAD = "dead"  # given up after as many attempts as the policy allows; waits for the operator
    CANCELLED = "cancelled"  # the study has a newer revision, or the operator does not want it


OPEN = (JobState.WAITING, JobState.RUNNING, JobState.COMMITTING)
"""States of a job that goes on without the operator."""
UNFINISHED = (*OPEN, JobState.DEAD)
"""States of a job that its study waits for: something is still to come of it, or the operator must look."""


@dataclass(frozen=True, slots=True)
class NodePart:
    """A process of a node that carries out jobs, by the names in its heartbeats.

    Parameters
    ----------
    archive
        UUID of the storage root whose files it can read; empty: there is only one.
    """

    node: str = ""
    part: str = ""
    archive: str = ""


NOBODY = NodePart()
"""No process in particular, of no node that could be held back."""


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job.

    Parameters
    ----------
    fence
        Number of the attempt: a worker whose lease ran out holds an old one.
    sent
        Of a delivery: whether its destination has taken the objects, and has not answered for keeping them.
    called_ae_title
        The AE title of this node that the study called.
    """

    id: int
    kind: JobKind
    study_id: int
    study_instance_uid: str
    revision: int
    destination: str
    attempt: int
    fence: int
    sent: bool = False
    called_ae_title: str = ""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a failed attempt is repeated; a peer that is down is tried indefinitely.

    Parameters
    ----------
    attempts
        For failures that the job itself may cause (a crash of the worker, a defect).
    refusals
        For a peer that answers, but with a refusal.
    first_seconds, longest_seconds
        The pause doubles from one to the other, with jitter of a quarter.
    """

    attempts: int = 3
    refusals: int = 5
    first_seconds: float = 5.0
    longest_seconds: float = 900.0

    def pause(self, attempt: int, rng: random.Random) -> float:
        """Seconds until the next attempt, after this many."""
        pause = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 30))
        return pause * rng.uniform(0.75, 1.25)
