"""Processes of this machine."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from pebble import ProcessExpired, ProcessPool

from node.engines.engine import ATTEMPTS, Answer, Batch, LostTask, Task, Told, died
from node.engines.process import answered, limit_memory


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """So many processes side by side; one that dies or is stopped is replaced."""

    workers: int

    def run(self, batch: Batch[Task, Answer], told: Told[Answer]) -> None:
        """As Engine."""
        limits = (batch.limits.memory_gib, self.workers)
        pool: Any = ProcessPool(self.workers, initializer=limit_memory, initargs=limits, context=get_context("spawn"))
        try:
            self._run_in(pool, batch, told)
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.close()
            pool.join()

    def _run_in(self, pool: Any, batch: Batch[Task, Answer], told: Told[Answer]) -> None:
        """Keep every process busy with one task, and one waiting, until all are answered."""
        left, attempts = list(range(len(batch.tasks)))[::-1], Counter[int]()
        running: dict[Any, int] = {}
        while left or running:
            while left and len(running) < 2 * self.workers:
                number = left.pop()
                call = (batch.work, batch.tasks[number])
                running[pool.schedule(answered, args=call, timeout=batch.limits.timeout)] = number
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                attempts[number] += 1
                answer = _answer_of(future, batch)
                if answer is None and attempts[number] < ATTEMPTS:
                    left.append(number)
                else:
                    told(number, died(ATTEMPTS) if answer is None else answer)


def _answer_of(future: Any, batch: Batch[Task, Answer]) -> Answer | LostTask | None:
    """What the process said; None where it died before it could."""
    try:
        answer: Answer | LostTask = future.result()
    except TimeoutError:
        return batch.limits.too_slow
    except ProcessExpired:
        return None
    return answer
