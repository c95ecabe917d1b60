"""Results that went out for one patient are withdrawn before the study becomes another's. Inside a transaction."""

from __future__ import annotations

from sqlalchemy import Connection, select

from dicom_io.network.dimse import is_kept
from node.errors import NodeError
from node.jobs import UNFINISHED, JobKind, JobState
from node.reasons import ReasonCode
from node.storage import schema
from node.storage.ledger.object_rows import result_objects
from node.storage.records import REJECTION_KIND, StudyRow


class ResultsStand(NodeError):
    """Results of the study are with others under the patient that it has now; the message says how to withdraw them."""


def require_withdrawn(db: Connection, study: StudyRow) -> None:
    """Raise ResultsStand while somebody has the newest results, or is to get them, or the note that withdraws them.

    The note names the images that the study has now, so it can be written only before they are another patient's. A
    delivery that the operator has cancelled is waited for no longer.
    """
    objects = result_objects(db, study.id, study.revision)
    jobs, receipts = schema.job.c, schema.receipt.c
    deliveries = jobs.study_id == study.id, jobs.kind == JobKind.DELIVER, jobs.revision == study.revision
    answers = select(receipts.job_id, receipts.status).join(schema.job, jobs.id == receipts.job_id).where(*deliveries)
    have = {row.job_id for row in db.execute(answers) if is_kept(row.status)}
    rows = db.execute(select(jobs.id, jobs.state, jobs.reason_code).where(*deliveries)).all()
    receivers = [row for row in rows if row.state != JobState.CANCELLED or row.id in have]
    if not any(each.kind == REJECTION_KIND for each in objects):
        if objects and receivers:
            raise ResultsStand(
                "results of this study went out under its present patient; withdraw them first: "
                f"mome-node retract {study.id} --reason wrong-patient"
            )
    elif any(row.state in UNFINISHED or _is_dropped(row.state, row.reason_code) for row in receivers):
        raise ResultsStand(
            "the note that withdraws the results of this study has not reached all who have them; wait for it, repeat "
            f"it (mome-node retract {study.id} --reason wrong-patient), or give up: mome-node queue cancel {study.id}"
        )


def _is_dropped(state: str, code: str) -> bool:
    """Whether a delivery ended without the operator's word."""
    return state == JobState.CANCELLED and code != ReasonCode.CANCELLED
