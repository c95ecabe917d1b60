"""A storage SCP that keeps what it receives in a folder: the PACS of the demo and of tests, not an archive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from dicom_io.encoding.part10 import InstanceFile
from dicom_io.errors import NotAnInstance
from dicom_io.network.acceptor import Acceptor
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.dimse import CANNOT_UNDERSTAND, NO_SUCH_OPERATION, SUCCESS, Command
from dicom_io.network.service import AssociationRejection, DimseResponse, InstanceRefused, Peer, StoreRequest


class FolderPacs:
    """Accepts every instance from every peer; each becomes a file named after its digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count()
        folder.mkdir(parents=True, exist_ok=True)

    def allows(self, address: str) -> bool:
        """Every address is."""
        return True

    def admit(self, peer: Peer) -> AssociationRejection | None:
        """Every peer is accepted."""
        return None

    def rejected(self, peer: Peer, why: AssociationRejection) -> None:
        """Rejections and ends of associations are not recorded."""

    def open(self, peer: Peer, request: StoreRequest) -> _FolderInstance:
        """A file in the folder, under a temporary name."""
        path = self.folder / f"arriving-{next(self.numbers)}"
        return _FolderInstance(
            InstanceFile(path, request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid)
        )

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> DimseResponse:
        """No other service is offered."""
        return DimseResponse(NO_SUCH_OPERATION)

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """Rejections and ends of associations are not recorded."""


class _FolderInstance:
    """An instance while it is being received."""

    def __init__(self, file: InstanceFile) -> None:
        self.file = file
        self.write = file.write
        self.discard = file.discard

    def finish(self) -> int:
        """Give the file its final name."""
        try:
            received = self.file.finish()
        except NotAnInstance as error:
            raise InstanceRefused(CANNOT_UNDERSTAND, str(error)) from None
        received.path.rename(received.path.with_name(f"{received.sha256[:16]}.dcm"))
        return SUCCESS


@contextmanager
def folder_pacs(folder: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Run the PACS on a port (0: any free one); yields the port until the block ends."""
    acceptor = Acceptor((host, port), acceptor_contexts(), FolderPacs(folder))
    thread = threading.Thread(target=acceptor.serve_forever, name="folder-pacs", daemon=True)
    thread.start()
    try:
        yield acceptor.port
    finally:
        acceptor.stop()
        thread.join(10)
