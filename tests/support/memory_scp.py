"""A service class provider that keeps instances in memory, and both ends of a connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pynetdicom.presentation import PresentationContext

from dicom_io.network.acceptor import Acceptor
from dicom_io.network.dimse import Command
from dicom_io.network.remote import RemoteAE
from dicom_io.network.service import (
    CALLING_UNKNOWN,
    AssociationRejection,
    DimseResponse,
    InstanceRefused,
    Peer,
    StoreRequest,
)


@dataclass
class MemoryInstance:
    """An instance in memory: the smallest real thing that a C-STORE can go into."""

    shelf: list[bytes]
    content: bytearray = field(default_factory=bytearray)

    def write(self, fragment: memoryview) -> None:
        self.content += fragment
        if len(self.content) > 10_000_000:
            raise InstanceRefused(0xA700, "object is larger than this node keeps")

    def finish(self) -> int:
        self.shelf.append(bytes(self.content))
        return 0

    def discard(self) -> None:
        self.content.clear()


@dataclass
class MemoryScp:
    """Keeps everything in memory and admits everyone but BADGUY, and no connection from the addresses it does not like.

    Parameters
    ----------
    closed_to
        Those addresses.
    """

    kept: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)
    closed_to: frozenset[str] = frozenset()

    def allows(self, address: str) -> bool:
        return address not in self.closed_to

    def admit(self, peer: Peer) -> AssociationRejection | None:
        return CALLING_UNKNOWN if peer.calling_ae_title == "BADGUY" else None

    def rejected(self, peer: Peer, why: AssociationRejection) -> None:
        self.rejections.append(f"{peer.calling_ae_title}: {why.words}")

    def open(self, peer: Peer, request: StoreRequest) -> MemoryInstance:
        return MemoryInstance(self.kept)

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> DimseResponse:
        return DimseResponse(0x0112)

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        self.ends.append(why)


@contextmanager
def accepting(scp: MemoryScp, contexts: Sequence[PresentationContext]) -> Iterator[RemoteAE]:
    """Our own acceptor in front of it, as a peer to connect to, until the block ends."""
    acceptor = Acceptor(("127.0.0.1", 0), contexts, scp)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    try:
        yield RemoteAE("pacs", "PACS", "127.0.0.1", acceptor.port)
    finally:
        acceptor.stop(10.0)
        thread.join(60)


def connection_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection within this process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname(), timeout=10)
        theirs, _ = server.accept()
    return ours, theirs
