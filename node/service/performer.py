"""Performs workitems of UPS-RS worklists (IHE AIW-I): claims those whose study is here, reports, completes, cancels.

The study takes its usual way; a workitem follows it and never hurries it. What the server is told is noted before, so
that a crash in between neither claims twice nor forgets what was claimed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dicom_io.errors import PeerUnreachable
from dicom_io.network.commitment import new_transaction_uid
from dicom_io.network.ups import (
    FinalAttributes,
    UpsClient,
    Workitem,
    WorkitemOutput,
    WorkitemRefused,
    WorkitemState,
    discontinued,
    performed,
    progress_of,
)
from node.crashpoints import crash_point
from node.integration_settings import UpsWorklist
from node.integrations.errors import ReceiverUnreachable
from node.integrations.worklist import worklist_client
from node.jobs import OPEN, JobKind
from node.settings import Settings
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyDetail
from node.storage.workitems import ClaimedWorkitem, Workitems, WorkitemStage

log = logging.getLogger(__name__)
_AT_ONCE = 50
_STEPS: Mapping[StudyState, tuple[int, str]] = {  # how many of the four steps of a study are done, in percent
    StudyState.RECEIVING: (0, "receiving images"),
    StudyState.STABLE: (25, "waiting for analysis"),
    StudyState.ANALYZING: (50, "analysing"),
    StudyState.ANALYZED: (75, "delivering results"),
}
_NO_RESULT = (StudyState.FAILED, StudyState.INELIGIBLE, StudyState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs the workitems of one server; `ae_title`: by which this node claims them."""

    worklist: UpsWorklist
    ae_title: str
    ledger: Ledger
    workitems: Workitems

    @property
    def client(self) -> UpsClient:
        """A client with the token and the certificates of now; raises ReceiverUnreachable for unusable files."""
        return worklist_client(self.worklist, self.ae_title)

    def look(self) -> None:
        """Report on what is claimed, then claim what is scheduled; a server that is away is asked again next time."""
        try:
            for each in self.workitems.open(self.worklist.name):
                self.advance(each)
            for found in self.client.search(WorkitemState.SCHEDULED, self.worklist.match, _AT_ONCE):
                self.consider(found)
        except (PeerUnreachable, ReceiverUnreachable) as error:
            log.warning("the worklist waits: %s", error)

    def consider(self, found: Workitem) -> None:
        """Claim a workitem if its input is one study, and that study is here."""
        if len(found.studies) != 1 or self.study(found.studies[0]) is None:
            return
        stage, now = WorkitemStage.CLAIMING, time.time()
        transaction = new_transaction_uid()
        row = ClaimedWorkitem(self.worklist.name, found.uid, transaction, found.studies[0], stage, -1, now)
        if self.workitems.begin(row):
            crash_point("workitem.noted")
            self.advance(row)

    def advance(self, row: ClaimedWorkitem) -> None:
        """Take one workitem as far as its study is; one that is no longer ours has ended for us."""
        try:
            if row.stage is WorkitemStage.CLAIMING:
                self.claim(row)
                row = replace(row, stage=WorkitemStage.CLAIMED)
            self.report(row)
        except WorkitemRefused as error:
            log.warning("a workitem is no longer ours: %s", error, extra={"worklist": row.worklist})
            self.workitems.moved(row, WorkitemStage.ENDED, row.progress)

    def claim(self, row: ClaimedWorkitem) -> None:
        """Make it ours; after a crash it may be already, which an update shows. Raises WorkitemRefused."""
        try:
            self.client.change_state(row.uid, row.transaction_uid, WorkitemState.IN_PROGRESS)
        except WorkitemRefused:
            self.client.update(row.uid, row.transaction_uid, progress_of(0, "claimed"))
        crash_point("workitem.claimed")
        self.workitems.moved(row, WorkitemStage.CLAIMED, row.progress)
        log.info("workitem claimed", extra={"worklist": row.worklist})

    def report(self, row: ClaimedWorkitem) -> None:
        """Progress while the study is under way; its end when it is done."""
        detail = self.study(row.study_instance_uid)
        if detail is None or detail.study.state in _NO_RESULT:
            words = (detail.study.reason if detail else "") or "the study is no longer here"
            self.end(row, WorkitemState.CANCELED, discontinued(words, time.time()))
        elif _is_done(detail):
            outputs = _outputs_of(detail)
            final = performed(self.ae_title, row.claimed_at, time.time(), outputs)
            final.update(progress_of(100, "results delivered"))
            self.end(row, WorkitemState.COMPLETED, final)
        else:
            percent, words = _STEPS[detail.study.state]
            if percent != row.progress:
                self.client.update(row.uid, row.transaction_uid, progress_of(percent, words))
                self.workitems.moved(row, WorkitemStage.CLAIMED, percent)

    def end(self, row: ClaimedWorkitem, state: WorkitemState, final: FinalAttributes) -> None:
        """Set the final attributes, then the final state; one that has it already was ended before a crash."""
        if self.client.find(row.uid).state is not state:
            self.client.update(row.uid, row.transaction_uid, final)
            self.client.change_state(row.uid, row.transaction_uid, state)
        crash_point("workitem.ended")
        self.workitems.moved(row, WorkitemStage.ENDED, 100)
        log.info("workitem ended", extra={"worklist": row.worklist, "state": str(state)})

    def study(self, study_instance_uid: str) -> StudyDetail | None:
        """The study as the ledger knows it; None when it is not here."""
        try:
            return self.ledger.reading.study(study_instance_uid)
        except LookupError:
            return None


def _outputs_of(detail: StudyDetail) -> list[WorkitemOutput]:
    """The result objects of the newest revision."""
    study = detail.study.study_instance_uid
    return [
        WorkitemOutput(study, each.series_instance_uid, each.sop_class_uid, each.sop_instance_uid)
        for each in detail.objects
    ]


def _is_done(detail: StudyDetail) -> bool:
    """Whether every destination has the results: also where there is none."""
    open_ = any(each.kind is JobKind.DELIVER and each.state in OPEN for each in detail.jobs)
    delivered = detail.study.state is StudyState.DELIVERED
    return delivered or (detail.study.state is StudyState.ANALYZED and not open_)


def performers(settings: Settings, ledger: Ledger) -> list[Performer]:
    """One for each worklist of the settings."""
    workitems = Workitems(ledger.engine)
    ours = settings.dicom.ae_title
    return [Performer(each, ours, ledger, workitems) for each in settings.worklists]
