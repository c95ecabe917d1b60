"""Which model answers, and who decided so: one row for each decision, nothing is ever overwritten.

A promotion puts a model on top of the one before, a rollback takes it off again; the topmost is active. Models are
named by the digest of their bundle's manifest, which the digest of the weights is part of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, and_, insert, not_, select

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.storage import audit_trail as trail
from node.storage import schema
from node.storage.database import reading, writing
from node.storage.ledger.host_rows import image_elsewhere
from node.summary import AnalysisSummary


class Act(StrEnum):
    """What was decided about a model, or about the cases that models are judged by.

    EXAMINATION is written before a candidate is measured, so that one that was cut short counts; EXAMINED holds what it
    found.
    """

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    SHADOWED = "shadow begun"
    UNSHADOWED = "shadow ended"
    LOCKED = "cases locked"
    EXAMINATION = "examination"
    EXAMINED = "examined"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about the model, or about the cases.

    Parameters
    ----------
    digest
        Of the bundle that it chose, or of the cases.
    evidence
        What it rests on, plain values for JSON.
    """

    at: float
    act: Act
    digest: str
    by: str
    evidence: Mapping[str, Any]

    @property
    def before(self) -> str:
        """Digest of the model that a promotion took the place of."""
        return str(self.evidence["before"])

    @property
    def outcome(self) -> str:
        """What an examination found, e.g. "attempt 3: refused"; empty for other decisions."""
        if self.act is not Act.EXAMINED:
            return ""
        attempt = f"attempt {self.evidence['attempt']}" if self.evidence["attempt"] else "not measured"
        return f"{attempt}: {'passed' if self.evidence['passed'] else 'refused'}"


@dataclass(frozen=True, slots=True)
class _Answered:
    """An analysis that the active model has finished."""

    analysis_id: int
    study_instance_uid: str
    revision: int
    summary: AnalysisSummary


@dataclass(frozen=True, slots=True)
class ShadowAnswer:
    """The scores of the shadow model beside those of the active model; `reason`: why the shadow has none."""

    study_instance_uid: str
    at: float
    summary: AnalysisSummary
    probabilities: dict[str, float]
    reason: str


class ModelDecisions:
    """The decisions about models, oldest first, and the scores of shadow models."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def decide(self, act: Act, digest: str, by: str, evidence: Mapping[str, Any], now: float) -> None:
        """Record a decision; it is in force from this moment on."""
        words, fields = f"{by}: {act} {digest[:12]}", AuditFields(person=by)
        entry = AuditEntry(now, None, AuditEvent.MODEL_DECIDED, "", "", 0, words, fields)
        values = {"at": now, "act": act, "digest": digest, "by": by, "evidence": json.dumps(dict(evidence))}
        with writing(self.engine) as db:
            db.execute(insert(schema.model_decision).values(**values))
            trail.append(db, entry)

    def begin_examination(self, candidate: str, locked: str, by: str, now: float) -> int:
        """Record that a candidate is about to be measured on locked cases; the number of this attempt, from 1.

        The number is that of the row: of two examinations at the same time, one is the later attempt.
        """
        self.decide(Act.EXAMINATION, candidate, by, {"locked": locked}, now)
        taken = self.decisions()
        mine = Decision(now, Act.EXAMINATION, candidate, by, {"locked": locked})
        return attempts_before(taken[: len(taken) - taken[::-1].index(mine)], locked)

    def decisions(self) -> list[Decision]:
        """Every decision, oldest first."""
        with reading(self.engine) as db:
            rows = db.execute(select(schema.model_decision).order_by(schema.model_decision.c.id)).all()
        return [Decision(row.at, Act(row.act), row.digest, row.by, json.loads(row.evidence)) for row in rows]

    def unshadowed(self, digest: str, since: float, archive: str = "") -> _Answered | None:
        """The oldest analysis finished since then that this shadow has not seen, of the study's present revision.

        With an archive only of studies whose images lie in it.
        """
        analysis, study, score = schema.analysis, schema.study, schema.shadow_score
        of_shadow = and_(score.c.analysis_id == analysis.c.id, score.c.digest == digest)
        present = and_(study.c.id == analysis.c.study_id, study.c.revision == analysis.c.revision)
        query = (
            select(analysis.c.id, study.c.study_instance_uid, analysis.c.revision, analysis.c.summary)
            .join(study, present)
            .outerjoin(score, of_shadow)
            .where(analysis.c.finished_at >= since, score.c.id.is_(None))
            .order_by(analysis.c.finished_at)
            .limit(1)
        )
        if archive:
            query = query.where(not_(image_elsewhere(study.c.id, archive)))
        with reading(self.engine) as db:
            row = db.execute(query).one_or_none()
        return row and _Answered(
            row.id, row.study_instance_uid, row.revision, AnalysisSummary.from_json(json.loads(row.summary))
        )

    def shadowed(self, analysis_id: int, digest: str, probabilities: dict[str, float], reason: str, now: float) -> None:
        """Record the scores of the shadow, or why it gave none."""
        values = {"analysis_id": analysis_id, "digest": digest, "at": now, "reason": reason}
        with writing(self.engine) as db:
            db.execute(insert(schema.shadow_score).values(probabilities=json.dumps(probabilities), **values))

    def shadow_answers(self, digest: str) -> list[ShadowAnswer]:
        """All scores of this shadow, oldest first."""
        analysis, study, score = schema.analysis, schema.study, schema.shadow_score
        query = (
            select(study.c.study_instance_uid, score.c.at, analysis.c.summary, score.c.probabilities, score.c.reason)
            .join(analysis, analysis.c.id == score.c.analysis_id)
            .join(study, study.c.id == analysis.c.study_id)
            .where(score.c.digest == digest)
            .order_by(score.c.id)
        )
        with reading(self.engine) as db:
            rows = db.execute(query).all()
        return [
            ShadowAnswer(
                row.study_instance_uid,
                row.at,
                AnalysisSummary.from_json(json.loads(row.summary)),
                json.loads(row.probabilities),
                row.reason,
            )
            for row in rows
        ]


def promoted(decisions: Sequence[Decision]) -> list[str]:
    """Digests of the models that lie on top of each other, the active one last; empty before the first promotion."""
    stack: list[str] = []
    for each in decisions:
        if each.act is Act.PROMOTED:
            stack = [*(stack or [each.before]), each.digest]
        elif each.act is Act.ROLLED_BACK:
            stack.pop()
    return stack


def shadow_of(decisions: Sequence[Decision]) -> Decision | None:
    """The decision that began the shadow that is on now."""
    newest = next((each for each in reversed(decisions) if each.act in (Act.SHADOWED, Act.UNSHADOWED)), None)
    return newest if newest is not None and newest.act is Act.SHADOWED else None


def attempts_before(decisions: Sequence[Decision], locked: str) -> int:
    """How often candidates were measured on these locked cases, or on any that share a patient with them.

    Locking cases anew therefore starts no new count, unless every patient of them is new.

    Parameters
    ----------
    locked
        Digest of the cases.
    """
    locks = {each.digest: set(each.evidence.get("patients", ())) for each in decisions if each.act is Act.LOCKED}
    related = {digest for digest, patients in locks.items() if patients & locks.get(locked, set())} | {locked}
    return sum(each.act is Act.EXAMINATION and each.evidence["locked"] in related for each in decisions)


def lock_of(decisions: Sequence[Decision]) -> Decision | None:
    """The decision that says which cases models are judged by now."""
    return next((each for each in reversed(decisions) if each.act is Act.LOCKED), None)
