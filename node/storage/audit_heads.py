"""Heads of the audit trail, noted beside the database, so that a chain which was computed anew is found.

ROOT/audit.heads   a line for each hour in which there were entries: time (UTC), entries so far, digest of the newest

Who can rewrite the database writes a whole new chain; it does not hold the entries whose digests stand here. The same
line goes into the log, from where a site sends it to another machine: that finds who can rewrite this file as well.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from node.audit import AuditBroken, AuditHead
from node.storage.audit_trail import AuditTrail

log = logging.getLogger(__name__)


class AuditHeads:
    """The noted heads of one node."""

    def __init__(self, root: Path) -> None:
        """Those under this storage root."""
        self.file = root / "audit.heads"

    def noted(self) -> tuple[AuditHead, ...]:
        """All of them, oldest first; raises AuditBroken for a line that nobody writes."""
        try:
            return tuple(AuditHead.of(line.split()[-1]) for line in self._whole_lines().splitlines())
        except (ValueError, IndexError):
            raise AuditBroken(f"{self.file} was changed: a line is not a head of the audit trail") from None

    def note(self, trail: AuditTrail, now: float) -> None:
        """Add the newest head, durable when this returns, and tell it to the log."""
        head, noted = trail.head(), self.noted()
        if not head.entries or (noted and noted[-1] == head):
            return
        when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        whole = len(self._whole_lines())
        with os.fdopen(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
            file.truncate(whole)
            file.seek(whole)
            file.write(f"{when} {head}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        log.info("head of the audit trail", extra={"head": str(head)})

    def _whole_lines(self) -> str:
        """What was written to its end: a full disk or a power cut may leave a part of the last line."""
        content = self.file.read_text("latin-1") if self.file.exists() else ""
        return content[: content.rfind("\n") + 1]

    def put_aside(self, now: float) -> None:
        """Begin anew with a new ledger; those of the old one stay, for whoever keeps it."""
        if self.file.exists():
            self.file.rename(self.file.with_name(f"{self.file.name}.before-{int(now)}"))
