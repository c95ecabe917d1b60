"""Delivers results as messages (HL7, FHIR) by the same jobs, retries and receipts as result objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from dicom_io.errors import NotAnInstance
from node.audit import AuditEvent
from node.crashpoints import crash_point
from node.integration_settings import FhirServer, Hl7Receiver
from node.integrations.content import PreliminaryResult, preliminary_result
from node.integrations.errors import LibraryMissing, NothingToTell, ReceiverRefused, ReceiverUnreachable
from node.integrations.fhir import result_bundle
from node.integrations.fhir_client import FhirClient
from node.integrations.hl7 import control_id, observation_message
from node.integrations.mllp import send_message
from node.jobs import NOBODY, Job, JobKind, NodePart
from node.reasons import Reason, ReasonCode
from node.service.lease import LEASE_SECONDS, kept_lease
from node.settings import Settings
from node.storage.archive import Archive, IntegrityLost
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import ObjectReceipt

log = logging.getLogger(__name__)
_TAKEN = 0x0000
_Tell = Callable[[PreliminaryResult], str]
"""Sends one result; gives what the receiver answered, in a few words. Raises ReceiverUnreachable, ReceiverRefused."""


@dataclass(frozen=True, slots=True)
class MessageClient:
    """Delivers to one receiver of messages."""

    name: str
    tell: _Tell
    ledger: Ledger
    archive: Archive
    me: NodePart = NOBODY

    def deliver_next(self) -> bool:
        """Carry out one due job; False when there is none. The ledger learns the outcome, whatever it is."""
        job = self.ledger.jobs.claim(JobKind.DELIVER, time.time(), LEASE_SECONDS, self.name, self.me)
        if job is None:
            return False
        try:
            with kept_lease(self.ledger, job):
                self.deliver(job)
        except StaleJob:
            log.info("delivery dropped: the study has a new revision", extra={"study": job.study_id, "job": job.id})
        except ReceiverRefused as reason:
            attempts = self.ledger.jobs.retry.refusals if reason.lasting else None
            self.fail(job, Reason(ReasonCode.PEER_REFUSED, str(reason)), attempts=attempts)
        except ReceiverUnreachable as reason:
            self.fail(job, Reason(ReasonCode.PEER_UNREACHABLE, str(reason)), attempts=None)
        except IntegrityLost as reason:
            self.ledger.audit.record(AuditEvent.INTEGRITY_LOST, time.time(), str(reason), job.study_instance_uid)
            self.fail(job, Reason(ReasonCode.INTEGRITY_LOST, str(reason)), attempts=1)
        except LibraryMissing as reason:  # whoever installs it need not send anything again
            self.fail(job, Reason(ReasonCode.MESSAGE_IMPOSSIBLE, str(reason)), attempts=None)
        except (NothingToTell, NotAnInstance) as reason:
            self.fail(job, Reason(ReasonCode.MESSAGE_IMPOSSIBLE, str(reason)), attempts=1)
        return True

    def deliver(self, job: Job) -> None:
        """Tell the receiver of the result; the receipt is about the report, whose identifiers the message carries."""
        result = preliminary_result(job, self.ledger, self.archive)
        crash_point("message.before_send")
        answer = self.tell(result)
        crash_point("message.sent")
        receipt = ObjectReceipt(result.report.sop_instance_uid, _TAKEN, answer)
        self.ledger.deliveries.delivered(job, [receipt], time.time())
        log.info("result told", extra={"study": job.study_id, "job": job.id, "receiver": self.name})

    def fail(self, job: Job, reason: Reason, attempts: int | None) -> None:
        """Record a failed attempt; None attempts: it is retried indefinitely."""
        log.warning("delivery failed: %s", reason, extra={"study": job.study_id, "job": job.id})
        self.ledger.jobs.failed(job, reason, time.time(), attempts=attempts)


def message_clients(settings: Settings, ledger: Ledger, archive: Archive, me: NodePart = NOBODY) -> list[MessageClient]:
    """One for each receiver of messages in the settings."""
    told = [(each.name, _by_hl7(each)) for each in settings.hl7]
    told += [(each.name, _by_fhir(each, settings.dicom.ae_title)) for each in settings.fhir]
    return [MessageClient(name, tell, ledger, archive, me) for name, tell in told]


def _by_hl7(receiver: Hl7Receiver) -> _Tell:
    """Sends a result as ORU^R01."""

    def tell(result: PreliminaryResult) -> str:
        message = observation_message(receiver, result, time.time())
        acknowledgement = send_message(receiver, message, control_id(receiver.name, result))
        return f"{acknowledgement.code} {acknowledgement.control_id}"

    return tell


def _by_fhir(server: FhirServer, node: str) -> _Tell:
    """Puts a result as DiagnosticReport and Observations."""
    client = FhirClient(server)

    def tell(result: PreliminaryResult) -> str:
        return client.transact(result_bundle(server, node, result))

    return tell
