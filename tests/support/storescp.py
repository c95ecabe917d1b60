"""DCMTK's storescp as a PACS that offers no storage commitment, and its storescu as a scanner."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orthanc import free_port
from running_node import dcmtk

START_SECONDS = 60
_ONLY_MR = """
[[TransferSyntaxes]]
[Any]
TransferSyntax1 = LocalEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Images]
PresentationContext1 = VerificationSOPClass\\Any
PresentationContext2 = MRImageStorage\\Any
[[Profiles]]
[Default]
PresentationContexts = Images
"""


@contextmanager
def running(folder: Path, *, only_mr: bool = False) -> Iterator[int]:
    """Keep what comes in a folder; gives the port. `only_mr`: of all storage classes it takes MR images alone."""
    port, profile = free_port(), folder.with_suffix(".cfg")
    profile.write_text(_ONLY_MR)
    chosen = ["--config-file", str(profile), "Default"] if only_mr else []
    command = [str(dcmtk("storescp")), "--aetitle", "PACS", "--output-directory", str(folder), *chosen, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("storescp did not start")


@contextmanager
def full_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own in which no file can be made any more; for root alone.

    Without a free inode: of a disk without a free byte, DCMTK 3.6.7 notices only what its buffer does not hold.
    """
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def store(calling_ae_title: str, port: int, file: Path) -> str:
    """Send a file to MOMENODE with storescu; gives what it says."""
    titles = ["-aet", calling_ae_title, "-aec", "MOMENODE"]
    command = [str(dcmtk("storescu")), *titles, "127.0.0.1", str(port), str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout + said.stderr
