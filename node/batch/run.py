"""A batch from a manifest to its tables: the same call after any end goes on, on whatever engine."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mome_core.training.cohort import ManifestRow
from mome_core.training.files import write_whole
from node.batch.page import write_page
from node.batch.request import BatchRequest
from node.batch.study import ROWS, KeptRow
from node.batch.table import BatchRow, RowStatus, require_parquet, write_tables
from node.engines.engine import Batch, Engine, Limits, LostTask
from node.errors import NodeError
from node.summary import AnalysisSummary

_RUN_JSON = "run.json"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several calls that share a batch: it begins at its own part, and goes on where no other has been."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"a shard is I/N with I from 1 to N, got {self.number}/{self.of}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From "I/N"; NodeError for another text."""
        number, _, of = text.partition("/")
        try:
            return cls(int(number), int(of))
        except ValueError:
            raise NodeError(f"--shard is I/N with I from 1 to N, e.g. 2/8, got '{text}'") from None

    def order(self, count: int) -> list[int]:
        """Places of all studies, from the first of its part round to the last before it."""
        first = (self.number - 1) * count // self.of
        return [(first + n) % count for n in range(count)]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What is run on what.

    Parameters
    ----------
    rows
        Of the manifest; several of one folder are one study.
    """

    rows: tuple[ManifestRow, ...]
    request: BatchRequest
    engine: Engine
    limits: Limits
    shard: Shard


@dataclass(frozen=True, slots=True)
class BatchReport:
    """How a call ended.

    Parameters
    ----------
    answered
        Studies that it analysed itself; the rest had a row before.
    seconds
        That it took.
    """

    rows: tuple[BatchRow, ...]
    answered: int
    seconds: float
    model: str

    @property
    def counts(self) -> Mapping[RowStatus, int]:
        """Studies by what became of them."""
        return Counter(row.status for row in self.rows)

    @property
    def failures(self) -> tuple[BatchRow, ...]:
        """Studies that the next call tries again."""
        return tuple(row for row in self.rows if row.status is RowStatus.FAILED)

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        return {
            "studies": len(self.rows),
            "counts": {status.value: self.counts.get(status, 0) for status in RowStatus},
            "answered_now": self.answered,
            "seconds": round(self.seconds, 1),
            "failures": [{"case": row.case, "reason": row.failure} for row in self.failures],
        }


def run_batch(plan: BatchPlan, progress: Callable[[int, int], None]) -> BatchReport:
    """Answer every study that has no row yet, then write tables, page and run.json.

    Raises NodeError where the engine or the folder cannot be used, or the rows are single breasts; a study that cannot
    be answered is a row.
    """
    require_parquet()
    if any(row.side for row in plan.rows):
        raise NodeError("the manifest lists single breasts (column side), and what is answered here is whole studies")
    studies = [row.folder.resolve() for row in plan.rows]
    places = list(dict.fromkeys(studies[n] for n in plan.shard.order(len(studies))))
    began = time.monotonic()
    told: dict[Path, KeptRow | LostTask] = {}

    def tell(number: int, answer: KeptRow | LostTask) -> None:
        told[places[number]] = answer
        progress(len(told), len(places))

    plan.engine.run(Batch(places, plan.request, plan.limits), tell)
    rows = tuple(_row(row, told[study], plan.request.out) for row, study in zip(plan.rows, studies, strict=True))
    answered = sum(isinstance(each, KeptRow) and each.is_new for each in told.values())
    report = BatchReport(rows, answered, time.monotonic() - began, _models(rows))
    _write(plan, report)
    return report


def _row(row: ManifestRow, answer: KeptRow | LostTask, out: Path) -> BatchRow:
    """One row, read from its file."""
    if isinstance(answer, LostTask):
        return BatchRow(row.name, row.patient, "", None, answer.reason)
    content = json.loads((out / ROWS / f"{answer.name}.json").read_text())
    return BatchRow(row.name, row.patient, answer.name, AnalysisSummary.from_json(content))


def _models(rows: Sequence[BatchRow]) -> str:
    """Name and version of the models that answered, in words."""
    found = dict.fromkeys(
        f"{score.model.name} {score.model.version}" for row in rows if row.summary for score in row.summary.scores
    )
    return ", ".join(found)


def _write(plan: BatchPlan, report: BatchReport) -> None:
    """The tables, the page, and what was asked."""
    write_tables(plan.request.out, report.rows)
    write_page(plan.request.out, report)
    asked = {"request": plan.request.to_json(), "code": plan.request.fingerprint()}
    write_whole(plan.request.out / _RUN_JSON, (json.dumps(asked | report.to_json(), indent=2) + "\n").encode())
