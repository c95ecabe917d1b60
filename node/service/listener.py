"""Receives instances: bytes on disk, then the ledger's row, and only then success to the sender.

Instances of several associations that finish at the same time share one sync of the folders and one commit of the
database (group commit), so that durability costs little. This process never loads torch.
"""

from __future__ import annotations

import gc
import ipaddress
import logging
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Sequence

from dicom_io.encoding.part10 import InstanceFile, NotAnInstance, ReceivedInstance
from dicom_io.network.acceptor import Acceptor, AcceptorLimits
from dicom_io.network.association import (
    ALL_SLOTS_TAKEN,
    CALLED_UNKNOWN,
    CALLER_HAS_TOO_MANY,
    CALLING_UNKNOWN,
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    SUCCESS,
    IncomingRefused,
    Peer,
    Rejection,
    Reply,
)
from dicom_io.network.commitment import (
    REQUEST_COMMITMENT,
    BadReport,
    CommitmentReport,
    decode_report,
    decode_request,
    report,
)
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.dimse import Command, CommandField, Element
from dicom_io.network.tls import TlsFilesUnusable, acceptor_context
from node.audit import AuditEvent
from node.crashpoints import crash_point
from node.errors import NotReady
from node.service.heartbeat import Heartbeat
from node.settings import Dicom, Settings
from node.storage.archive import Archive, IntegrityLost
from node.storage.database import LedgerUnavailable
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoreOutcome

log = logging.getLogger(__name__)
PROCESSING_FAILURE = 0x0110
NO_SUCH_ACTION = 0x0123
DUPLICATE_SOP_INSTANCE = 0x0111  # PS3.7 annex C.4.5
LARGEST_GROUP = 64
LONGEST_WAIT_S = 0.005  # for instances that are arriving; an image takes two to four milliseconds
FRESH_S = 0.01  # an instance that began to arrive longer ago comes slowly: nobody waits for it
MIB = 1024 * 1024
TO_ALLOW = {  # the settings behind a rejection
    CALLING_UNKNOWN: "dicom.callers, dicom.networks",
    CALLED_UNKNOWN: "dicom.check_called_ae_title",
    ALL_SLOTS_TAKEN: "dicom.associations",
    CALLER_HAS_TOO_MANY: "dicom.associations_per_caller",
}


class Pending:
    """An instance that is synced and waits for its name and row; its thread sleeps until it is woken."""

    def __init__(self, received: ReceivedInstance, calling_ae_title: str) -> None:
        self.received = received
        self.calling_ae_title = calling_ae_title
        self.done = False
        self.verdict: StoreOutcome | None = None
        self.asleep = threading.Lock()
        self.asleep.acquire()

    def sleep(self) -> None:
        """Until this one is done, or has to commit what waits."""
        self.asleep.acquire()

    def wake(self) -> None:
        """Let the thread go on; once."""
        self.asleep.release()


