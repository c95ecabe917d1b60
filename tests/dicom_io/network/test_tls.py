"""DICOM over TLS in both directions, with DCMTK, pynetdicom and peers that do it wrong."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from certificates import Authority, Signed
from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.acceptor import Acceptor, AcceptorLimits
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.folder import FolderPacs
from dicom_io.network.remote import RemoteAE, Timeouts
from dicom_io.network.scu import echo, send
from dicom_io.network.tls import ClientCertificates, TlsFilesUnusable, acceptor_context, requestor_context
from dicom_io.network.upper_layer import PduLimits, PduType
from ports import free_port
from raw_peer import association_request
from running_node import dcmtk

LIMITS = AcceptorLimits(pdu=PduLimits(first_pdu_seconds=3.0))
PATIENT = Timeouts(connect=30.0, association=30.0, message=60.0)


@pytest.fixture
def hospital(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def pacs(folder: Path, tls: ssl.SSLContext) -> Iterator[Acceptor]:
    """Our own acceptor, keeping instances in a folder."""
    acceptor = Acceptor(("127.0.0.1", 0), acceptor_contexts(), FolderPacs(folder), limits=LIMITS, tls=tls)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    yield acceptor
    acceptor.stop(1.0)
    thread.join(60)


@pytest.fixture
def ours(hospital: Authority) -> Signed:
    return hospital.signs("node")


@pytest.fixture
def open_pacs(tmp_path: Path, ours: Signed) -> Iterator[Acceptor]:
    """It asks nobody for a certificate."""
    with pacs(tmp_path / "kept", acceptor_context(ours.certificate, ours.key, "")) as acceptor:
        yield acceptor


@pytest.fixture
def strict_pacs(tmp_path: Path, hospital: Authority, ours: Signed) -> Iterator[Acceptor]:
    """It lets only those in whom the hospital's authority knows."""
    context = acceptor_context(ours.certificate, ours.key, hospital.file, ClientCertificates.REQUIRED)
    with pacs(tmp_path / "kept", context) as acceptor:
        yield acceptor


def remote(port: int, authorities: str, shown: Signed | None = None, *, check_name: bool = True) -> RemoteAE:
    certificate, key = (shown.certificate, shown.key) if shown else ("", "")
    return RemoteAE("pacs", "PACS", "127.0.0.1", port, True, authorities, check_name, certificate, key)


def image(folder: Path) -> Path:
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID, data_set.SOPInstanceUID = MRImageStorage, generate_uid()
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    data_set.PatientID, data_set.PatientName, data_set.Modality = "T", "Test", "MR"
    data_set.PixelData = bytes(300_000)
    data_set["PixelData"].VR = "OW"
    folder.mkdir(exist_ok=True)
    data_set.save_as(folder / "image.dcm", enforce_file_format=True)
    return folder / "image.dcm"


def test_an_instance_goes_from_our_scu_to_our_scp(tmp_path: Path, hospital: Authority, open_pacs: Acceptor) -> None:
    there = remote(open_pacs.port, hospital.file)
    echo("NODE", there, PATIENT)
    (answer,) = send("NODE", there, [image(tmp_path / "out")], PATIENT)
    assert answer.status == 0
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_who_shows_a_certificate_of_the_authority_is_let_in(hospital: Authority, strict_pacs: Acceptor) -> None:
    echo("NODE", remote(strict_pacs.port, hospital.file, hospital.signs("scanner")), PATIENT)


def test_who_shows_none_or_one_of_another_authority_is_not(
    tmp_path: Path, hospital: Authority, strict_pacs: Acceptor
) -> None:
    stranger = Authority(tmp_path, "elsewhere").signs("stranger")
    for shown in (None, stranger):
        with pytest.raises(PeerUnreachable) as raised:
            echo("NODE", remote(strict_pacs.port, hospital.file, shown), PATIENT)
        assert raised.value.fault is PeerFault.TLS_FAILED
    assert not strict_pacs.associations


def test_a_peer_whose_certificate_we_do_not_trust_gets_nothing(tmp_path: Path, open_pacs: Acceptor) -> None:
    with pytest.raises(PeerUnreachable):
        echo("NODE", remote(open_pacs.port, Authority(tmp_path, "elsewhere").file), PATIENT)


def test_a_certificate_for_another_host_is_good_only_where_the_site_says_so(
    tmp_path: Path, hospital: Authority
) -> None:
    named_otherwise = hospital.signs("moved", address="10.0.0.1")
    with pacs(tmp_path / "kept", acceptor_context(named_otherwise.certificate, named_otherwise.key, "")) as acceptor:
        with pytest.raises(PeerUnreachable):
            echo("NODE", remote(acceptor.port, hospital.file), PATIENT)
        echo("NODE", remote(acceptor.port, named_otherwise.certificate, check_name=False), PATIENT)


