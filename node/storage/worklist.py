"""The worklist: studies with what a person needs of each at a glance, all of them or those that a search finds.

Every list is bounded and follows an index. What grows with history is small: the counts of states, a part of a UID,
which no index finds, and several frequent words, of which the studies of the rarest are tried.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

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
_FREQUENT, _SELDOM, _RARE_ENOUGH = 1000, 2000, 20_000
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
    if search.whole and (whole := _present(db, search.whole)):
        return [schema.study.c.id.in_(_with_digest(whole))]
    words = [replace(each, digests=_present(db, each.digests)) for each in search.words]
    frequent = [each for each in words if _is_frequent(db, each)]
    rare = [_fits_rare(each) for each in words if each not in frequent]
    return [*rare, *_fit_frequent(db, [each.digests for each in frequent], alone=not rare)]


def _fits_rare(word: SearchWord) -> ColumnElement[bool]:
    """Whether a study fits a word that few studies have: those are looked up.

    Parts of UIDs, which no index finds, are sought only where the number is nothing else.
    """
    studies, instances = schema.study.c, schema.instance.c
    ways: list[Select[tuple[int]]] = [_with_digest(word.digests)]
    if word.number is not None:
        ways.append(select(literal(word.number)))
    if word.uid_part and not word.digests:
        ways.append(select(studies.id).where(studies.study_instance_uid.contains(word.uid_part, autoescape=True)))
        ways.append(select(instances.study_id).where(instances.sop_instance_uid == word.uid_part))
    return studies.id.in_(union(*ways) if len(ways) > 1 else ways[0])


def _fit_frequent(db: Connection, words: Sequence[frozenset[int]], *, alone: bool) -> list[ColumnElement[bool]]:
    """Whether a study fits words that many studies have, each by its digests.

    They are tried on the newest studies, of which enough will fit: to collect all studies of a frequent word would cost
    more the longer the node has run. Words that seldom meet would be tried on every study in vain: where few studies
    fit all of them, those are looked up, from the studies of the rarest word.

    Parameters
    ----------
    alone
        Whether no rare word narrows the search.
    """
    studies, terms = schema.study.c, schema.search_term.c
    if alone and len(words) > 1:
        rarest, *others = sorted(words, key=lambda digests: _studies_with(db, digests, _RARE_ENOUGH))
        fitting = _with_digest(rarest).where(*(_has_one_of(each, terms.study_id) for each in others))
        found = db.execute(fitting.limit(_SELDOM + 1)).scalars().all()
        if len(found) <= _SELDOM:
            return [studies.id.in_(found)]
    return [_has_one_of(each, studies.id) for each in words]


def _has_one_of(digests: frozenset[int], study_id: ColumnElement[int]) -> ColumnElement[bool]:
    terms = schema.search_term.alias()
    return exists().where(terms.c.digest.in_(digests), terms.c.study_id == study_id)


def _with_digest(digests: Iterable[int]) -> Select[tuple[int]]:
    terms = schema.search_term.c
    return select(terms.study_id).where(terms.digest.in_(digests))


def _present(db: Connection, digests: Iterable[int]) -> frozenset[int]:
    """Those that some study has."""
    return frozenset(each for each in digests if db.execute(_with_digest((each,)).limit(1)).first() is not None)


def _studies_with(db: Connection, digests: frozenset[int], most: int) -> int:
    """How many studies have one of these digests, counted up to so many."""
    some = _with_digest(digests).limit(most).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one())


def _is_frequent(db: Connection, word: SearchWord) -> bool:
    """Whether more studies have the word than are looked up one by one; a number may be that of a study."""
    is_number = word.number is not None or (word.uid_part and not word.digests)
    return not is_number and _studies_with(db, word.digests, _FREQUENT + 1) > _FREQUENT


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
