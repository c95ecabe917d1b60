"""Workitems that this node has claimed or is about to claim: written before the server hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Engine, and_, insert, select, update

from node.storage import schema
from node.storage.database import LedgerOvertaken, reading, writing


class WorkitemStage(StrEnum):
    """Where a workitem stands for us."""

    CLAIMING = "claiming"  # the server is asked; after a crash it is not known what it answered
    CLAIMED = "claimed"
    ENDED = "ended"  # completed, canceled, or another's


@dataclass(frozen=True, slots=True)
class ClaimedWorkitem:
    """One of them; `progress` in percent is what the server was told last."""

    worklist: str
    uid: str
    transaction_uid: str
    study_instance_uid: str
    stage: WorkitemStage
    progress: int
    claimed_at: float


class Workitems:
    """Rows of workitems."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def begin(self, workitem: ClaimedWorkitem) -> bool:
        """Note that it is about to be claimed; False when it was noted before, here or by another node."""
        try:
            with writing(self.engine) as db:
                db.execute(
                    insert(schema.workitem).values(
                        worklist=workitem.worklist,
                        uid=workitem.uid,
                        transaction_uid=workitem.transaction_uid,
                        study_instance_uid=workitem.study_instance_uid,
                        stage=workitem.stage,
                        progress=workitem.progress,
                        claimed_at=workitem.claimed_at,
                    )
                )
        except LedgerOvertaken:
            return False
        return True

    def open(self, worklist: str) -> list[ClaimedWorkitem]:
        """Those of one server that have not ended, oldest first."""
        table = schema.workitem.c
        ours = select(schema.workitem).where(table.worklist == worklist, table.stage != WorkitemStage.ENDED)
        with reading(self.engine) as db:
            return [
                ClaimedWorkitem(
                    row.worklist,
                    row.uid,
                    row.transaction_uid,
                    row.study_instance_uid,
                    WorkitemStage(row.stage),
                    row.progress,
                    row.claimed_at,
                )
                for row in db.execute(ours.order_by(table.claimed_at, table.uid))
            ]

    def moved(self, workitem: ClaimedWorkitem, stage: WorkitemStage, progress: int) -> None:
        """The server knows it at this stage, with this progress."""
        with writing(self.engine) as db:
            db.execute(update(schema.workitem).where(_this(workitem)).values(stage=stage, progress=progress))


def _this(workitem: ClaimedWorkitem) -> ColumnElement[bool]:
    table = schema.workitem.c
    return and_(table.worklist == workitem.worklist, table.uid == workitem.uid)
