"""Withdraws results that were delivered: a rejection note goes wherever they went (IHE IOCM)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from dicom_io.headers.read import read_series_headers
from node.hosts import images_here, require_results_here
from node.identity import this_device
from node.jobs import JobKind, JobState
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import EncodedObject, StudyDetail
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


def withdraw(
    settings: Settings, archive: Archive, ledger: Ledger, uid: str, reason: WithdrawalReason
) -> tuple[str, ...]:
    """Write the note for the newest results of a study, and queue it for everybody who got them.

    Gives the names of those who got them and are not in the settings any more: they must be told by other means.
    Raises LookupError when there are no results, or nobody got them.
    """
    detail = ledger.reading.study(uid)
    if not detail.objects:
        raise LookupError("this study has no results that could be withdrawn")
    receivers = _receivers(detail)
    known = [each for each in receivers if each in settings.result_receivers]
    if not known:
        named = f" but {', '.join(receivers)}, no longer in the settings" if receivers else ""
        raise LookupError(f"nobody got these results{named}; there is nobody to send a rejection note to")
    require_results_here(ledger, archive, uid)
    images = images_here(ledger, archive, uid)
    rejected = [archive.verified(each.path, each.sha256) for each in detail.objects if each.kind != Kind.REJECTION]
    note = _rejection_note(images, rejected, _CODED[reason], settings.storage.root)
    (kept,) = archive.keep_results(uid, detail.study.revision, [note])
    ledger.operator.withdrawn(uid, kept, known, time.time())
    return tuple(each for each in receivers if each not in known)


def _receivers(detail: StudyDetail) -> list[str]:
    """Who got the newest results, or is to get them, whatever the settings say today."""
    return list(
        dict.fromkeys(
            job.destination
            for job in detail.jobs
            if job.kind is JobKind.DELIVER and job.revision == detail.study.revision
            if job.state is not JobState.CANCELLED or any(each.kept for each in job.receipts)
        )
    )


def words_untold(names: Sequence[str]) -> str:
    """Who must be told by other means that results were withdrawn; empty when nobody must."""
    return f"Not in the settings any more, tell them yourself: {', '.join(names)}." if names else ""


def _rejection_note(
    images: Sequence[Path], rejected: Sequence[Path], reason: RejectionReason, root: Path
) -> EncodedObject:
    """The note that withdraws these result files of one study."""
    headers = [instance.header for series in read_series_headers(images) for instance in series.instances]
    evidence = Evidence(other=tuple(SourceImage(header) for header in headers))
    objects = [decode(each.read_bytes()) for each in rejected]
    note = retract(objects, evidence, this_device(root), reason)
    return Kind.REJECTION, str(note.SOPClassUID), str(note.SOPInstanceUID), str(note.SeriesInstanceUID), encode(note)
