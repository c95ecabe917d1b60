"""The plainest engine: this process, one task after the other. What every other engine's table is compared with."""

from __future__ import annotations

from node.engines.engine import Answer, Batch, Task, Told


class SerialEngine:
    """Answers in the order of the tasks."""

    def run(self, batch: Batch[Task, Answer], told: Told[Answer]) -> None:
        """As Engine."""
        answer = batch.work.open()
        for number, task in enumerate(batch.tasks):
            told(number, answer(task))
