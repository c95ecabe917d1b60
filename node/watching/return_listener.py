"""Reports of destinations on storage commitment: recorded, and awaited by a listener for the time of a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dicom_io.network.acceptor import Acceptor
from dicom_io.network.commitment import BadReport, CommitmentReport, decode_report
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.dimse import (
    NO_SUCH_OPERATION,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
    Command,
    CommandElement,
    CommandField,
)
from dicom_io.network.service import (
    AssociationRejection,
    DimseResponse,
    InstanceRefused,
    InstanceWriter,
    Peer,
    StoreRequest,
)
from dicom_io.network.tls import TlsFilesUnusable, acceptor_context
from node.admission import Admission
from node.audit import AuditEvent, AuditFields
from node.errors import NotReady
from node.reasons import REJECTION_CODES
from node.settings import Settings
from node.storage.database import LedgerUnavailable
from node.storage.destination_history import DestinationHistory, ReturnedReport
from node.storage.ledger.ledger import Ledger


def record_report(peer: Peer, report: CommitmentReport, admission: Admission, ledger: Ledger, now: float) -> bool:
    """Record a destination's report; False when it was not asked of the destination that goes by this AE title."""
    names = admission.destinations.get(peer.calling_ae_title, frozenset())
    uid, answers = report.transaction_uid, (report.committed, report.failed)
    if ledger.deliveries.commitment_answered(uid, *answers, now, by=names):
        return True
    returned = ReturnedReport(now, peer.calling_ae_title, peer.address)
    return DestinationHistory(ledger.engine).answer_test(uid, returned, names)


class ReportListener:
    """Takes reports on storage commitment and nothing else, while the node itself is not running."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.admission = Admission(settings.dicom, settings.destinations)
        self.ledger = ledger

    def allows(self, address: str) -> bool:
        """As the running node would."""
        return self.admission.allows_connection(address)

    def admit(self, peer: Peer) -> AssociationRejection | None:
        """As the running node would."""
        return self.admission.refusal(peer)

    def rejected(self, peer: Peer, why: AssociationRejection) -> None:
        """Note it where the test looks for it."""
        self._note(AuditEvent.REJECTED, peer, why)

    def open(self, peer: Peer, request: StoreRequest) -> InstanceWriter:
        """No instance is taken: the sender repeats it when the node runs."""
        raise InstanceRefused(OUT_OF_RESOURCES, "this node is being set up and keeps nothing yet")

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> DimseResponse:
        """Record a report."""
        if command[CommandElement.COMMAND_FIELD] != CommandField.N_EVENT_REPORT_RQ:
            return DimseResponse(NO_SUCH_OPERATION)
        try:
            report = decode_report(data_set, transfer_syntax_uid)
            asked_for = record_report(peer, report, self.admission, self.ledger, time.time())
        except (BadReport, LedgerUnavailable):
            return DimseResponse(PROCESSING_FAILURE)
        if not asked_for:
            self._note(AuditEvent.FORGED_REPORT, peer)
            return DimseResponse(PROCESSING_FAILURE)
        return DimseResponse(SUCCESS)

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """Ends of associations are not recorded."""

    def _note(self, event: AuditEvent, peer: Peer, why: AssociationRejection | None = None) -> None:
        """An audit entry about who was turned away."""
        fields = AuditFields(
            calling_ae_title=peer.calling_ae_title,
            called_ae_title=peer.called_ae_title,
            address=peer.address,
            count=1,
            reason=REJECTION_CODES[why] if why else None,
        )
        self.ledger.audit.record(event, time.time(), f"{peer.calling_ae_title} at {peer.address}", None, fields)


@contextmanager
def listening_for_reports(settings: Settings, ledger: Ledger) -> Iterator[None]:
    """Listen on the node's own port until the block ends; raises NotReady when it is taken or its TLS is unusable."""
    here = settings.dicom
    try:
        tls = None
        if here.certificate:
            tls = acceptor_context(here.certificate, here.key, here.authorities, here.client_certificates, here.crl)
        service = ReportListener(settings, ledger)
        acceptor = Acceptor((here.host, here.port), acceptor_contexts(), service, tls=tls)
    except TlsFilesUnusable as error:
        raise NotReady(f"dicom.certificate, key, authorities: {error}") from None
    except OSError as error:
        raise NotReady(f"cannot listen on {here.host} port {here.port}: {error.strerror}") from None
    thread = threading.Thread(target=acceptor.serve_forever, name="reports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        acceptor.stop(1.0)
        thread.join(10)