class GroupCommit:
    """Names files and writes rows. Who finds nobody at it does so for all that have come meanwhile: group commit.

    Whose file is synced already waits a moment for those that are arriving: with four associations a commit then
    serves several instances, and one association never waits. Nobody is woken before there is something to do.
    """

    def __init__(self, archive: Archive, ledger: Ledger) -> None:
        self.archive = archive
        self.ledger = ledger
        self.arriving: dict[InstanceFile, float] = {}  # since when
        self.waiting: list[Pending] = []
        self.busy = False
        self.lock = threading.Lock()
        self.all_came = threading.Condition(self.lock)

    def expect(self, file: InstanceFile) -> None:
        """An instance begins to arrive; `store` or `forget` follows."""
        with self.lock:
            self.arriving[file] = time.monotonic()

    def forget(self, file: InstanceFile) -> None:
        """It will not be stored."""
        with self.lock:
            self._arrived(file)

    def _arrived(self, file: InstanceFile) -> None:
        self.arriving.pop(file, None)
        if not self.worth_waiting():
            self.all_came.notify()

    def worth_waiting(self) -> bool:
        """Whether an instance is arriving that will soon be here."""
        return any(since > time.monotonic() - FRESH_S for since in self.arriving.values())

    def store(self, file: InstanceFile, calling_ae_title: str) -> tuple[ReceivedInstance, StoreOutcome]:
        """Returns when file and row are durable.

        Raises NotAnInstance, OSError when the file cannot be kept, IncomingRefused when the row cannot.
        """
        received = file.finish()
        crash_point("store.synced")
        pending = Pending(received, calling_ae_title)
        if self.join(file, pending):
            pending.sleep()
        if not pending.done:
            self.commit(self.next_group())
        if pending.verdict is None:
            raise IncomingRefused(OUT_OF_RESOURCES, "the instance could not be stored")
        return received, pending.verdict

    def join(self, file: InstanceFile, pending: Pending) -> bool:
        """Those that wait, with this one; True when another is at the commit."""
        with self.lock:
            self._arrived(file)
            self.waiting.append(pending)
            was_busy, self.busy = self.busy, True
            return was_busy

    def next_group(self) -> list[Pending]:
        """Those that wait, oldest first: the one whose turn it is, and who came meanwhile."""
        with self.lock:
            self.all_came.wait_for(lambda: not self.worth_waiting(), LONGEST_WAIT_S)
            group, self.waiting = self.waiting[:LARGEST_GROUP], self.waiting[LARGEST_GROUP:]
            return group

    def commit(self, group: Sequence[Pending]) -> None:
        """One sync and one transaction for all of them; then it is the turn of the oldest that waits."""
        try:
            stored = self.archive.keep_received([(each.received, each.calling_ae_title) for each in group])
            verdicts = self.ledger.receiving.instances_stored(stored, time.time())
            crash_point("store.row_committed")
            for each, verdict in zip(group, verdicts, strict=True):
                each.verdict = verdict
        except (OSError, LedgerUnavailable) as error:
            log.error("instances refused: %s", type(error).__name__, extra={"count": len(group)})
        except Exception:  # a defect refuses these instances, it must not end reception
            log.exception("instances refused", extra={"count": len(group)})
        finally:
            with self.lock:
                next_in_turn = self.waiting[:1]
                self.busy = bool(next_in_turn)
            for each in group:
                each.done = True
            for each in [*group, *next_in_turn]:
                each.wake()


class IncomingInstance:
    """One instance on its way from the socket to the archive."""

    def __init__(
        self, file: InstanceFile, peer: Peer, group_commit: GroupCommit, audit_writer: AuditWriter, largest_bytes: int
    ) -> None:
        self.file = file
        self.audit_writer = audit_writer
        self.peer = peer
        self.group_commit = group_commit
        self.largest_bytes = largest_bytes
        group_commit.expect(file)

    def write(self, fragment: memoryview) -> None:
        """The next bytes; refused beyond the largest size that the site keeps."""
        if self.file.size + len(fragment) > self.largest_bytes:
            raise IncomingRefused(OUT_OF_RESOURCES, "the object is larger than this node keeps")
        self.file.write(fragment)

    def finish(self) -> int:
        """Success once the instance is durable, or was already there with the same content."""
        crash_point("store.tmp_written")
        try:
            received, verdict = self.group_commit.store(self.file, self.peer.calling_ae_title)
        except NotAnInstance as error:
            raise IncomingRefused(CANNOT_UNDERSTAND, str(error)) from None
        if verdict is StoreOutcome.CONFLICT:
            raise IncomingRefused(DUPLICATE_SOP_INSTANCE, "this UID is stored with other content; both are kept")
        self.audit_writer.stored(self.peer, received.study_instance_uid)
        crash_point("store.before_response")
        return SUCCESS

    def discard(self) -> None:
        """Remove what has arrived."""
        self.group_commit.forget(self.file)
        self.file.discard()


