"""The storage SCP behind the acceptor: who may send, where instances go, and storage commitment in both directions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from dicom_io.encoding.part10 import InstanceFile
from dicom_io.errors import NotAnInstance
from dicom_io.network.commitment import (
    MOST_REFERENCES,
    REQUEST_COMMITMENT,
    BadReport,
    CommitmentReport,
    TooManyReferences,
    decode_report,
    decode_request,
    encode_report,
)
from dicom_io.network.dimse import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORIZED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
    Command,
    CommandElement,
    CommandField,
)
from dicom_io.network.service import (
    ADDRESS_HAS_TOO_MANY,
    ADDRESS_UNKNOWN,
    ALL_SLOTS_TAKEN,
    CALLED_UNKNOWN,
    CALLER_HAS_TOO_MANY,
    CALLING_UNKNOWN,
    CERTIFICATE_OF_ANOTHER,
    DRAINING,
    AssociationRejection,
    DimseResponse,
    InstanceRefused,
    Peer,
    StoreRequest,
)
from node.admission import Admission
from node.audit import AuditEvent
from node.crashpoints import crash_point
from node.reasons import REJECTION_CODES, ReasonCode
from node.service.audit_writer import AuditWriter, fields_of
from node.service.group_commit import GroupCommit
from node.service.open_senders import OpenSenders
from node.settings import Settings
from node.storage.archive import RESERVE_FILES, Archive, IntegrityLost, is_full
from node.storage.database import LedgerUnavailable
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoreOutcome
from node.watching.return_listener import record_report

log = logging.getLogger(__name__)
NO_SUCH_ACTION = 0x0123
DUPLICATE_SOP_INSTANCE = 0x0111  # PS3.7 annex C.4.5
_MIB = 1024 * 1024
_TO_ALLOW = {  # the settings, or the command, behind a rejection
    CALLING_UNKNOWN: "dicom.callers",
    ADDRESS_UNKNOWN: "dicom.networks",
    CERTIFICATE_OF_ANOTHER: "dicom.certificates",
    ADDRESS_HAS_TOO_MANY: "dicom.associations_per_address",
    CALLED_UNKNOWN: "dicom.check_called_ae_title",
    ALL_SLOTS_TAKEN: "dicom.associations",
    CALLER_HAS_TOO_MANY: "dicom.associations_per_caller",
    DRAINING: "mome-node queue resume",
}


_Told = Sequence[AuditWriter | OpenSenders]
"""Who learns of every instance that is kept."""


class IncomingInstance:
    """One instance on its way from the socket to the archive."""

    def __init__(
        self, file: InstanceFile, peer: Peer, group_commit: GroupCommit, told: _Told, largest_bytes: int
    ) -> None:
        self.file = file
        self.told = told
        self.peer = peer
        self.group_commit = group_commit
        self.largest_bytes = largest_bytes
        group_commit.expect(file)

    def write(self, fragment: memoryview) -> None:
        """The next bytes; refused beyond the largest size that the site keeps."""
        if self.file.size + len(fragment) > self.largest_bytes:
            raise InstanceRefused(OUT_OF_RESOURCES, "the object is larger than this node keeps")
        self.file.write(fragment)

    def require_study(self, study_instance_uid: str) -> None:
        """Refuse it at its end if it belongs to another study."""
        self.file.study_instance_uid = study_instance_uid

    def finish(self) -> int:
        """Success once the instance is durable, or was already there with the same content."""
        crash_point("store.tmp_written")
        try:
            received, verdict = self.group_commit.store(self.file, self.peer)
        except NotAnInstance as error:
            raise InstanceRefused(CANNOT_UNDERSTAND, str(error)) from None
        if verdict is StoreOutcome.CONFLICT:
            raise InstanceRefused(DUPLICATE_SOP_INSTANCE, "this UID is stored with other content; both are kept")
        for each in self.told:
            each.stored(self.peer, received.study_instance_uid)
        crash_point("store.before_response")
        return SUCCESS

    def discard(self) -> None:
        """Remove what has arrived."""
        self.group_commit.forget(self.file)
        self.file.discard()


class StorageService:
    """The storage SCP behind the acceptor: who may send, and where instances go."""

    def __init__(self, settings: Settings, archive: Archive, ledger: Ledger, group_commit: GroupCommit) -> None:
        self.ledger = ledger
        self.archive = archive
        self.group_commit = group_commit
        self.audit_writer = AuditWriter(ledger)
        self.senders = OpenSenders(settings.node_name, HealthStore(ledger.engine))
        self.draining = False
        self.verifying = threading.Lock()
        self.work_by(settings)

    def work_by(self, settings: Settings) -> None:
        """Decide by these settings from the next association on; raises NotReady, changing nothing."""
        further = [each.ae_title for each in settings.ae_titles]
        self.admission = Admission(settings.dicom, settings.destinations, further)
        self.dicom = settings.dicom
        self.reserve_bytes, self.reserve_files = settings.storage.reserve_mib * _MIB, RESERVE_FILES

    def rejected(self, peer: Peer, why: AssociationRejection) -> None:
        """Log and audit a rejected association, with the settings that would allow it."""
        log.warning(
            "association rejected: %s",
            why.words,
            extra={
                "calling_ae_title": peer.calling_ae_title,
                "called_ae_title": peer.called_ae_title,
                "address": peer.address,
                "to_allow": _TO_ALLOW[why],
            },
        )
        who = f"{peer.calling_ae_title} called {peer.called_ae_title} from " if peer.calling_ae_title else ""
        words = f"{why.words}: {who}{peer.address}"
        fields = replace(fields_of(peer), reason=REJECTION_CODES[why])
        self.audit_writer.alert(AuditEvent.REJECTED, words, fields, self.destination_of(peer))

    def destination_of(self, peer: Peer) -> str:
        """The AE title of the peer if it is that of a destination, else nothing."""
        return peer.calling_ae_title if peer.calling_ae_title in self.admission.destinations else ""

    def allows(self, address: str) -> bool:
        """Whether the settings let this address in, or it is this machine."""
        return self.admission.allows_connection(address)

    def admit(self, peer: Peer) -> AssociationRejection | None:
        """The reason to reject this peer, if there is one."""
        if self.draining and not self.destination_of(peer):  # a destination's report ends a delivery that is in hand
            return DRAINING
        return self.admission.refusal(peer)

    def open(self, peer: Peer, request: StoreRequest) -> IncomingInstance:
        """A file for the instance; refused to who may not send, and while the disk still has room for the database."""
        if not self.admission.may_store(peer, request.move_originator):
            words = f"instance refused: {peer.calling_ae_title} at {peer.address} may report to us, and is no caller"
            extra = {"calling_ae_title": peer.calling_ae_title, "to_allow": "dicom.callers"}
            log.warning("instance refused: a destination is no caller", extra=extra)
            fields = replace(fields_of(peer), reason=ReasonCode.NOT_A_CALLER)
            self.audit_writer.alert(AuditEvent.REJECTED, words, fields, self.destination_of(peer))
            raise InstanceRefused(NOT_AUTHORIZED, "this AE title is none of dicom.callers")
        if self.draining and self.destination_of(peer):
            raise InstanceRefused(OUT_OF_RESOURCES, "this node is being drained; try again later")
        return self.keep(peer, request)

    def keep(self, peer: Peer, request: StoreRequest) -> IncomingInstance:
        """A file for an instance of somebody who may send; refused while the disk still has room for the database."""
        if is_full(self.archive.root, self.reserve_bytes, self.reserve_files):
            raise InstanceRefused(OUT_OF_RESOURCES, "the disk is nearly full")
        names = (request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid)
        file, told = InstanceFile(self.archive.temporary_path(), *names), (self.audit_writer, self.senders)
        return IncomingInstance(file, peer, self.group_commit, told, self.dicom.max_object_mib * _MIB)

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> DimseResponse:
        """Storage commitment: a peer reports the commitment of our results, or requests it for what it sent."""
        try:
            if command[CommandElement.COMMAND_FIELD] == CommandField.N_EVENT_REPORT_RQ:
                return self.record_report(peer, decode_report(data_set, transfer_syntax_uid))
            if command.get(CommandElement.ACTION_TYPE_ID) != REQUEST_COMMITMENT:
                return DimseResponse(NO_SUCH_ACTION)
            transaction, requested = decode_request(data_set, transfer_syntax_uid)
        except TooManyReferences:
            words = f"at most {MOST_REFERENCES} instances in one request; ask in parts"
            return DimseResponse(RESOURCE_LIMITATION, comment=words)
        except (BadReport, LedgerUnavailable):
            return DimseResponse(PROCESSING_FAILURE)

        def report() -> tuple[Command, bytes]:
            with self.verifying:  # one request at a time reads files and computes their digests
                return encode_report(transaction, requested, self.held(requested), transfer_syntax_uid)

        return DimseResponse(SUCCESS, follow_up=report)

    def record_report(self, peer: Peer, result: CommitmentReport) -> DimseResponse:
        """Record a commitment report of the destination that was asked, for an open transaction; refuse any other."""
        if not record_report(peer, result, self.admission, self.ledger, time.time()):
            log.warning("unsolicited storage commitment report", extra={"address": peer.address})
            words = f"{peer.calling_ae_title} at {peer.address}"
            self.audit_writer.alert(AuditEvent.FORGED_REPORT, words, fields_of(peer), self.destination_of(peer))
            return DimseResponse(PROCESSING_FAILURE)
        crash_point("commit.recorded")
        return DimseResponse(SUCCESS)

    def held(self, requested: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those (SOP class, SOP instance) pairs whose file is on this host, with the content that was received."""
        held = set()
        try:
            found = self.ledger.reading.find_instances([uid for _, uid in requested], self.archive.uuid)
        except LedgerUnavailable as error:
            log.error("storage commitment is refused for now: %s", error)
            found = []
        for stored in found:
            try:
                self.archive.verified(stored.path, stored.sha256)
            except IntegrityLost as error:
                self.audit_writer.alert(AuditEvent.INTEGRITY_LOST, str(error))
                continue
            held.add((stored.sop_class_uid, stored.sop_instance_uid))
        return held

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """Audit what came, and log how the association ended, if it did not simply end."""
        if peer is not None:
            self.audit_writer.ended(peer)
            self.senders.ended(peer)
        if why:
            caller = peer.calling_ae_title if peer else ""
            log.info("association ended: %s", why, extra={"calling_ae_title": caller, "address": address})
