"""Sends result objects to one destination, the same instances however often, and notes what it answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from dicom_io.network.scu import NOT_SUPPORTED, Answer, PeerUnreachable, RemoteAE, send
from node.crashpoints import crash_point
from node.jobs import Job, JobKind
from node.settings import Destination, Settings
from node.storage.archive import Archive, IntegrityLost
from node.storage.ledger import Ledger, StaleJob
from node.storage.records import KeptObject, ObjectReceipt

log = logging.getLogger(__name__)
LEASE_SECONDS = 900.0
TRY_LATER = frozenset((0xA700, 0xA701, 0xA702, 0x0110, 0x0213))  # out of resources, processing failure: may pass


def deliver_next(settings: Settings, ledger: Ledger, archive: Archive, destination: str | None = None) -> bool:
    """Carry out one due delivery job; False when there is none."""
    job = ledger.claim(JobKind.DELIVER, time.time(), LEASE_SECONDS, destination)
    if job is None:
        return False
    try:
        deliver(job, settings, ledger, archive)
    except StaleJob:
        log.info("delivery dropped: the study has a new revision", extra={"study": job.study_id, "job": job.id})
    return True


def deliver(job: Job, settings: Settings, ledger: Ledger, archive: Archive) -> None:
    """Send the objects of one job; the ledger learns the outcome, whatever it is."""
    known = {each.name: each for each in settings.destinations}
    destination = known.get(job.destination)
    if destination is None:
        reason = f"the destination {job.destination} is no longer in the settings"
        ledger.failed(job, reason, time.time(), retryable=False)
        return
    wanted = [each for each in ledger.objects_of(job) if not destination.kinds or each.kind in destination.kinds]
    receipts: list[ObjectReceipt] = []
    try:
        paths = [archive.verified(each.path, each.sha256) for each in wanted]
        crash_point("deliver.before_send")
        for answer in send(settings.dicom.ae_title, remote(destination), paths):
            receipts.append(ObjectReceipt(answer.sop_instance_uid, answer.status, answer.comment))
        crash_point("deliver.after_status")
    except PeerUnreachable as error:
        ledger.failed(job, str(error), time.time(), retryable=True, receipts=receipts)
        return
    except IntegrityLost as error:
        ledger.failed(job, str(error), time.time(), retryable=False, receipts=receipts)
        return
    conclude(job, wanted, receipts, ledger)
    crash_point("deliver.recorded")


def conclude(job: Job, wanted: Sequence[KeptObject], receipts: Sequence[ObjectReceipt], ledger: Ledger) -> None:
    """Delivered when every object was kept, or is of a class that this destination does not take."""
    refused = [each for each in receipts if not receipt_kept(each) and each.status != NOT_SUPPORTED]
    if not refused and any(receipt_kept(each) for each in receipts):
        ledger.delivered(job, receipts, time.time())
        log.info("delivered", extra={"study": job.study_id, "job": job.id, "objects": len(receipts)})
        return
    statuses = ", ".join(sorted({f"{each.status:04X}" for each in refused or receipts}))
    reason = f"{job.destination} refused {len(refused) or len(receipts)} of {len(wanted)} objects (status {statuses})"
    later = bool(refused) and all(each.status in TRY_LATER for each in refused)
    attempts = None if later else ledger.retry.refusals
    permanent = not refused  # it takes none of our object classes
    ledger.failed(job, reason, time.time(), retryable=not permanent, attempts=attempts, receipts=receipts)


def receipt_kept(receipt: ObjectReceipt) -> bool:
    """Whether the destination has the object."""
    return Answer("", receipt.sop_instance_uid, receipt.status).kept


def remote(destination: Destination) -> RemoteAE:
    """The destination as a peer."""
    return RemoteAE(destination.name, destination.ae_title, destination.host, destination.port)