class AuditWriter:
    """Writes what happens on the network into the audit trail; never in the way of reception."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.tallies: dict[Peer, Counter[str]] = {}
        self.lock = threading.Lock()
        self.next_alert = 0.0
        self.unwritten = 0

    def stored(self, peer: Peer, study_instance_uid: str) -> None:
        """Count an instance; one entry for each study follows when the peer's association ends."""
        with self.lock:
            self.tallies.setdefault(peer, Counter())[study_instance_uid] += 1

    def ended(self, peer: Peer) -> None:
        """Write what the peer has sent."""
        with self.lock:
            tally = self.tallies.pop(peer, Counter())
        for study_instance_uid, count in tally.items():
            detail = f"{count} instances from {peer.calling_ae_title} at {peer.address}"
            self.write(AuditEvent.RECEIVED, detail, study_instance_uid)

    def alert(self, event: AuditEvent, detail: str) -> None:
        """A security alert; a flood of them is one entry a second that says how many were left out."""
        with self.lock:
            if time.monotonic() < self.next_alert:
                self.unwritten += 1
                return
            self.next_alert = time.monotonic() + 1.0
            detail += f" ({self.unwritten} alerts before it were not written)" if self.unwritten else ""
            self.unwritten = 0
        self.write(event, detail)

    def write(self, event: AuditEvent, detail: str, study_instance_uid: str | None = None) -> None:
        """One entry; a database that refuses it is logged."""
        try:
            self.ledger.audit.record(event, time.time(), detail, study_instance_uid)
        except LedgerUnavailable as error:
            log.error("an audit entry was lost: %s", error, extra={"audit_event": event})


