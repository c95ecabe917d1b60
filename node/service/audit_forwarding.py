"""Sends the audit trail to a repository, every entry once and in order, from where it was left."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from dicom_io.labels import Labels, read_labels
from node.audit_messages import AuditSubject, message
from node.crashpoints import crash_point
from node.integrations.errors import ReceiverUnreachable
from node.integrations.syslog import send_frames, syslog_frame
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.audit_forwarding import AuditForwarding, UnsentEntry

log = logging.getLogger(__name__)
_AT_ONCE = 200  # entries on one connection
_LEASE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class AuditForwarder:
    """Sends what the repository of the settings does not have yet.

    The cursor moves after the repository has read the messages. A crash between the two sends some of them twice; none
    is lost, and none overtakes another.
    """

    settings: Settings
    archive: Archive
    forwarding: AuditForwarding

    def forward(self) -> int:
        """Send everything that is unsent; gives how much that was. Raises nothing when the repository is away."""
        node, sent = self.settings.node_name, 0
        while self.forwarding.claim(node, time.time(), _LEASE_SECONDS):
            entries = self.forwarding.unsent(_AT_ONCE)
            if not entries:
                break
            frames = [self.frame(each) for each in entries]
            try:
                send_frames(self.settings.audit_repository, frames)
            except ReceiverUnreachable as error:
                log.warning("the audit trail waits: %s", error, extra={"count": len(entries)})
                self.forwarding.failed(str(error), time.time())
                break
            crash_point("audit.sent")
            self.forwarding.sent(node, entries[-1].number, time.time())
            sent += len(entries)
        return sent

    def frame(self, unsent: UnsentEntry) -> bytes:
        """One entry as the repository gets it."""
        subject = unsent.subject
        if unsent.path:
            subject = audit_subject(self.archive, subject.study_instance_uid, unsent.path)
        entry, here = unsent.entry, self.settings
        return syslog_frame(message(entry, here.dicom.ae_title, subject, here.audit_repository.site), entry.at)


def audit_subject(archive: Archive, study_instance_uid: str, path: str) -> AuditSubject:
    """Whom the entries of a study are about, by one of its files; the patient is left out when that cannot be read."""
    labels = read_labels(archive.root / path) if path else Labels()
    subject = AuditSubject(study_instance_uid)
    if labels == Labels():
        return subject
    return replace(
        subject,
        patient_id=labels.patient_id,
        patient_name=labels.patient_name,
        accession_number=labels.accession_number,
    )
