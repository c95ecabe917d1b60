"""Who looked at which patient, and who was refused: one entry of the audit trail for each, once in ten minutes."""

from __future__ import annotations

import threading
import time

from node.audit import AuditEvent, AuditFields
from node.storage.audit_trail import AuditTrail

_AGAIN_SECONDS = 600.0


class PatientAccessLog:
    """Writes who looked at patients; pages renew themselves every few seconds, which is one look."""

    def __init__(self, audit: AuditTrail) -> None:
        self.audit = audit
        self.last: dict[tuple[str, str], float] = {}
        self.lock = threading.Lock()

    def looked_at(self, person: str, study_instance_uid: str) -> None:
        """A person sees one study."""
        if self._is_new(person, study_instance_uid):
            fields = AuditFields(person=person)
            self.audit.record(AuditEvent.ACCESSED, time.time(), person, study_instance_uid, fields)

    def listed(self, person: str, studies: int) -> None:
        """A person sees a list that names so many patients."""
        if studies and self._is_new(person, ""):
            self._searched(person, "worklist", studies)

    def searched(self, person: str, studies: int) -> None:
        """A person looked for something, and found so many studies; what it was is not kept."""
        self._searched(person, "search", studies)

    def refused(self, person: str, address: str, what: str) -> None:
        """A person (empty: a program with a wrong key) asked from this address for what it may not."""
        if self._is_new(f"{person} from {address}", what):
            fields = AuditFields(person=person, address=address)
            words = " ".join(each for each in (person, f"from {address}: {what}") if each)
            self.audit.record(AuditEvent.REFUSED, time.time(), words, fields=fields)

    def _searched(self, person: str, what: str, studies: int) -> None:
        words, fields = f"{person}: {what}, {studies} found", AuditFields(person=person, count=studies)
        self.audit.record(AuditEvent.SEARCHED, time.time(), words, fields=fields)

    def _is_new(self, person: str, what: str) -> bool:
        now = time.monotonic()
        with self.lock:
            for key in [key for key, at in self.last.items() if at < now - _AGAIN_SECONDS]:
                del self.last[key]
            if (person, what) in self.last:
                return False
            self.last[person, what] = now
            return True
