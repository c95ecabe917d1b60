"""The worklist: studies with what a person needs of each at a glance, all of them or those that a search finds.

Every list is bounded and follows an index, so its cost grows with what is shown, never with history.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Engine,
    Select,
    and_,
    func,
    intersect,
    or_,
    select,
    union,
)

from node.patient_search import SearchWord, StudySearch
from node.states import StudyState
from node.storage import schema
from node.storage.database import reading
from node.storage.ledger.job_rows import UNFINISHED
from node.storage.records import JobRecord, StudyRecord
from node.storage.rows import job_record_from_row, study_record_from_row
from node.summary import AnalysisSummary

_NOTHING = StudySearch()
_Numbers = Select[tuple[int]] | CompoundSelect[tuple[int]]


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One study of the worklist.

    Parameters
    ----------
    scanner
        AE title that sent its first image; empty before it is indexed.
    labels
        Sealed (node.patient_search.RowLabels).
    jobs
        Those of its revision that are open or have failed.
    summary
        Of its present revision; None before that is analysed.
    """

    study: StudyRecord
    scanner: str
    labels: str
    jobs: tuple[JobRecord, ...]
    summary: AnalysisSummary | None


class Worklist:
    """Reads the ledger for lists of studies."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def rows(
        self,
        states: Sequence[StudyState] = (),
        search: StudySearch = _NOTHING,
        *,
        before: tuple[float, int] | None = None,
        limit: int = 50,
    ) -> list[WorklistRow]:
        """Studies in these states (none: all) that fit, newest first; `before`: time and number of the last seen."""
        table = schema.study.c
        query = select(schema.study).where(*_fitting(search)).limit(limit)
        query = query.order_by(table.last_received_at.desc(), table.id.desc())
        if states:
            query = query.where(table.state.in_(states))
        if before is not None:
            at, number = before
            older = and_(table.last_received_at == at, table.id < number)
            query = query.where(table.last_received_at <= at, or_(table.last_received_at < at, older))
        with reading(self.engine) as db:
            rows = db.execute(query).all()
            revisions = {row.id: row.revision for row in rows}
            jobs, summaries = _jobs_of(db, revisions), _summaries_of(db, revisions)
        return [
            WorklistRow(study_record_from_row(row), row.scanner, row.labels, tuple(jobs[row.id]), summaries.get(row.id))
            for row in rows
        ]

    def counts(self, search: StudySearch = _NOTHING) -> dict[StudyState, int]:
        """How many studies that fit stand in each state."""
        table = schema.study.c
        query = select(table.state, func.count()).where(*_fitting(search)).group_by(table.state)
        with reading(self.engine) as db:
            return {StudyState(state): count for state, count in db.execute(query)}

    def row(self, number: int) -> WorklistRow:
        """One study; raises LookupError when there is none of this number."""
        word = SearchWord(frozenset(), number)
        found = self.rows(search=StudySearch((word,)), limit=1)
        if not found:
            raise LookupError(f"no study {number}")
        return found[0]


def _fitting(search: StudySearch) -> list[ColumnElement[bool]]:
    """The condition of a search; none for an empty one."""
    if not search:
        return []
    by_word = [_numbers_of(each) for each in search.words]
    every = intersect(*by_word) if len(by_word) > 1 else by_word[0]
    ways = [schema.study.c.id.in_(select(every.subquery().c[0]))]
    if search.whole:
        ways.append(schema.study.c.id.in_(_with_digest(search.whole)))
    return [or_(*ways)]


def _numbers_of(word: SearchWord) -> _Numbers:
    """The numbers of the studies that fit one word."""
    studies, instances = schema.study.c, schema.instance.c
    ways: list[Select[tuple[int]]] = [_with_digest(word.digests)]
    if word.number is not None:
        ways.append(select(studies.id).where(studies.id == word.number))
    if word.uid_part:
        ways.append(select(studies.id).where(studies.study_instance_uid.contains(word.uid_part, autoescape=True)))
        ways.append(select(instances.study_id).where(instances.sop_instance_uid == word.uid_part))
    return union(*ways) if len(ways) > 1 else ways[0]


def _with_digest(digests: Iterable[int]) -> Select[tuple[int]]:
    terms = schema.search_term.c
    return select(terms.study_id).where(terms.digest.in_(digests))


def _jobs_of(db: Connection, revisions: Mapping[int, int]) -> defaultdict[int, list[JobRecord]]:
    """The unfinished jobs of the present revisions of some studies."""
    found: defaultdict[int, list[JobRecord]] = defaultdict(list)
    jobs = schema.job.c
    unfinished = select(schema.job).where(jobs.study_id.in_(revisions), jobs.state.in_(UNFINISHED)).order_by(jobs.id)
    for job in db.execute(unfinished):
        if job.revision == revisions[job.study_id]:
            found[job.study_id].append(job_record_from_row(job, ()))
    return found


def _summaries_of(db: Connection, revisions: Mapping[int, int]) -> dict[int, AnalysisSummary]:
    """The analyses of the present revisions of some studies."""
    table = schema.analysis.c
    query = select(table.study_id, table.revision, table.summary).where(table.study_id.in_(revisions))
    return {
        each.study_id: AnalysisSummary.from_json(json.loads(each.summary))
        for each in db.execute(query)
        if each.revision == revisions[each.study_id]
    }
