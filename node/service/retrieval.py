"""Has a PACS send a study, or what is missing of it, to this node: by hand, or because a host has died."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from dicom_io.errors import PeerUnreachable
from dicom_io.network.remote import Remote
from dicom_io.network.retrieve import move_instances, move_study
from node.admission import Admission
from node.errors import NodeError
from node.remedies import reason_for
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.destination_history import DestinationHistory
from node.storage.ledger.ledger import Ledger
from node.watching.return_path import turned_away_by_us


class NotAllSent(NodeError):
    """The PACS answered, and could not send everything; the message says why as far as we know."""


def retrieve(
    settings: Settings,
    ledger: Ledger,
    remote: Remote,
    study_instance_uid: str,
    *,
    instances: Mapping[str, Sequence[str]] | None = None,
    seconds: float = 1800.0,
    progress: Callable[[int, int], None] = lambda done, planned: None,
) -> int:
    """Have a PACS send a study to this node (C-MOVE), which must be serving; gives how many instances it sent.

    Parameters
    ----------
    instances
        Only these, by series; None: all that the PACS has.

    Raises NotAllSent, and PeerUnreachable with the line of the settings to change, where it has one.
    """
    ours, started = settings.dicom.ae_title, time.time()
    try:
        if instances is None:
            moved = move_study(ours, remote, study_instance_uid, destination=ours, seconds=seconds, progress=progress)
        else:
            moved = move_instances(
                ours, remote, study_instance_uid, instances, destination=ours, seconds=seconds, progress=progress
            )
    except PeerUnreachable as error:
        if isinstance(remote, Destination):
            words = reason_for(error, remote, ours).words
            raise PeerUnreachable(words, error.fault, established=error.established) from None
        raise
    if moved.status or moved.failed:
        sent = f"{remote.name} sent {moved.completed} instances, and could not send {moved.failed}"
        why = _why_not_sent(settings, remote, ledger, started)
        raise NotAllSent(f"{sent} (status {moved.status:04X}); {why}")
    return moved.completed


def _why_not_sent(settings: Settings, remote: Remote, ledger: Ledger, since: float) -> str:
    """Why a PACS could not send to us: this node turned it away, or what to look at."""
    if isinstance(remote, Destination):
        calls = DestinationHistory(ledger.engine).turned_away(since)
        refused = turned_away_by_us(calls, remote, Admission(settings.dicom, settings.destinations))
        if refused is not None:
            return refused.words
    ours, port = settings.dicom.ae_title, settings.dicom.port
    return f"does it know {ours} at this machine's address, port {port}, and is the node serving?"
