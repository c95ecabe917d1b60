"""The listener process: bytes on disk, then the row in the ledger, then success to the sender. Never loads torch."""

from __future__ import annotations

import gc
import logging
import signal
import ssl
import threading
import time

from dicom_io.network.acceptor import Acceptor, AcceptorLimits
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.tls import TlsFilesUnusable, acceptor_context
from node.audit import AuditEvent
from node.errors import NotReady
from node.service.group_commit import GroupCommit
from node.service.heartbeat import HeartbeatSender
from node.service.storage_service import StorageService
from node.settings import Settings
from node.settings_sections import DicomSettings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)


def run_listener(settings: Settings, heartbeat: HeartbeatSender) -> None:
    """Listen until SIGTERM; instances in flight then get some seconds to finish."""
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    archive.clear_temporary()
    service = StorageService(settings, archive, ledger, GroupCommit(archive, ledger))
    acceptor = open_acceptor(settings.dicom, service)
    heartbeat.associations = lambda: len(acceptor.associations)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=acceptor.stop).start())
    signal.signal(signal.SIGHUP, lambda *_: _renew_tls(acceptor, settings.dicom))
    heartbeat.listening(time.time())
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
    limits = AcceptorLimits(associations=dicom.associations, per_ae_title=dicom.associations_per_caller)
    tls = _tls_of(dicom)
    try:
        return Acceptor(address, acceptor_contexts(), service, limits=limits, tls=tls)
    except OSError as error:
        raise NotReady(f"cannot listen on {address[0]} port {address[1]}: {error.strerror}") from None


def _tls_of(dicom: DicomSettings) -> ssl.SSLContext | None:
    """TLS of incoming associations, None without a certificate; raises NotReady for unusable files."""
    if not dicom.certificate:
        return None
    try:
        return acceptor_context(dicom.certificate, dicom.key, dicom.authorities, dicom.client_certificates)
    except TlsFilesUnusable as error:
        raise NotReady(f"dicom.certificate, key, authorities: {error}") from None


def _renew_tls(acceptor: Acceptor, dicom: DicomSettings) -> None:
    """Read certificate, key and authorities again; connections that are open keep theirs."""
    try:
        acceptor.tls = _tls_of(dicom)
    except NotReady as error:
        log.error("the new certificate is not usable and the old one stays in force: %s", error)
