"""Withdraws results that were delivered: a rejection note goes wherever they went (IHE IOCM)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from dicom_io.headers.read import read_series_headers
from node.identity import this_device
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import EncodedObject
from sr_templates.build import decode, encode, retract
from sr_templates.dicom.evidence import Evidence, SourceImage
from sr_templates.kinds import Kind
from sr_templates.objects.key_images import RejectionReason


class WithdrawalReason(StrEnum):
    """Why results are withdrawn, in the words of the command line."""

    QUALITY = "quality"
    SAFETY = "safety"
    WRONG_PATIENT = "wrong-patient"


_CODED = {
    WithdrawalReason.QUALITY: RejectionReason.QUALITY,
    WithdrawalReason.SAFETY: RejectionReason.PATIENT_SAFETY,
    WithdrawalReason.WRONG_PATIENT: RejectionReason.WRONG_PATIENT,
}


def withdraw(settings: Settings, archive: Archive, ledger: Ledger, uid: str, reason: WithdrawalReason) -> None:
    """Write the note for the newest results of a study and queue it; raises LookupError when there are none."""
    detail = ledger.reading.study(uid)
    if not detail.objects:
        raise LookupError("this study has no results that could be withdrawn")
    images = [archive.verified(path, sha256) for _, sha256, path in ledger.reading.instances(uid)]
    rejected = [archive.verified(each.path, each.sha256) for each in detail.objects if each.kind != Kind.REJECTION]
    note = _rejection_note(images, rejected, _CODED[reason], settings.storage.root)
    (kept,) = archive.keep_results(uid, detail.study.revision, [note])
    ledger.operator.withdrawn(uid, kept, settings.receivers_of(detail.study.called_ae_title), time.time())


def _rejection_note(
    images: Sequence[Path], rejected: Sequence[Path], reason: RejectionReason, root: Path
) -> EncodedObject:
    """The note that withdraws these result files of one study."""
    headers = [instance.header for series in read_series_headers(images) for instance in series.instances]
    evidence = Evidence(other=tuple(SourceImage(header) for header in headers))
    objects = [decode(each.read_bytes()) for each in rejected]
    note = retract(objects, evidence, this_device(root), reason)
    return Kind.REJECTION, str(note.SOPClassUID), str(note.SOPInstanceUID), str(note.SeriesInstanceUID), encode(note)
