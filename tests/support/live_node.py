"""A node of real processes for tests, with an analysis so small that it takes no time; and an honest modality.

As a program it is the node itself: `python live_node.py serve CONFIG` and, started by that, `... worker CONFIG`.
An analysis goes on for as long as there is a file `busy` beside CONFIG, and for MOME_STUB_SECONDS where that is set. As
with the real one, what is made on another host has another UID.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, build_context
from pynetdicom.sop_class import BasicTextSRStorage, MRImageStorage, Verification

from node.service.processes import NodeProcess, ProcessId
from node.service.processes import command_of as own_command_of
from node.settings import Settings, load_settings
from node.settings_file import settings_toml
from node.settings_sections import Destination
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyDetail
from ports import free_port

CANARY = "ZZPHI^CANARY"  # stands where a patient's name and ID would; must never be seen outside the store
START_SECONDS = 240  # on a machine that does much else
SLOWEST_MACHINE = 8  # a loaded one may take so many times longer; no test fails because it was slow


def new_study() -> str:
    """A Study Instance UID with room for the series' numbers."""
    return str(generate_uid(prefix=None))[:50]


def instance(study: str, *, size: int = 2000, **values: object) -> Dataset:
    """A small MR image of a study, as a modality would send it."""
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID, data_set.SOPInstanceUID = MRImageStorage, generate_uid()
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study, study + ".1"
    data_set.PatientName, data_set.PatientID = CANARY, CANARY
    data_set.Modality = "MR"
    data_set.PixelData = os.urandom(size)
    data_set["PixelData"].VR = "OW"
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def report(source: Path, revision: int, *, device: str = "", supersedes: str = "") -> Dataset:
    """A text report about a study; the same one however often this device makes it."""
    image = dcmread(source, stop_before_pixels=True)
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    uid = generate_uid(prefix=None, entropy_srcs=[str(image.StudyInstanceUID), str(revision), device])
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = image.StudyInstanceUID, image.StudyInstanceUID + ".9"
    data_set.PatientName, data_set.PatientID = image.PatientName, image.PatientID
    data_set.Modality, data_set.ValueType = "SR", "CONTAINER"
    if supersedes:
        before, series, named = Dataset(), Dataset(), Dataset()
        named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID = BasicTextSRStorage, supersedes
        series.SeriesInstanceUID, series.ReferencedSOPSequence = data_set.SeriesInstanceUID, [named]
        before.StudyInstanceUID, before.ReferencedSeriesSequence = image.StudyInstanceUID, [series]
        data_set.PredecessorDocumentsSequence = [before]
    return data_set


def main() -> None:
    """The node (`serve`) or its worker."""
    role, config = sys.argv[1], Path(sys.argv[2])
    from node.hosts import part_of
    from node.logs import configure_logs
    from node.service import processes, serve

    configure_logs(role)
    if role == "serve":
        serve.serve(load_settings(config), config, command_of=command_of)
        return
    processes.end_with_supervisor()
    from node.service.worker import run_worker
    from node.storage.archive import installation_uuid
    from node.storage.records import EncodedObject, StudyAnalysis, StudyRevision
    from node.summary import AnalysisSummary

    def analyst(paths: Sequence[Path], edition: StudyRevision) -> StudyAnalysis:
        revision = edition.revision
        while (config.parent / "busy").exists():
            pbkdf2_hmac("sha256", b"", b"", 1_000_000)  # in native code, as a network is
            if edition.progress is not None:
                edition.progress("scores", 0, 1)
        threading.Event().wait(float(os.environ.get("MOME_STUB_SECONDS", "0")))  # time.sleep fails under libfaketime
        supersedes = edition.predecessor.sop_instance_uid if edition.predecessor else ""
        device, content = str(installation_uuid(settings.storage.root)), BytesIO()
        made = report(paths[0], revision, device=device, supersedes=supersedes)
        made.NumberOfStudyRelatedInstances = len(paths)
        made.save_as(content, enforce_file_format=True)
        encoded: EncodedObject = (
            "report",
            str(made.SOPClassUID),
            str(made.SOPInstanceUID),
            str(made.SeriesInstanceUID),
            content.getvalue(),
        )
        return StudyAnalysis((encoded,), AnalysisSummary(timings_s={"scores": 0.1}))

    settings = load_settings(config)
    run_worker(settings, part_of(settings, role), lambda _: analyst)


