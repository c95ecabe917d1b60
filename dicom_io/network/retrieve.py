"""C-MOVE: asks an archive to send a study to a listener, which checks it like anything that arrives."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_io.network.dimse import PENDING, Command, CommandElement, CommandField
from dicom_io.network.remote import Remote, Timeouts
from dicom_io.network.requestor import ReceivedMessage, associate

_MODEL = str(StudyRootQueryRetrieveInformationModelMove)


@dataclass(frozen=True, slots=True)
class _MoveResult:
    """What an archive says it has sent.

    Parameters
    ----------
    status
        0 when everything arrived (PS3.4 C.4.2.1.5).
    completed, failed
        Number of instances.
    """

    status: int
    completed: int
    failed: int


def move_study(
    calling_ae_title: str,
    remote: Remote,
    study_instance_uid: str,
    *,
    destination: str,
    seconds: float = 1800.0,
    progress: Callable[[int, int], None] = lambda done, planned: None,
) -> _MoveResult:
    """Ask for every instance of a study; returns when the archive is done.

    Parameters
    ----------
    destination
        AE title to send to; the archive must know its address.
    seconds
        Time after which the association is aborted, even while the archive still reports progress.
    progress
        Called with (sent, to be sent) as the archive reports.

    Raises PeerUnreachable when it does not answer in time.
    """
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", study_instance_uid
    command: Command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: _MODEL,
        CommandElement.COMMAND_FIELD: int(CommandField.C_MOVE_RQ),
        CommandElement.PRIORITY: 0,
        CommandElement.MOVE_DESTINATION: destination,
    }
    deadline, context = time.monotonic() + seconds, build_context(_MODEL, ImplicitVRLittleEndian)
    with associate(calling_ae_title, remote, [context], Timeouts(message=300.0)) as association:
        (context_id,) = association.contexts_of(_MODEL).values()
        query_bytes = encode(query, True, True) or b""
        for response in association.responses(context_id, command, query_bytes, deadline=deadline):
            if response.status in PENDING:
                done = _count(response, CommandElement.COMPLETED_SUBOPERATIONS)
                progress(done, done + _count(response, CommandElement.REMAINING_SUBOPERATIONS))
    completed = _count(response, CommandElement.COMPLETED_SUBOPERATIONS)
    return _MoveResult(response.status, completed, _count(response, CommandElement.FAILED_SUBOPERATIONS))


def _count(response: ReceivedMessage, element: CommandElement) -> int:
    """A number of sub-operations; 0 where the response does not say."""
    return int(response.command.get(element, 0))
