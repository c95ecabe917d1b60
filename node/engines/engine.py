"""What every engine promises: each task is answered once or named as lost, whatever its process did."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from node.errors import NodeError

Task = TypeVar("Task")
Answer = TypeVar("Answer")
_Task_contra = TypeVar("_Task_contra", contravariant=True)
_Answer_co = TypeVar("_Answer_co", covariant=True)

ATTEMPTS = 3
"""A task whose process died is tried so often: a host may have died under it, or another task have eaten the memory."""


class EngineRefused(NodeError):
    """An engine cannot be used as it is: not installed, not reached, or of another version."""


class Work(Hashable, Protocol[_Task_contra, _Answer_co]):
    """What is done with each task; it travels to every process (picklable) and is opened there once."""

    def open(self) -> Callable[[_Task_contra], _Answer_co]:
        """Load what all tasks need, such as a model; the function that answers one task."""
        ...

    def fingerprint(self) -> str:
        """What must be the same wherever it is opened: version and code."""
        ...


@dataclass(frozen=True, slots=True)
class LostTask:
    """A task without an answer, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may take.

    Parameters
    ----------
    seconds
        Then its process is killed; inf: it may take as long as it does.
    memory_gib
        Of its process; 0: an equal share of the machine's memory.
    """

    seconds: float = 1800.0
    memory_gib: float = 0.0

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.memory_gib < 0:
            raise ValueError("seconds are positive; memory is not negative")

    @property
    def timeout(self) -> float | None:
        """The seconds; None without a limit."""
        return self.seconds if math.isfinite(self.seconds) else None

    @property
    def too_slow(self) -> LostTask:
        """The answer of a task that took longer."""
        return LostTask(f"took longer than {self.seconds:g} s and was stopped")


@dataclass(frozen=True, slots=True)
class Batch(Generic[Task, Answer]):
    """Tasks, what is done with each, and what each may take."""

    tasks: Sequence[Task]
    work: Work[Task, Answer]
    limits: Limits


Told = Callable[[int, Answer | LostTask], None]
"""Called by the engine, in its caller's process, with a task's place in the batch and its answer."""


class Engine(Protocol):
    """Runs a batch to its end; an exception of the caller, or Ctrl-C, ends its processes."""

    def run(self, batch: Batch[Task, Answer], told: Told[Answer]) -> None:
        """Answer every task, in any order; raises what `work` raises while it is opened."""
        ...


def died(attempts: int) -> LostTask:
    """The answer of a task whose process died each time."""
    return LostTask(f"its process died {attempts} times (a crash of a library, or no memory left)")
