"""The other studies of a patient that this node has answered."""

from __future__ import annotations

import json

from sqlalchemy import Engine, and_, func, select

from node.patient_digest import Likeness, begins_alike, has_no_id, likeness
from node.storage import schema
from node.storage.database import reading
from node.storage.ledger.transitions import require_study
from node.storage.records import REJECTION_KIND, AnsweredStudy
from node.summary import AnalysisSummary


class PatientHistory:
    """Only where patient ID with issuer is the same, and no name, birth date or sex says otherwise."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def other_studies(self, study_instance_uid: str) -> list[AnsweredStudy]:
        """The answer that stands of each other study of this study's patient; none without a patient ID.

        Left out: results that were withdrawn, and studies in conflict, whose patient is not certain.
        """
        study, analysis, result, kept = schema.study.c, schema.analysis.c, schema.result_object.c, schema.instance.c
        with reading(self.engine) as db:
            ours = require_study(db, study_instance_uid)
            if has_no_id(ours.patient_digest):
                return []
            withdrawn = select(result.id).where(
                result.study_id == study.id, result.revision == study.revision, result.kind == REJECTION_KIND
            )
            arrived = schema.instance.alias().c
            first = select(func.min(arrived.id)).where(arrived.study_id == study.id).scalar_subquery()
            low, high = begins_alike(ours.patient_digest)
            query = (
                select(study.study_instance_uid, study.patient_digest, analysis.summary, kept.path)
                .join(schema.analysis, and_(analysis.study_id == study.id, analysis.revision == study.revision))
                .join(schema.instance, kept.id == first)
                .where(study.patient_digest >= low, study.patient_digest <= high, study.id != ours.id)
                .where(study.conflict.is_(False), ~withdrawn.exists())
                .order_by(study.id)
            )
            return [
                AnsweredStudy(row.study_instance_uid, AnalysisSummary.from_json(json.loads(row.summary)), row.path)
                for row in db.execute(query)
                if likeness(ours.patient_digest, row.patient_digest) in (Likeness.SAME, Likeness.LESS_SAID)
            ]