def command_of(process: ProcessId, config: Path | None) -> list[str]:
    """The node's own processes, but our worker."""
    if process.kind is NodeProcess.WORKER:
        return [sys.executable, __file__, str(process), str(config)]
    return own_command_of(process, config)


@dataclass
class LiveNode:
    """A running node, seen from outside: processes, a port, a ledger."""

    folder: Path
    settings: Settings
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    scanner_address: str = ""  # of the modality, where it is not the node's own

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.database_url)

    @property
    def busy(self) -> Path:
        """While this file is there, an analysis goes on."""
        return self.folder / "busy"

    def start(self, **environment: str) -> None:
        """Start it and wait until it answers."""
        config = self.folder / "node.toml"
        config.write_text(settings_toml(self.settings))
        command = [sys.executable, __file__, "serve", str(config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
            )
        wait_for(lambda: self.echo() or self.has_ended(), START_SECONDS, "the node to answer")

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(240)

    def kill(self) -> None:
        """kill -9 for every process of the node at once, as a power cut would end them."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(240)

    def associate(self, *classes: str, ae_title: str = "MODALITY", called: str = "MOMENODE") -> AE:
        contexts = [build_context(each, ExplicitVRLittleEndian) for each in classes]
        scu = AE(ae_title)
        scu.acse_timeout = scu.dimse_timeout = scu.network_timeout = 120
        tls = None if self.tls is None else (self.tls, "127.0.0.1")
        scanner = (self.scanner_address, 0) if self.scanner_address else None
        return scu.associate(
            "127.0.0.1",
            self.settings.dicom.port,
            contexts,
            ae_title=called,
            tls_args=tls,
            bind_address=scanner,
        )

    def echo(self, called: str = "MOMENODE") -> bool:
        association = self.associate(Verification, called=called)
        if not association.is_established:
            return False
        status = association.send_c_echo()
        association.release()
        return bool(status) and status.Status == 0

    def send(self, instances: Sequence[Dataset], called: str = "MOMENODE") -> list[str]:
        """Send once; the SOP Instance UIDs that were answered with success."""
        association, acknowledged = self.associate(MRImageStorage, called=called), []
        for each in instances:
            try:
                status = association.send_c_store(each)
            except RuntimeError:  # the association has ended
                break
            if not status:
                break
            if status.Status == 0:
                acknowledged.append(str(each.SOPInstanceUID))
        if association.is_established:
            association.release()
        return acknowledged

    def send_until_all_are_kept(
        self, instances: Sequence[Dataset], seconds: float = 60, called: str = "MOMENODE"
    ) -> None:
        """What a modality does: repeat what was not acknowledged."""
        left = list(instances)

        def all_are_kept() -> bool:
            kept = set(self.send(left, called))
            left[:] = [each for each in left if each.SOPInstanceUID not in kept]
            return not left

        wait_for(all_are_kept, seconds, "every instance to be acknowledged")

    def outcome(self, study: str, *states: str, seconds: float = 60) -> StudyDetail:
        """The study once it stands in one of these states."""
        ledger = self.ledger

        def arrived() -> bool:
            try:
                return ledger.reading.study(study).study.state in states
            except LookupError:
                return False

        wait_for(arrived, seconds, f"study to be {' or '.join(states)}")
        return ledger.reading.study(study)


@contextmanager
def live_node(
    folder: Path, *destinations: Destination, quiet_seconds: float = 1.0, **sections: object
) -> Iterator[LiveNode]:
    """A node that is not yet started, and is gone when the block ends.

    sections : more sections of the settings, by name.
    """
    settings = Settings(
        dicom={"port": free_port()},
        storage={"root": folder / "root", "reserve_mib": 1},
        gather={"quiet_seconds": quiet_seconds},
        destinations=destinations,
        **{"dashboard": {"enabled": False}, **sections},
    )
    node = LiveNode(folder, settings)
    try:
        yield node
    finally:
        if not node.has_ended():
            node.kill()


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when the condition holds; AssertionError after so many seconds of a quiet machine."""
    deadline = time.monotonic() + SLOWEST_MACHINE * seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


if __name__ == "__main__":
    main()
