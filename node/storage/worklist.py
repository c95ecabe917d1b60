"""The worklist: studies with what a person needs of each at a glance, all of them or those that a search finds.

Every list is bounded and follows an index, so its cost grows with what is shown, never with history.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, exists, func, literal, or_, select, union

from node.jobs import UNFINISHED
from node.patient_search import SearchWord, StudySearch
from node.states import StudyState
from node.storage import schema
from node.storage.database import reading
from node.storage.records import JobRecord, StudyRecord
from node.storage.rows import job_record_from_row, study_record_from_row
from node.summary import AnalysisSummary

_NOTHING = StudySearch()
_FREQUENT = 1000
MOST_COUNTED = 1001
"""So many that are found are counted: to count all of a frequent name would cost more the longer the node has run."""


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
        query = select(schema.study).order_by(table.last_received_at.desc(), table.id.desc()).limit(limit)
        if states:
            query = query.where(table.state.in_(states))
        if before is not None:
            at, number = before
            older = and_(table.last_received_at == at, table.id < number)
            query = query.where(table.last_received_at <= at, or_(table.last_received_at < at, older))
        with reading(self.engine) as db:
            rows = db.execute(query.where(*_fitting(db, search))).all()
            revisions = {row.id: row.revision for row in rows}
            jobs, summaries = _jobs_of(db, revisions), _summaries_of(db, revisions)
        return [
            WorklistRow(study_record_from_row(row), row.scanner, row.labels, tuple(jobs[row.id]), summaries.get(row.id))
            for row in rows
        ]

    def found(self, search: StudySearch) -> dict[StudyState, int]:
        """How many of the newest studies that fit stand in each state; never more than MOST_COUNTED in all."""
        table = schema.study.c
        with reading(self.engine) as db:
            newest = select(table.state).where(*_fitting(db, search)).order_by(table.last_received_at.desc())
            fitting = newest.limit(MOST_COUNTED).subquery()
            rows = db.execute(select(fitting.c.state, func.count()).group_by(fitting.c.state))
            return {StudyState(state): count for state, count in rows}


def _fitting(db: Connection, search: StudySearch) -> list[ColumnElement[bool]]:
    """The condition of a search; none for an empty one."""
    if search.whole and _is_there(db, search.whole):
        return [schema.study.c.id.in_(_with_digest(search.whole))]
    return [_fits_word(db, each) for each in search.words]


def _fits_word(db: Connection, word: SearchWord) -> ColumnElement[bool]:
    """Whether a study fits one word.

    A rare word drives the query: its studies are looked up. A frequent one is tried on the newest studies, of which
    enough will fit: to collect all of its studies first would cost more the longer the node has run.
    """
    studies, terms, instances = schema.study.c, schema.search_term, schema.instance.c
    if not word.uid_part and word.number is None and _is_frequent(db, word.digests):
        return exists().where(terms.c.digest.in_(word.digests), terms.c.study_id == studies.id)
    ways: list[Select[tuple[int]]] = [_with_digest(word.digests)]
    if word.number is not None:
        ways.append(select(literal(word.number)))
    if word.uid_part:
        ways.append(select(studies.id).where(studies.study_instance_uid.contains(word.uid_part, autoescape=True)))
        ways.append(select(instances.study_id).where(instances.sop_instance_uid == word.uid_part))
    return studies.id.in_(union(*ways) if len(ways) > 1 else ways[0])


def _with_digest(digests: Iterable[int]) -> Select[tuple[int]]:
    terms = schema.search_term.c
    return select(terms.study_id).where(terms.digest.in_(digests))


def _is_there(db: Connection, digests: Iterable[int]) -> bool:
    return db.execute(_with_digest(digests).limit(1)).first() is not None


def _is_frequent(db: Connection, digests: Iterable[int]) -> bool:
    """Whether more studies have one of these digests than are looked up one by one."""
    some = _with_digest(digests).limit(_FREQUENT + 1).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one()) > _FREQUENT


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
