"""C-MOVE: asks an archive to send a study to a listener, which checks it like anything that arrives.

C-GET: takes the documents of one series on the association that asks for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.dimse import PENDING, RESOURCE_LIMITATION, SUCCESS, Command, CommandElement, CommandField
from dicom_io.network.remote import Remote, Timeouts, address_of
from dicom_io.network.requestor import ReceivedMessage, associate

_MODEL = str(StudyRootQueryRetrieveInformationModelMove)
_GET = str(StudyRootQueryRetrieveInformationModelGet)
_MOST_DOCUMENTS = 100
_INSTANCES_IN_A_REQUEST = 200  # 64 characters each: far below the 65534 bytes of an explicit VR


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
    return _move(query, _Route(calling_ae_title, remote, destination, time.monotonic() + seconds, progress))


def move_instances(
    calling_ae_title: str,
    remote: Remote,
    study_instance_uid: str,
    wanted: Mapping[str, Sequence[str]],
    *,
    destination: str,
    seconds: float = 1800.0,
    progress: Callable[[int, int], None] = lambda done, planned: None,
) -> _MoveResult:
    """Ask for these SOP instances of a study, by Series Instance UID; as `move_study`, with the worst status."""
    route = _Route(calling_ae_title, remote, destination, time.monotonic() + seconds, progress)
    sent, failed, status = 0, 0, 0
    for query in _queries(study_instance_uid, wanted):
        moved = _move(query, route)
        sent, failed, status = sent + moved.completed, failed + moved.failed, status or moved.status
    return _MoveResult(status, sent, failed)


def _queries(study_instance_uid: str, wanted: Mapping[str, Sequence[str]]) -> Iterator[Dataset]:
    for series, instances in wanted.items():
        for start in range(0, len(instances), _INSTANCES_IN_A_REQUEST):
            query = Dataset()
            query.QueryRetrieveLevel, query.StudyInstanceUID = "IMAGE", study_instance_uid
            query.SeriesInstanceUID = series
            query.SOPInstanceUID = list(instances[start : start + _INSTANCES_IN_A_REQUEST])
            yield query


@dataclass(frozen=True, slots=True)
class _Route:
    """Whom to ask as whom, where to, and until when (monotonic, seconds)."""

    calling_ae_title: str
    remote: Remote
    destination: str
    deadline: float
    progress: Callable[[int, int], None]


def _move(query: Dataset, route: _Route) -> _MoveResult:
    """One C-MOVE, to its end."""
    command: Command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: _MODEL,
        CommandElement.COMMAND_FIELD: int(CommandField.C_MOVE_RQ),
        CommandElement.PRIORITY: 0,
        CommandElement.MOVE_DESTINATION: route.destination,
    }
    context = build_context(_MODEL, ImplicitVRLittleEndian)
    with associate(route.calling_ae_title, route.remote, [context], Timeouts(message=300.0)) as association:
        (context_id,) = association.contexts_of(_MODEL).values()
        query_bytes = encode(query, True, True) or b""
        for response in association.responses(context_id, command, query_bytes, deadline=route.deadline):
            if response.status in PENDING:
                done = _count(response, CommandElement.COMPLETED_SUBOPERATIONS)
                route.progress(done, done + _count(response, CommandElement.REMAINING_SUBOPERATIONS))
    completed = _count(response, CommandElement.COMPLETED_SUBOPERATIONS)
    return _MoveResult(response.status, completed, _count(response, CommandElement.FAILED_SUBOPERATIONS))


def get_series(
    calling_ae_title: str,
    remote: Remote,
    series: tuple[str, str],
    sop_classes: Sequence[str],
    *,
    seconds: float = 30.0,
) -> list[bytes]:
    """Data sets (Implicit VR Little Endian) of one series, taken on the association that asks for them (C-GET).

    Parameters
    ----------
    series
        Study and Series Instance UID.
    sop_classes
        That are taken; of others the archive sends nothing.
    seconds
        Time after which the association is aborted.

    Raises PeerUnreachable when the archive knows no C-GET, does not answer in time, or refuses.
    """
    query, taken = Dataset(), list[bytes]()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.SeriesInstanceUID = "SERIES", *series

    def take(message: ReceivedMessage, _syntax: str) -> int:
        if len(taken) >= _MOST_DOCUMENTS:
            return RESOURCE_LIMITATION
        taken.append(message.data_set)
        return SUCCESS

    contexts = [build_context(_GET, ImplicitVRLittleEndian)]
    for each in sop_classes:
        contexts.append(build_context(each, ImplicitVRLittleEndian))
        contexts[-1].scp_role = True
    command: Command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: _GET,
        CommandElement.COMMAND_FIELD: int(CommandField.C_GET_RQ),
        CommandElement.PRIORITY: 0,
    }
    deadline, status = time.monotonic() + seconds, SUCCESS
    with associate(calling_ae_title, remote, contexts, answer=take) as association:
        numbers = list(association.contexts_of(_GET).values())
        if not numbers:
            raise PeerUnreachable(f"{address_of(remote)} knows no C-GET", PeerFault.CLASS_REFUSED)
        asked = encode(query, True, True) or b""
        for response in association.responses(numbers[0], command, asked, deadline=deadline):
            status = response.status
    if status:
        message = f"{address_of(remote)} answers the C-GET with status {status:04X}"
        raise PeerUnreachable(message, PeerFault.REQUEST_FAILED)
    return taken


def _count(response: ReceivedMessage, element: CommandElement) -> int:
    """A number of sub-operations; 0 where the response does not say."""
    return int(response.command.get(element, 0))
