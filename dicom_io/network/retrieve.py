"""C-MOVE: asks an archive to send a study to a listener, which checks it like anything that arrives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_io.errors import PeerUnreachable
from dicom_io.network.scu import Remote, Timeouts, associate

_PENDING = (0xFF00, 0xFF01)


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
    model = StudyRootQueryRetrieveInformationModelMove
    association = associate(calling_ae_title, remote, [build_context(model)], Timeouts(message=300.0))
    limit = threading.Timer(seconds, association.abort)
    limit.start()
    response = Dataset()
    try:
        for status, _ in association.send_c_move(query, destination, model):
            if not status:
                raise PeerUnreachable(f"{remote.name}: no answer to a C-MOVE in time")
            response = status
            if response.Status in _PENDING:
                done = int(response.get("NumberOfCompletedSuboperations", 0))
                progress(done, done + int(response.get("NumberOfRemainingSuboperations", 0)))
        association.release()
    finally:
        limit.cancel()
        if association.is_established:
            association.abort()
    completed, failed = (int(response.get(f"NumberOf{kind}Suboperations") or 0) for kind in ("Completed", "Failed"))
    return _MoveResult(int(response.Status), completed, failed)
