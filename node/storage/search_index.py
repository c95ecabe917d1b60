"""Writes what studies are found by: digests of terms, and the sealed labels of their row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select, update

from node.states import StudyState
from node.storage import schema
from node.storage.database import reading, writing
from node.storage.ledger.host_rows import some_instance_here


@dataclass(frozen=True, slots=True)
class Unindexed:
    """A study that is not indexed, or by another key, or was when fewer images were there.

    Parameters
    ----------
    is_new
        Whether it never was.
    """

    id: int
    study_instance_uid: str
    called_ae_title: str
    patient_digest: str
    state: StudyState
    is_new: bool


class SearchIndex:
    """What the indexing of studies asks the ledger; `version` names the key and what lists may show."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def unindexed(self, version: str, limit: int, archive: str = "") -> list[Unindexed]:
        """Studies that are not indexed under this version, newest first (of several former versions: of each).

        With an archive only those of which it has something: the others are read where they lie.
        """
        table = schema.study.c
        query = (
            select(
                table.id,
                table.study_instance_uid,
                table.called_ae_title,
                table.patient_digest,
                table.state,
                (table.labels == "").label("is_new"),
            )
            .order_by(table.indexed.desc(), table.id.desc())  # as its index runs: no scan when all is indexed
            .limit(limit)
        )
        if archive:
            query = query.where(some_instance_here(table.id, archive))
        with reading(self.engine) as db:
            before = db.execute(query.where(table.indexed < version)).all()
            behind = db.execute(query.where(table.indexed > version)).all()
        newest = sorted((*before, *behind), key=lambda row: -row.id)[:limit]
        return [
            Unindexed(
                row.id,
                row.study_instance_uid,
                row.called_ae_title,
                row.patient_digest,
                StudyState(row.state),
                bool(row.is_new),
            )
            for row in newest
        ]

    def index(self, study: Unindexed, version: str, scanner: str, labels: str, digests: Collection[int]) -> bool:
        """Replace what the study is found by; False, and nothing done, when it has moved on or is gone."""
        table, terms = schema.study, schema.search_term
        with writing(self.engine) as db:
            values = {"indexed": version, "scanner": scanner, "labels": labels}
            unmoved = update(table).where(table.c.id == study.id, table.c.state == study.state)
            if not db.execute(unmoved.values(values)).rowcount:
                return False
            db.execute(delete(terms).where(terms.c.study_id == study.id))
            if digests:
                db.execute(insert(terms), [{"digest": each, "study_id": study.id} for each in sorted(digests)])
        return True

    def know_patient(self, study_id: int, before: str, digest: str) -> None:
        """The study's patient under the present key, unless an object that came meanwhile has told it."""
        table = schema.study
        with writing(self.engine) as db:
            same = update(table).where(table.c.id == study_id, table.c.patient_digest == before)
            db.execute(same.values(patient_digest=digest))
