"""An archive that answers C-MOVE as it was told, or not at all, and counts who calls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pynetdicom import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_io.network import dimse
from dicom_io.network.dimse import NO_DATA_SET, CommandElement, CommandField
from dicom_io.network.negotiation import accept_contexts, decode_request
from dicom_io.network.upper_layer import RELEASE_RP, PduLimits, PduStream, abort, p_data

_Answer = Callable[[PduStream], None]
_PATIENT = PduLimits(pdu_seconds=60.0, first_pdu_seconds=60.0)


@dataclass(slots=True)
class ScriptedPacs:
    """Its port on this machine, and how often it was called."""

    port: int
    calls: int = 0


@contextmanager
def scripted_pacs(*answers: _Answer) -> Iterator[ScriptedPacs]:
    """Each connection gets the next answer; the last one counts for all further ones."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        pacs = ScriptedPacs(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                answer = answers[min(pacs.calls, len(answers) - 1)]
                pacs.calls += 1
                with connection:
                    answer(PduStream(connection, _PATIENT))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield pacs
        server.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def hang_up(_stream: PduStream) -> None:
    """Close the connection before there is an association."""


def aborting(meanwhile: Callable[[], None] = lambda: None) -> _Answer:
    """Accept the association, read the request, let this happen, and abort."""

    def answer(stream: PduStream) -> None:
        _read_request(stream)
        meanwhile()
        stream.send(abort())

    return answer


def moved(status: int, meanwhile: Callable[[], None] = lambda: None) -> _Answer:
    """Accept, read the request, let this happen, and say that it is done."""

    def answer(stream: PduStream) -> None:
        _read_request(stream)
        meanwhile()
        command = {
            CommandElement.COMMAND_FIELD: int(CommandField.C_MOVE_RQ) | dimse.RESPONSE,
            CommandElement.DATA_SET_TYPE: NO_DATA_SET,
            CommandElement.STATUS: status,
        }
        stream.send(b"".join(p_data(1, dimse.encode(command), command=True, largest=0)))
        stream.read()  # the request to release
        stream.send(RELEASE_RP)

    return answer


def _read_request(stream: PduStream) -> None:
    offered = [build_context(StudyRootQueryRetrieveInformationModelMove)]
    stream.send(accept_contexts(decode_request(stream.read()[1]), offered, 16_384)[1])
    stream.read()  # the command
    stream.read()  # the query
