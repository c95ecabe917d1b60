"""The listener process: bytes on disk, then the row in the ledger, then success to the sender. Never loads torch."""

from __future__ import annotations

import gc
import logging
import signal
import ssl
import threading
import time
from pathlib import Path

from dicom_io.network.acceptor import Acceptor, AcceptorLimits
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.tls import TlsFilesUnusable, acceptor_context
from node.audit import AuditEvent
from node.dicom_settings import DicomSettings
from node.errors import NodeError, NotReady
from node.hosts import open_storage
from node.service.group_commit import GroupCommit
from node.service.heartbeat import HeartbeatSender
from node.service.storage_service import StorageService
from node.settings import Settings, load_settings
from node.storage.holds import HoldKind
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)
_HOLD_SECONDS = 1.0


def run_listener(settings: Settings, config: Path | None, heartbeat: HeartbeatSender) -> None:
    """Listen until SIGTERM; instances in flight then get some seconds to finish. SIGHUP: read the settings again."""
    archive, ledger = open_storage(settings)
    archive.clear_temporary(time.time())
    service = StorageService(settings, archive, ledger, GroupCommit(archive, ledger))
    acceptor = open_acceptor(settings.dicom, service)
    service.senders.start()
    heartbeat.associations = lambda: len(acceptor.associations)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=acceptor.stop).start())
    renewal = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: renewal.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    drain = DrainWatch(ledger, settings.node_name, service, heartbeat)
    if not drain.look():
        heartbeat.listening(time.time())
    for work in (drain.run, lambda: _renew_again(renewal, acceptor, service, config)):
        threading.Thread(target=work, daemon=True).start()
    ledger.audit.record(AuditEvent.LISTENING, time.time(), settings.node_name)
    gc.freeze()  # what is here now stays; without this, the collector looks through it again and again
    log.info("listening", extra={"ae_title": settings.dicom.ae_title, "port": acceptor.port})
    acceptor.serve_forever()
    acceptor.stop()
    heartbeat.listening(None)
    ledger.audit.record(AuditEvent.STOPPED, time.time(), settings.node_name)


def open_acceptor(dicom: DicomSettings, service: StorageService) -> Acceptor:
    """Bind the port; raises NotReady when it is taken."""
    address = (dicom.host, dicom.port)
    tls = _tls_of(dicom)
    try:
        return Acceptor(address, acceptor_contexts(), service, limits=_limits_of(dicom), tls=tls)
    except OSError as error:
        raise NotReady(f"cannot listen on {address[0]} port {address[1]}: {error.strerror}") from None


def _limits_of(dicom: DicomSettings) -> AcceptorLimits:
    """How many associations may be open."""
    return AcceptorLimits(
        associations=dicom.associations,
        per_ae_title=dicom.associations_per_caller,
        per_address=dicom.associations_per_address,
    )


def _tls_of(dicom: DicomSettings) -> ssl.SSLContext | None:
    """TLS of incoming associations, None without a certificate; raises NotReady for unusable files."""
    if not dicom.certificate:
        return None
    try:
        return acceptor_context(dicom.certificate, dicom.key, dicom.authorities, dicom.client_certificates, dicom.crl)
    except TlsFilesUnusable as error:
        raise NotReady(f"dicom.certificate, key, authorities, crl: {error}") from None


def _renew_again(renewal: threading.Event, acceptor: Acceptor, service: StorageService, config: Path | None) -> None:
    """Take over the settings whenever asked to."""
    while True:
        renewal.wait()
        renewal.clear()
        renew(acceptor, service, config)


def renew(acceptor: Acceptor, service: StorageService, config: Path | None) -> None:
    """Read settings and certificates again, for the next associations; open ones and the port stay as they are."""
    try:
        settings = load_settings(config)
        service.work_by(settings)
    except NodeError as error:
        log.error("the settings are not usable and the old ones stay in force: %s", error)
        return
    acceptor.limits = _limits_of(settings.dicom)
    try:
        acceptor.tls = _tls_of(settings.dicom)
    except NotReady as error:
        log.error("the new certificate is not usable and the old one stays in force: %s", error)
    log.info("settings taken over without closing the port")


class DrainWatch:
    """Rejects associations while the operator drains this node, and says in the heartbeats how many are still open."""

    def __init__(self, ledger: Ledger, node: str, service: StorageService, heartbeat: HeartbeatSender) -> None:
        self.ledger, self.node, self.service, self.heartbeat = ledger, node, service, heartbeat

    def run(self) -> None:
        """Look once a second."""
        pause = threading.Event()  # never set, as in HeartbeatSender
        while not pause.wait(_HOLD_SECONDS):
            try:
                self.look()
            except NodeError as error:
                log.warning("it is not known whether this node is to be drained: %s", error)

    def look(self) -> bool:
        """Whether this node is being drained; a change is in force, and only then in the heartbeats, on return.

        Silence does not count while senders are rejected.
        """
        hold = self.ledger.holds.of_node(self.node)
        draining = hold is not None and hold.kind is HoldKind.DRAIN
        if draining is not self.service.draining:
            self.service.draining = draining
            self.heartbeat.listening(None if draining else time.time())
            log.info("associations are rejected: drained" if draining else "associations are accepted again")
        elif draining:
            self.heartbeat.beat()
        return draining
