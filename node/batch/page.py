"""A batch on one page: what became of the studies, how scores spread, why the others have none, what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Protocol

from mome_core.results import Endpoint
from mome_core.training.files import write_whole
from mome_core.training.report.charts import histogram
from mome_core.training.report.markup import Cell, figure, grid, paragraph, section, table
from node.batch.table import BatchRow, RowStatus

PAGE = "page.html"
_WORDS = {
    RowStatus.SCORED: "with a score",
    RowStatus.WITHHELD: "score withheld",
    RowStatus.NOT_ANALYSED: "not analysed",
    RowStatus.FAILED: "failed; the next call tries again",
}
_MANY = 100_000


class _Report(Protocol):
    """A call that ended."""

    @property
    def rows(self) -> tuple[BatchRow, ...]: ...
    @property
    def answered(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def model(self) -> str: ...
    @property
    def counts(self) -> Mapping[RowStatus, int]: ...


def write_page(out: Path, report: _Report) -> None:
    """Write page.html, which needs no network."""
    style = files("mome_core.training.report").joinpath("page.css").read_text("utf-8")
    title = f"{len(report.rows)} studies answered by {report.model or 'no model'}"
    parts = [_scores(report.rows), _reasons(report.rows), _cost(report)]
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>\n'
        f'<body><p class="research">RESEARCH USE ONLY - not for clinical use</p><header><h1>Batch</h1>'
        f'<p class="conclusion">{escape(title)}</p></header>\n<main>{_tiles(report.counts)}\n'
        + "\n".join(part for part in parts if part)
        + "</main></body></html>\n"
    )
    write_whole(out / PAGE, page.encode())


def _tiles(counts: Mapping[RowStatus, int]) -> str:
    """How many studies became what."""
    tiles = (f'<div class="tile"><b>{counts.get(each, 0)}</b>{escape(_WORDS[each])}</div>' for each in RowStatus)
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _scores(rows: Sequence[BatchRow]) -> str:
    """A histogram for each endpoint that was scored."""
    charts = []
    for endpoint in Endpoint:
        found = [score for row in rows if row.summary for score in row.summary.scores if score.endpoint is endpoint]
        shown = [score.probability for score in found if score.probability is not None]
        if shown:
            calls = Counter(str(score.call) for score in found)
            words = ", ".join(f"{count} {call}" for call, count in sorted(calls.items()))
            drawn = histogram(shown, ("probability", "studies"), f"Distribution of {endpoint.words}")
            charts.append(figure(drawn, f"{endpoint.words}: {words}"))
    return section("Scores", grid(*charts)) if charts else ""


def _reasons(rows: Sequence[BatchRow]) -> str:
    """Why studies have no score, the most frequent first, each with an example."""
    without = [row for row in rows if row.status is not RowStatus.SCORED]
    example: dict[str, BatchRow] = {}
    for row in without:
        example.setdefault(row.code, row)
    counted = Counter(row.code for row in without).most_common()
    lines: list[list[Cell | str]] = [
        [code, str(count), example[code].case, Cell(example[code].reason, sentence=True)] for code, count in counted
    ]
    return section("Without a score", table(["code", "studies", "for example", "reason"], lines)) if lines else ""


def _cost(report: _Report) -> str:
    """Seconds of each stage, and what a hundred thousand studies like these would take."""
    stages = _stages(report.rows)
    lines = [[stage, str(len(found)), f"{median(found):.2f}", f"{sum(found):.0f}"] for stage, found in stages.items()]
    words = "This call analysed nothing: every study had its row." if not report.answered else _rate(report)
    return section(
        "Cost", paragraph(words), table(["stage", "studies", "median, s", "together, s"], lines) if lines else ""
    )


def _stages(rows: Iterable[BatchRow]) -> dict[str, list[float]]:
    """Seconds by stage."""
    stages: dict[str, list[float]] = {}
    for row in rows:
        for stage, seconds in (row.summary.timings_s if row.summary else {}).items():
            stages.setdefault(stage, []).append(seconds)
    return stages


def _rate(report: _Report) -> str:
    """The rate of this call, in words."""
    per_study = report.seconds / report.answered
    return (
        f"This call analysed {report.answered} studies in {report.seconds:.0f} s: {3600 / per_study:.0f} an hour. "
        f"At this rate {_MANY:,} studies like these take {_MANY * per_study / 3600:.0f} hours."
    )
