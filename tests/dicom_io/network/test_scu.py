"""What we send to a peer, and what comes back: over sockets of this process, to our own SCP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    generate_uid,
)
from pynetdicom import build_context
from pynetdicom.dsutils import decode
from pynetdicom.sop_class import Verification

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.dimse import NO_DATA_SET, NOT_SUPPORTED, CommandElement, encode
from dicom_io.network.negotiation import accept_contexts, decode_request
from dicom_io.network.remote import RemoteAE, Timeouts
from dicom_io.network.scu import echo, send, syntax_of
from dicom_io.network.upper_layer import RELEASE_RP, PduLimits, PduStream, p_data
from memory_scp import MemoryScp, accepting

PATIENT = Timeouts(connect=30.0, association=30.0, message=60.0)


@pytest.fixture
def scp() -> MemoryScp:
    return MemoryScp()


@pytest.fixture
def remote(scp: MemoryScp) -> Iterator[RemoteAE]:
    with accepting(scp, [build_context(Verification), build_context(MRImageStorage)]) as peer:
        yield peer


def fail_echo(server: socket.socket) -> None:
    """Accept one association and answer its C-ECHO with 0122."""
    connection, _ = server.accept()
    stream = PduStream(connection, PduLimits())
    request = decode_request(stream.read()[1])
    stream.send(accept_contexts(request, [build_context(Verification)], 16384)[1])
    stream.read()
    command = {CommandElement.COMMAND_FIELD: 0x8030, CommandElement.STATUS: NOT_SUPPORTED}
    answer = encode({**command, CommandElement.DATA_SET_TYPE: NO_DATA_SET})
    stream.send(b"".join(p_data(1, answer, command=True, largest=0)))
    stream.read()
    stream.send(RELEASE_RP)
    connection.close()


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


@pytest.mark.parametrize(
    ("kept_in", "accepted", "same_bytes"),
    [
        (ExplicitVRLittleEndian, ExplicitVRLittleEndian, True),
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian, False),
        (ImplicitVRLittleEndian, ImplicitVRLittleEndian, True),
    ],
)
def test_an_instance_goes_as_it_is_or_in_the_native_syntax_that_the_peer_takes(
    tmp_path: Path, kept_in: str, accepted: str, same_bytes: bool
) -> None:
    path, scp = file_of(tmp_path, MRImageStorage, kept_in), MemoryScp()
    with accepting(scp, [build_context(MRImageStorage, accepted)]) as remote:
        (answer,) = send("NODE", remote, [path], PATIENT)
    assert answer.kept
    (kept,) = scp.kept
    assert path.read_bytes().endswith(kept) is same_bytes
    data_set = decode(BytesIO(kept), accepted == ImplicitVRLittleEndian, True)
    assert data_set.SOPInstanceUID == path.stem


def test_a_compressed_instance_is_not_decompressed_for_a_peer_that_takes_none(tmp_path: Path) -> None:
    path = file_of(tmp_path, MRImageStorage, JPEG2000Lossless)
    with accepting(MemoryScp(), [build_context(MRImageStorage, ImplicitVRLittleEndian)]) as remote:
        (answer,) = send("NODE", remote, [path], PATIENT)
    assert (answer.status, answer.comment) == (NOT_SUPPORTED, "no accepted transfer syntax")


def test_a_failed_echo_is_told_with_its_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=fail_echo, args=(server,), daemon=True).start()
        with pytest.raises(PeerUnreachable, match="status 0122") as raised:
            echo("NODE", RemoteAE("pacs", "PACS", "127.0.0.1", server.getsockname()[1]), PATIENT)
    assert raised.value.fault is PeerFault.REQUEST_FAILED


def test_a_file_is_proposed_in_its_own_transfer_syntax(tmp_path: Path) -> None:
    path = file_of(tmp_path, MRImageStorage, JPEG2000Lossless)
    assert syntax_of(path) == (MRImageStorage, path.stem, JPEG2000Lossless)