class StorageService:
    """What stands behind the acceptor: who may send, and where instances go."""

    def __init__(self, settings: Settings, archive: Archive, ledger: Ledger, group_commit: GroupCommit) -> None:
        self.dicom = settings.dicom
        self.destinations = {each.ae_title for each in settings.destinations}
        self.ledger = ledger
        self.networks = networks_of(settings.dicom)
        self.reserve_bytes = settings.storage.reserve_mib * MIB
        self.archive = archive
        self.group_commit = group_commit
        self.audit_writer = AuditWriter(ledger)

    def rejected(self, peer: Peer, why: Rejection) -> None:
        """Log who was turned away, with the way to allow it, and audit it."""
        log.warning(
            "association rejected: %s",
            why.words,
            extra={
                "calling_ae_title": peer.calling_ae_title,
                "called_ae_title": peer.called_ae_title,
                "address": peer.address,
                "to_allow": TO_ALLOW[why],
            },
        )
        words = f"{why.words}: {peer.calling_ae_title} called {peer.called_ae_title} from {peer.address}"
        self.audit_writer.alert(AuditEvent.REJECTED, words)

    def admit(self, peer: Peer) -> Rejection | None:
        """Check called and calling AE title and address; gives the reason to reject this peer, if there is one."""
        if self.networks and not any(ipaddress.ip_address(peer.address) in network for network in self.networks):
            return CALLING_UNKNOWN
        if self.dicom.callers and peer.calling_ae_title not in self.dicom.callers:
            return CALLING_UNKNOWN
        if self.dicom.check_called_ae_title and peer.called_ae_title != self.dicom.ae_title:
            return CALLED_UNKNOWN
        return None

    def open(self, peer: Peer, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> IncomingInstance:
        """A file for the instance; refused while the disk still has room for the database."""
        if self.archive.free_bytes() < self.reserve_bytes:
            raise IncomingRefused(OUT_OF_RESOURCES, "the disk is nearly full")
        file = InstanceFile(self.archive.temporary_path(), sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        return IncomingInstance(file, peer, self.group_commit, self.audit_writer, self.dicom.max_object_mib * MIB)

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> Reply:
        """Storage commitment: a peer reports to us, or asks us to answer for what it sent."""
        try:
            if command[Element.COMMAND_FIELD] == CommandField.N_EVENT_REPORT_RQ:
                return self.take_report(peer, decode_report(data_set, transfer_syntax_uid))
            if command.get(Element.ACTION_TYPE_ID) != REQUEST_COMMITMENT:
                return Reply(NO_SUCH_ACTION)
            transaction, asked = decode_request(data_set, transfer_syntax_uid)
        except (BadReport, LedgerUnavailable):
            return Reply(PROCESSING_FAILURE)
        return Reply(SUCCESS, then=lambda: report(transaction, asked, self.held(asked), transfer_syntax_uid))

    def take_report(self, peer: Peer, told: CommitmentReport) -> Reply:
        """A report from one of our destinations for a transaction that is open; any other is refused."""
        ours = peer.calling_ae_title in self.destinations
        if not ours or not self.ledger.deliveries.commitment_answered(
            told.transaction_uid, told.committed, told.failed, time.time()
        ):
            log.warning("a commitment report that nobody asked for", extra={"address": peer.address})
            self.audit_writer.alert(AuditEvent.FORGED_REPORT, f"{peer.calling_ae_title} at {peer.address}")
            return Reply(PROCESSING_FAILURE)
        crash_point("commit.recorded")
        return Reply(SUCCESS)

    def held(self, asked: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those (SOP class, SOP instance) pairs whose file is here, with the content that was received."""
        held = set()
        try:
            found = self.ledger.reading.find_instances([uid for _, uid in asked])
        except LedgerUnavailable as error:
            log.error("commitment is denied for now: %s", error)
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
        if why:
            caller = peer.calling_ae_title if peer else ""
            log.info("association ended: %s", why, extra={"calling_ae_title": caller, "address": address})


def networks_of(dicom: Dicom) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The allowed networks; raises NotReady for one that is none."""
    try:
        return [ipaddress.ip_network(each, strict=False) for each in dicom.networks]
    except ValueError as error:
        raise NotReady(f"dicom.networks: {error}") from None


def run_listener(settings: Settings, heartbeat: Heartbeat) -> None:
    """Listen until SIGTERM; instances in flight then get some seconds to finish."""
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    archive.clear_temporary()
    group_commit = GroupCommit(archive, ledger)
    reception = StorageService(settings, archive, ledger, group_commit)
    acceptor = open_acceptor(settings, reception)
    heartbeat.associations = lambda: len(acceptor.associations)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=acceptor.stop).start())
    signal.signal(signal.SIGHUP, lambda *_: renew_tls(acceptor, settings.dicom))
    ledger.audit.record(AuditEvent.LISTENING, time.time(), settings.node_name)
    gc.freeze()  # what is here now stays; without this, the collector looks through it again and again
    log.info("listening", extra={"ae_title": settings.dicom.ae_title, "port": acceptor.port})
    acceptor.serve_forever()
    acceptor.stop()
    ledger.audit.record(AuditEvent.STOPPED, time.time(), settings.node_name)


def open_acceptor(settings: Settings, reception: StorageService) -> Acceptor:
    """Bind the port; raises NotReady when it is taken."""
    address = (settings.dicom.host, settings.dicom.port)
    limits = AcceptorLimits(
        associations=settings.dicom.associations, per_ae_title=settings.dicom.associations_per_caller
    )
    tls = tls_of(settings.dicom)
    try:
        return Acceptor(address, acceptor_contexts(), reception, limits=limits, tls=tls)
    except OSError as error:
        raise NotReady(f"cannot listen on {address[0]} port {address[1]}: {error.strerror}") from None


def tls_of(dicom: Dicom) -> ssl.SSLContext | None:
    """What secures the connections of those who call us, None without; raises NotReady for files that are unusable."""
    if not dicom.certificate:
        return None
    try:
        return acceptor_context(dicom.certificate, dicom.key, dicom.authorities, dicom.client_certificates)
    except TlsFilesUnusable as error:
        raise NotReady(f"dicom.certificate, key, authorities: {error}") from None


def renew_tls(acceptor: Acceptor, dicom: Dicom) -> None:
    """Read certificate, key and authorities again; connections that are open keep theirs."""
    try:
        acceptor.tls = tls_of(dicom)
    except NotReady as error:
        log.error("the certificate stays the old one: %s", error)
