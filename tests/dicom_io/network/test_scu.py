"""What we send to a peer, and what comes back: over sockets of this process, to our own SCP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, MRImageStorage, generate_uid
from pynetdicom import build_context
from pynetdicom.sop_class import Verification

from dicom_io.errors import PeerUnreachable
from dicom_io.network.acceptor import Acceptor
from dicom_io.network.dimse import NOT_SUPPORTED
from dicom_io.network.negotiation import encode_rejection
from dicom_io.network.scu import NothingAccepted, PeerRejected, RemoteAE, Timeouts, associate, echo, send, syntax_of
from dicom_io.network.service import CALLING_UNKNOWN
from memory_scp import MemoryScp

PATIENT = Timeouts(connect=30.0, association=30.0, message=60.0)


@pytest.fixture
def scp() -> MemoryScp:
    return MemoryScp()


@pytest.fixture
def remote(scp: MemoryScp) -> Iterator[RemoteAE]:
    contexts = [build_context(Verification), build_context(MRImageStorage)]
    acceptor = Acceptor(("127.0.0.1", 0), contexts, scp)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    yield RemoteAE("pacs", "PACS", "127.0.0.1", acceptor.port)
    acceptor.stop(10.0)
    thread.join(60)


def file_of(folder: Path, sop_class: str, syntax: str = ExplicitVRLittleEndian) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.SOPClassUID, image.SOPInstanceUID = sop_class, generate_uid()
    image.StudyInstanceUID = image.SeriesInstanceUID = "1.2"
    path = folder / f"{image.SOPInstanceUID}.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


def test_an_echo_gives_the_seconds_it_took(remote: RemoteAE) -> None:
    assert echo("NODE", remote, PATIENT) > 0


def test_each_file_has_its_response_and_one_of_an_unknown_class_stops_no_other(
    remote: RemoteAE, scp: MemoryScp, tmp_path: Path
) -> None:
    paths = [file_of(tmp_path, each) for each in (MRImageStorage, CTImageStorage, MRImageStorage)]
    responses = list(send("NODE", remote, paths, PATIENT))
    assert [each.status for each in responses] == [0, NOT_SUPPORTED, 0]
    assert [each.kept for each in responses] == [True, False, True]
    assert [each.sop_instance_uid for each in responses] == [path.stem for path in paths]
    assert len(scp.kept) == 2


def test_a_peer_that_accepts_no_class_at_all_answers_for_every_file(remote: RemoteAE, tmp_path: Path) -> None:
    responses = list(send("NODE", remote, [file_of(tmp_path, CTImageStorage)], PATIENT))
    assert [each.status for each in responses] == [NOT_SUPPORTED]
    with pytest.raises(NothingAccepted, match="none of the SOP classes"):
        associate("NODE", remote, [build_context(CTImageStorage)], PATIENT)


def test_a_peer_that_rejects_us_and_one_that_is_not_there_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=reject_one, args=(server,))
        thread.start()
        with pytest.raises(PeerRejected, match=r"pacs \(PACS at 127\.0\.0\.1 port .*AE title BADGUY"):
            echo("BADGUY", RemoteAE("pacs", "PACS", "127.0.0.1", server.getsockname()[1]), PATIENT)
        thread.join(60)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PeerUnreachable, match="is it running, and is the port open") as raised:
        echo("NODE", RemoteAE("pacs", "PACS", "127.0.0.1", port), PATIENT)
    assert not isinstance(raised.value, PeerRejected)
    assert raised.value.retryable


def reject_one(server: socket.socket) -> None:
    """Reject one association, and let the peer close the connection whenever it comes to it."""
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(encode_rejection(CALLING_UNKNOWN))
        connection.recv(4096)


def test_a_file_is_proposed_in_its_own_transfer_syntax(tmp_path: Path) -> None:
    path = file_of(tmp_path, MRImageStorage, JPEG2000Lossless)
    assert syntax_of(path) == (MRImageStorage, path.stem, JPEG2000Lossless)
