"""Inside a process that answers tasks: what was opened, and how much memory it may take."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from functools import cache
from typing import Any

from node.engines.engine import Answer, LostTask, Task, Work

_GIB = 1024**3
_OWN_SHARE = 0.9  # of the machine's memory, for all processes together


def answered(work: Work[Task, Answer], task: Task) -> Answer | LostTask:
    """The answer to a task by what this process has opened; memory that is not there is a reason, not an end."""
    try:
        answer: Answer | LostTask = _opened(work)(task)
    except MemoryError:
        return LostTask("needs more memory than a process may take")
    return answer


@cache
def _opened(work: Work[Any, Any]) -> Callable[[Any], Any]:
    """What is done with a task, loaded once a process."""
    return work.open()


def limit_memory(memory_gib: float, processes: int) -> None:
    """Let this process take so much (private, writable) memory and no more; 0: its share among so many processes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = int(memory_gib * _GIB) or int(machine * _OWN_SHARE / max(1, processes))
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
