"""Sends result objects to a destination, the same instances however often, and records what it answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dicom_io.errors import PeerUnreachable
from dicom_io.network.commitment import new_transaction_uid, request_commitment
from dicom_io.network.dimse import NOT_SUPPORTED
from dicom_io.network.scu import StoreResponse, send
from dicom_io.network.stow import WebService, store_over_web
from node.audit import AuditEvent
from node.crashpoints import crash_point
from node.errors import NodeError
from node.jobs import NOBODY, Job, JobKind, NodePart
from node.reasons import Reason, ReasonCode
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive, IntegrityLost
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import KeptObject, ObjectReceipt

log = logging.getLogger(__name__)
_LEASE_SECONDS = 900.0
_REQUEST_SECONDS = 30.0  # after a crash before the peer has taken the request, it is repeated this soon
COMMITMENT_PATIENCE_SECONDS = 600.0  # archives may report minutes later; after that we send and request again
_REPORTS = frozenset(("report", "region"))
TRY_LATER = frozenset((0x0110, 0x0213, *range(0xA700, 0xA800)))  # processing failure, out of resources: may pass


class _DeliveryRefused(NodeError):
    """The destination answered, and did not accept the objects."""


@dataclass(frozen=True, slots=True)
class DeliveryClient:
    """Delivers to one destination."""

    calling_ae_title: str
    destination: Destination
    ledger: Ledger
    archive: Archive
    me: NodePart = NOBODY

    def deliver_next(self) -> bool:
        """Carry out one due job; False when there is none. The ledger learns the outcome, whatever it is."""
        job = self.ledger.jobs.claim(JobKind.DELIVER, time.time(), _LEASE_SECONDS, self.destination.name, self.me)
        if job is None:
            return False
        receipts: list[ObjectReceipt] = []
        try:
            self.deliver(job, receipts)
        except StaleJob:
            log.info("delivery dropped: the study has a new revision", extra={"study": job.study_id, "job": job.id})
        except _DeliveryRefused as reason:
            later = any(each.status in TRY_LATER for each in receipts)
            attempts = None if later else self.ledger.jobs.retry.refusals
            self.fail(job, Reason(ReasonCode.PEER_REFUSED, str(reason)), receipts, attempts=attempts)
        except PeerUnreachable as reason:
            self.fail(job, Reason(ReasonCode.PEER_UNREACHABLE, str(reason)), receipts, attempts=None)
        except IntegrityLost as reason:
            self.ledger.audit.record(AuditEvent.INTEGRITY_LOST, time.time(), str(reason), job.study_instance_uid)
            self.fail(job, Reason(ReasonCode.INTEGRITY_LOST, str(reason)), receipts, attempts=1)
        return True

    def deliver(self, job: Job, receipts: list[ObjectReceipt]) -> None:
        """Send what this destination wants; receipts are filled as responses come."""
        kinds = self.destination.kinds
        wanted = [each for each in self.ledger.deliveries.objects_of(job) if not kinds or each.kind in kinds]
        paths = [self.archive.verified(each.path, each.sha256) for each in wanted]
        crash_point("deliver.before_send")
        for answer in self.send(paths):
            receipts.append(ObjectReceipt(answer.sop_instance_uid, answer.status, answer.comment))
        crash_point("deliver.after_status")
        kept = _require_kept([*wanted, *self.send_older_reports(wanted, receipts)], receipts)
        if self.destination.commitment:
            self.request_storage_commitment(job, kept, receipts)
        else:
            self.ledger.deliveries.delivered(job, receipts, time.time())
        crash_point("deliver.recorded")
        log.info("delivered", extra={"study": job.study_id, "job": job.id, "objects": len(kept)})

    def send(self, paths: Sequence[Path]) -> Iterator[StoreResponse]:
        """Send files by C-STORE or STOW-RS, and give each response; raises PeerUnreachable."""
        to = self.destination
        if not to.web:
            return send(self.calling_ae_title, to, paths)
        return store_over_web(WebService(to.name, to.web, to.web_token, to.authorities), paths)

    def send_older_reports(self, wanted: Sequence[KeptObject], receipts: list[ObjectReceipt]) -> list[KeptObject]:
        """Reports whose SR class the destination does not know, in older classes; those that were tried."""
        unknown = {each.sop_instance_uid for each in receipts if each.status == NOT_SUPPORTED}
        refused = [each for each in wanted if each.kind in _REPORTS and each.sop_instance_uid in unknown]
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
        transaction, uids = new_transaction_uid(), [each.sop_instance_uid for each in kept]
        self.ledger.deliveries.commitment_requested(job, transaction, receipts, time.time(), _REQUEST_SECONDS)
        crash_point("commit.requested")
        pairs = [(each.sop_class_uid, each.sop_instance_uid) for each in kept]
        try:
            report = request_commitment(self.calling_ae_title, self.destination, transaction, pairs)
        except PeerUnreachable as error:
            log.warning("storage commitment could not be requested: %s", error, extra={"job": job.id})
            self.ledger.deliveries.commitment_answered(transaction, (), uids, time.time())
            return
        if report is None:
            self.ledger.deliveries.commitment_awaited(job, time.time() + COMMITMENT_PATIENCE_SECONDS)
        else:
            self.ledger.deliveries.commitment_answered(
                report.transaction_uid, report.committed, report.failed, time.time()
            )

    def fail(self, job: Job, reason: Reason, receipts: Sequence[ObjectReceipt], attempts: int | None) -> None:
        """Record a failed attempt; None attempts: it is retried indefinitely."""
        log.warning("delivery failed: %s", reason, extra={"study": job.study_id, "job": job.id})
        self.ledger.jobs.failed(job, reason, time.time(), attempts=attempts, receipts=receipts)


def delivery_clients(
    settings: Settings, ledger: Ledger, archive: Archive, me: NodePart = NOBODY
) -> list[DeliveryClient]:
    """One for each destination, so that one that is down blocks no other."""
    return [DeliveryClient(settings.dicom.ae_title, each, ledger, archive, me) for each in settings.destinations]


def _require_kept(wanted: Sequence[KeptObject], receipts: Sequence[ObjectReceipt]) -> list[KeptObject]:
    """The objects that the destination has; raises _DeliveryRefused when it rejected one that it could have taken.

    An object of a class that it does not support is left out: the rest is of use without it.
    """
    refused = [each for each in receipts if not each.kept and each.status != NOT_SUPPORTED]
    kept = {each.sop_instance_uid for each in receipts if each.kept}
    if refused or not kept:
        statuses = ", ".join(sorted({f"{each.status:04X}" for each in refused or receipts}))
        raise _DeliveryRefused(
            f"{len(refused) or len(receipts)} of {len(wanted)} objects were refused (status {statuses})"
        )
    return [each for each in wanted if each.sop_instance_uid in kept]