def test_who_speaks_no_tls_is_cut_off(open_pacs: Acceptor) -> None:
    with socket.create_connection(("127.0.0.1", open_pacs.port), timeout=60) as plain:
        plain.sendall(association_request())
        try:
            answer = plain.recv(4096)
        except ConnectionResetError:
            answer = b""
        assert answer[:1] != bytes([PduType.ASSOCIATE_AC])


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_and_weak_ciphers_are_refused(open_pacs: Acceptor) -> None:
    for attempt in ("version", "cipher"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0" if attempt == "version" else "ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1 if attempt == "version" else ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_1 if attempt == "version" else ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("127.0.0.1", open_pacs.port), timeout=60) as old, pytest.raises(ssl.SSLError):
            context.wrap_socket(old)


def test_those_who_never_finish_the_handshake_hold_nobody_up(hospital: Authority, open_pacs: Acceptor) -> None:
    silent = [socket.create_connection(("127.0.0.1", open_pacs.port), timeout=60) for _ in range(32)]
    for dripping in silent[:16]:
        dripping.sendall(bytes((22, 3, 1, 2, 0)))
    for _ in range(3):
        echo("NODE", remote(open_pacs.port, hospital.file), PATIENT)
    deadline = time.monotonic() + 60
    while open_pacs.pending and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not open_pacs.pending
    for each in silent:
        each.close()


def test_garbage_after_the_handshake_ends_the_association_and_nothing_else(
    hospital: Authority, open_pacs: Acceptor
) -> None:
    context = requestor_context("", "", hospital.file, check_name=True)
    for garbage in (b"x" * 100, b"\x01\0\xff\xff\xff\xff", association_request()[:50]):
        with socket.create_connection(("127.0.0.1", open_pacs.port), timeout=60) as plain:
            secured = context.wrap_socket(plain, server_hostname="127.0.0.1")
            secured.sendall(garbage)
    echo("NODE", remote(open_pacs.port, hospital.file), PATIENT)


def test_a_new_certificate_counts_for_the_next_association(
    tmp_path: Path, hospital: Authority, open_pacs: Acceptor
) -> None:
    elsewhere = Authority(tmp_path, "elsewhere")
    renewed = elsewhere.signs("renewed")
    open_pacs.tls = acceptor_context(renewed.certificate, renewed.key, "")
    echo("NODE", remote(open_pacs.port, elsewhere.file), PATIENT)
    with pytest.raises(PeerUnreachable):
        echo("NODE", remote(open_pacs.port, hospital.file), PATIENT)


def test_files_that_are_missing_or_do_not_belong_together_are_named(tmp_path: Path, hospital: Authority) -> None:
    one, other = hospital.signs("one"), hospital.signs("other")
    with pytest.raises(TlsFilesUnusable, match=r"absent\.pem"):
        acceptor_context(str(tmp_path / "absent.pem"), one.key, "")
    with pytest.raises(TlsFilesUnusable, match=r"one\.crt with .*other\.key"):
        acceptor_context(one.certificate, other.key, "")
    with pytest.raises(PeerUnreachable, match=r"pacs: .*absent\.pem"):
        echo("NODE", remote(1, str(tmp_path / "absent.pem")), PATIENT)


needs_dcmtk = pytest.mark.skipif(dcmtk("storescu") is None, reason="DCMTK is not installed")


@needs_dcmtk
def test_dcmtk_sends_to_us(tmp_path: Path, hospital: Authority, strict_pacs: Acceptor) -> None:
    scanner, port = hospital.signs("scanner"), str(strict_pacs.port)
    secured = ["+tls", scanner.key, scanner.certificate, "+cf", hospital.file]
    assert (
        subprocess.run([str(dcmtk("echoscu")), *secured, "127.0.0.1", port], timeout=120, check=False).returncode == 0
    )
    sent = [str(dcmtk("storescu")), *secured, "127.0.0.1", port, str(image(tmp_path / "out"))]
    assert subprocess.run(sent, timeout=120, check=False).returncode == 0
    assert len(list((tmp_path / "kept").iterdir())) == 1
    unsecured = subprocess.run(
        [str(dcmtk("echoscu")), "127.0.0.1", port], timeout=120, capture_output=True, check=False
    )
    assert unsecured.returncode != 0


@needs_dcmtk
def test_we_send_to_dcmtk(tmp_path: Path, hospital: Authority) -> None:
    archive, port, kept = hospital.signs("archive"), free_port(), tmp_path / "dcmtk"
    kept.mkdir()
    command = [str(dcmtk("storescp")), "+tls", archive.key, archive.certificate, "+cf", hospital.file]
    server = subprocess.Popen([*command, "--output-directory", str(kept), str(port)])
    try:
        there = remote(port, hospital.file, hospital.signs("node"))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                echo("NODE", there, PATIENT)
                break
            except PeerUnreachable:
                time.sleep(0.1)
        (answer,) = send("NODE", there, [image(tmp_path / "out")], PATIENT)
        assert answer.status == 0
        assert len(list(kept.iterdir())) == 1
        with pytest.raises(PeerUnreachable):
            echo("NODE", remote(port, hospital.file), PATIENT)
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(kept)
