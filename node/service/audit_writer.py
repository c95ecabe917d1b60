"""Writes what happens on the network into the audit trail."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import replace

from dicom_io.network.service import Peer
from node.audit import NO_FIELDS, AuditEvent, AuditFields
from node.storage.database import LedgerUnavailable
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)


class AuditWriter:
    """Writes what happens on the network into the audit trail; never in the way of reception."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.tallies: dict[Peer, Counter[str]] = {}
        self.lock = threading.Lock()
        self.next_alert: dict[str, float] = {}
        self.unwritten: Counter[str] = Counter()

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
            self.write(AuditEvent.RECEIVED, detail, replace(fields_of(peer), count=count), study_instance_uid)

    def alert(self, event: AuditEvent, detail: str, fields: AuditFields = NO_FIELDS, about: str = "") -> None:
        """A security alert; a flood of them is one entry a second that says how many were left out.

        Parameters
        ----------
        about
            A destination of ours, whose alerts no flood of others hides.
        """
        with self.lock:
            if time.monotonic() < self.next_alert.get(about, 0.0):
                self.unwritten[about] += 1
                return
            self.next_alert[about] = time.monotonic() + 1.0
            unwritten = self.unwritten.pop(about, 0)
            detail += f" ({unwritten} alerts before it were not written)" if unwritten else ""
            fields = replace(fields, count=1 + unwritten)
        self.write(event, detail, fields)

    def write(self, event: AuditEvent, detail: str, fields: AuditFields, study_instance_uid: str | None = None) -> None:
        """One entry; a database that refuses it is logged."""
        try:
            self.ledger.audit.record(event, time.time(), detail, study_instance_uid, fields)
        except LedgerUnavailable as error:
            log.error("an audit entry was lost: %s", error, extra={"audit_event": event})


def fields_of(peer: Peer) -> AuditFields:
    """The peer as an audit entry names it."""
    return AuditFields(
        calling_ae_title=peer.calling_ae_title, called_ae_title=peer.called_ae_title, address=peer.address
    )
