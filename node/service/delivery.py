"""Sends result objects to a destination, the same instances however often, and records what it answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.commitment import new_transaction_uid, request_commitment
from dicom_io.network.dimse import NOT_SUPPORTED
from dicom_io.network.scu import StoreResponse, send
from dicom_io.network.stow import store_over_web
from node.admission import Admission
from node.audit import AuditEvent
from node.crashpoints import crash_point
from node.dicom_settings import DicomSettings
from node.errors import NodeError
from node.jobs import NOBODY, Job, JobKind, NodePart
from node.reasons import Reason, ReasonCode
from node.remedies import reason_for, refusal_remedy, status_words
from node.service.lease import LEASE_SECONDS, kept_lease
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive, IntegrityLost
from node.storage.destination_history import DestinationHistory
from node.storage.ledger.deliveries import COMMITMENT_AWAITED
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import REPORT_KIND, KeptObject, ObjectReceipt
from node.watching.destinations import web_service_of
from node.watching.return_path import awaited_words, no_commitment_words, turned_away_by_us

log = logging.getLogger(__name__)
_REQUEST_SECONDS = 30.0  # after a crash before the peer has taken the request, it is repeated this soon
COMMITMENT_PATIENCE_SECONDS = 600.0  # archives may report minutes later; after that we request again
TRY_LATER = frozenset((0x0110, 0x0213, *range(0xA700, 0xA800)))  # processing failure, out of resources: may pass


class _DeliveryRefused(NodeError):
    """The destination answered, and did not accept the objects; `full`: for want of room, which may pass."""

    def __init__(self, words: str, *, full: bool) -> None:
        super().__init__(words)
        self.full = full


@dataclass(frozen=True, slots=True)
class DeliveryClient:
    """Delivers to one destination; `here`: how it finds its way back to us."""

    here: DicomSettings
    destination: Destination
    ledger: Ledger
    archive: Archive
    me: NodePart = NOBODY

    def deliver_next(self) -> bool:
        """Carry out one due job; False when there is none. The ledger learns the outcome, whatever it is."""
        job = self.ledger.jobs.claim(JobKind.DELIVER, time.time(), LEASE_SECONDS, self.destination.name, self.me)
        if job is None:
            return False
        receipts: list[ObjectReceipt] = []
        try:
            with kept_lease(self.ledger, job):
                self.deliver(job, receipts)
        except StaleJob:
            log.info("delivery dropped: the study has a new revision", extra={"study": job.study_id, "job": job.id})
        except _DeliveryRefused as refusal:
            code = ReasonCode.PEER_FULL if refusal.full else ReasonCode.PEER_REFUSED
            attempts = None if refusal.full else self.ledger.jobs.retry.refusals
            self.fail(job, Reason(code, str(refusal)), receipts, attempts=attempts)
        except PeerUnreachable as error:
            self.fail(job, reason_for(error, self.destination, self.here.ae_title), receipts, attempts=None)
        except IntegrityLost as reason:
            self.ledger.audit.record(AuditEvent.INTEGRITY_LOST, time.time(), str(reason), job.study_instance_uid)
            self.fail(job, Reason(ReasonCode.INTEGRITY_LOST, str(reason)), receipts, attempts=1)
        return True

    def deliver(self, job: Job, receipts: list[ObjectReceipt]) -> None:
        """Send what this destination wants; receipts are filled as responses come."""
        kinds = self.destination.kinds
        wanted = [each for each in self.ledger.deliveries.objects_of(job) if not kinds or each.kind in kinds]
        kept = self.kept_before(job, wanted) or self.send_all(wanted, receipts)
        if self.destination.commitment:
            self.request_storage_commitment(job, kept, receipts)
            log.info("sent; commitment requested", extra={"study": job.study_id, "job": job.id, "objects": len(kept)})
        else:
            self.ledger.deliveries.delivered(job, receipts, time.time())
            log.info("delivered", extra={"study": job.study_id, "job": job.id, "objects": len(kept)})
        crash_point("deliver.recorded")

    def kept_before(self, job: Job, wanted: Sequence[KeptObject]) -> list[KeptObject]:
        """What the destination took in an earlier attempt, where only its commitment is missing: it is not sent again.

        Empty when something else was sent in place of one of the objects (a report in an older class).
        """
        taken = self.ledger.deliveries.taken_before(job) if job.sent else frozenset()
        found = [each for each in wanted if each.sop_instance_uid in taken]
        return found if len(found) == len(taken) else []

    def send_all(self, wanted: Sequence[KeptObject], receipts: list[ObjectReceipt]) -> list[KeptObject]:
        """Send every object; gives those that the destination has taken. Raises _DeliveryRefused, PeerUnreachable."""
        paths = [self.archive.verified(each.path, each.sha256) for each in wanted]
        crash_point("deliver.before_send")
        for answer in self.send(paths):
            receipts.append(ObjectReceipt(answer.sop_instance_uid, answer.status, answer.comment))
        crash_point("deliver.after_status")
        return self.require_kept([*wanted, *self.send_older_reports(wanted, receipts)], receipts)

    def require_kept(self, wanted: Sequence[KeptObject], receipts: Sequence[ObjectReceipt]) -> list[KeptObject]:
        """The objects that the destination has; raises _DeliveryRefused when it rejected one it could have taken.

        An object of a class that it does not support is left out: the rest is of use without it.
        """
        refused = [each for each in receipts if not each.kept and each.status != NOT_SUPPORTED]
        kept = {each.sop_instance_uid for each in receipts if each.kept}
        if not refused and kept:
            return [each for each in wanted if each.sop_instance_uid in kept]
        statuses = {each.status for each in refused or receipts}
        shown = ", ".join(status_words(each) for each in sorted(statuses))
        full = bool(statuses & TRY_LATER)
        remedy = refusal_remedy(self.destination, full=full, classes=not refused)
        words = f"{self.destination.name} refused {len(refused) or len(receipts)} of {len(wanted)} objects ({shown})"
        raise _DeliveryRefused(f"{words}; {remedy}", full=full)

    def send(self, paths: Sequence[Path]) -> Iterator[StoreResponse]:
        """Send files by C-STORE or STOW-RS, and give each response; raises PeerUnreachable."""
        to = self.destination
        if not to.web:
            return send(self.here.ae_title, to, paths)
        return store_over_web(web_service_of(to), paths)

    def send_older_reports(self, wanted: Sequence[KeptObject], receipts: list[ObjectReceipt]) -> list[KeptObject]:
        """Reports whose SR class the destination does not know, in older classes; those that were tried."""
        unknown = {each.sop_instance_uid for each in receipts if each.status == NOT_SUPPORTED}
        refused = [each for each in wanted if each.kind == REPORT_KIND and each.sop_instance_uid in unknown]
        return [tried for report in refused for tried in self.send_older(report, receipts)]

    def send_older(self, report: KeptObject, receipts: list[ObjectReceipt]) -> Iterator[KeptObject]:
        """A report in one older class after the other, until the destination knows one."""
        from sr_templates.objects.report import in_older_classes  # loads highdicom, for such a destination only

        for sop_class, sop_instance, content in in_older_classes((self.archive.root / report.path).read_bytes()):
            path = self.archive.temporary_path()
            path.write_bytes(content)
            try:
                (answer,) = self.send([path])
            finally:
                path.unlink(missing_ok=True)
            receipts.append(ObjectReceipt(answer.sop_instance_uid, answer.status, answer.comment))
            yield replace(report, sop_class_uid=sop_class, sop_instance_uid=sop_instance)
            if answer.status != NOT_SUPPORTED:
                return

    def request_storage_commitment(
        self, job: Job, kept: Sequence[KeptObject], receipts: Sequence[ObjectReceipt]
    ) -> None:
        """The transaction is a row before the peer hears of it: the report may come after a restart."""
        transaction, deliveries, ours = new_transaction_uid(), self.ledger.deliveries, self.here.ae_title
        reason = self.why_not_committed() if job.sent else COMMITMENT_AWAITED
        deliveries.commitment_requested(
            job, transaction, receipts, time.time(), patience_s=_REQUEST_SECONDS, reason=reason
        )
        crash_point("commit.requested")
        pairs = [(each.sop_class_uid, each.sop_instance_uid) for each in kept]
        try:
            report = request_commitment(ours, self.destination, transaction, pairs)
        except PeerUnreachable as error:
            refusal = reason_for(error, self.destination, ours)
            if error.fault is PeerFault.CLASS_REFUSED:
                refusal = Reason(error.fault, no_commitment_words(self.destination))
            log.warning("storage commitment was not requested: %s", refusal, extra={"job": job.id})
            deliveries.commitment_refused(job, transaction, refusal, time.time())
            return
        if report is None:
            deliveries.commitment_awaited(job, time.time() + COMMITMENT_PATIENCE_SECONDS)
        else:
            answers, asked = (report.committed, report.failed), (self.destination.name,)
            deliveries.commitment_answered(report.transaction_uid, *answers, time.time(), by=asked)

    def why_not_committed(self) -> Reason:
        """Why no report on commitment has come: this node turned it away, or nobody called."""
        refused = self.report_turned_away(time.time() - COMMITMENT_PATIENCE_SECONDS)
        if refused is not None:
            return refused
        minutes = COMMITMENT_PATIENCE_SECONDS / 60
        words = f"{self.destination.name} took the objects and has not committed itself within {minutes:g} min"
        return Reason(ReasonCode.COMMITMENT_MISSING, f"{words}; {awaited_words(self.destination, self.here)}")

    def report_turned_away(self, since: float) -> Reason | None:
        """Why this node has turned the destination's report away since then; None when it has not."""
        calls = DestinationHistory(self.ledger.engine).turned_away(since)
        return turned_away_by_us(calls, self.destination, Admission(self.here, [self.destination]))

    def explain_waiting(self, since: float) -> None:
        """Say on deliveries that wait for a report that this node has turned it away since then."""
        if self.destination.commitment and (reason := self.report_turned_away(since)) is not None:
            self.ledger.deliveries.explain_waiting(self.destination.name, reason)

    def fail(self, job: Job, reason: Reason, receipts: Sequence[ObjectReceipt], attempts: int | None) -> None:
        """Record a failed attempt; None attempts: it is retried indefinitely."""
        log.warning("delivery failed: %s", reason, extra={"study": job.study_id, "job": job.id})
        self.ledger.jobs.failed(job, reason, time.time(), attempts=attempts, receipts=receipts)


def delivery_clients(
    settings: Settings, ledger: Ledger, archive: Archive, me: NodePart = NOBODY
) -> list[DeliveryClient]:
    """One for each destination, so that one that is down blocks no other."""
    return [DeliveryClient(settings.dicom, each, ledger, archive, me) for each in settings.destinations]
