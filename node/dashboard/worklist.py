"""The worklist, page by page, for browser and API."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from node.dashboard.site import Site
from node.next_step import NextStep, next_step
from node.patient_search import RowLabels, StudySearch, study_search
from node.states import StudyState
from node.storage.analysis_queue import analysis_queue
from node.storage.records import StudyRecord
from node.storage.worklist import WorklistRow
from node.summary import AnalysisSummary

_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """What of the worklist is wanted, and by whom.

    Parameters
    ----------
    text
        What the studies are sought by; empty: all.
    patients
        Whether patients may be sought and shown.
    before
        Cursor of the page; empty or invalid: from the newest.
    """

    state: StudyState | None = None
    text: str = ""
    patients: bool = False
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class WorklistLine:
    """One study as a person sees it in a list; labels are of a header: escape them."""

    study: StudyRecord
    labels: RowLabels
    scanner: str
    step: NextStep
    summary: AnalysisSummary


@dataclass(frozen=True, slots=True)
class _WorklistPage:
    """Studies, newest first; `before` is the cursor of the page of older ones, empty at the end."""

    lines: list[WorklistLine]
    before: str


def worklist_page(site: Site, query: WorklistQuery) -> _WorklistPage:
    """One page of the worklist."""
    states = [query.state] if query.state else ()
    search = search_of(site, query)
    found = site.worklist.rows(states, search, before=_position(query.before), limit=query.limit + 1)
    rows, now = found[: query.limit], time.time()
    queue = analysis_queue(site.ledger.engine, now)
    lines = [
        WorklistLine(
            row.study,
            _labels_of(site, row, patients=query.patients),
            row.scanner,
            next_step(row.study, row.jobs, queue, site.settings.gather, now),
            row.summary or AnalysisSummary(),
        )
        for row in rows
    ]
    return _WorklistPage(lines, _cursor(rows[-1].study) if len(found) > query.limit else "")


def search_of(site: Site, query: WorklistQuery) -> StudySearch:
    """The search as the ledger understands it."""
    return study_search(query.text, site.search_key, patients=query.patients)


def _labels_of(site: Site, row: WorklistRow, *, patients: bool) -> RowLabels:
    labels = RowLabels.unsealed(site.search_key, row.labels)
    return labels if patients else labels.without_patient()


def _cursor(study: StudyRecord) -> str:
    return f"{study.last_received_at!r}-{study.id}"


def _position(cursor: str) -> tuple[float, int] | None:
    at, _, number = cursor.rpartition("-")
    try:
        position = float(at), int(number)
    except ValueError:
        return None
    return position if math.isfinite(position[0]) and 0 <= position[1] <= _LARGEST_NUMBER else None
