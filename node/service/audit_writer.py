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
_NEVER_LEFT_OUT = frozenset({AuditEvent.INTEGRITY_LOST, AuditEvent.CONFLICT})
_MOST_FLOODS = 1000  # remembered at a time
_Flood = tuple[AuditEvent, str, str]  # what kind of alert, from which address, about which destination


class AuditWriter:
    """Writes what happens on the network into the audit trail; never in the way of reception."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.tallies: dict[Peer, Counter[str]] = {}
        self.lock = threading.Lock()
        self.next_alert: dict[_Flood, float] = {}
        self.unwritten: Counter[_Flood] = Counter()

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
        """A security alert; a flood of one kind from one address is one entry a second that says how many it is.

        Parameters
        ----------
        about
            A destination of ours, whose alerts no flood of others hides.
        """
        flood, now = (event, fields.address, about), time.monotonic()
        with self.lock:
            if event not in _NEVER_LEFT_OUT and now < self.next_alert.get(flood, 0.0):
                self.unwritten[flood] += 1
                return
            if len(self.next_alert) > _MOST_FLOODS:
                self.forget_past_floods(now)
            self.next_alert[flood] = now + 1.0
            unwritten = self.unwritten.pop(flood, 0)
            detail += f" ({unwritten} alerts before it were not written)" if unwritten else ""
            fields = replace(fields, count=1 + unwritten)
        self.write(event, detail, fields)

    def forget_past_floods(self, now: float) -> None:
        """Remember no flood that is over; what was not written of those is in the log."""
        self.next_alert = {each: until for each, until in self.next_alert.items() if until > now}
        over = [each for each in self.unwritten if each not in self.next_alert]
        if unwritten := sum(self.unwritten.pop(each) for each in over):
            log.warning("alerts were not written, being many at a time", extra={"count": unwritten})

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
