"""DCMTK's storescp as a PACS that offers no storage commitment, and its storescu as a scanner."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ports import free_port, wait_until_it_listens
from running_node import dcmtk

_PROFILE = """
[[TransferSyntaxes]]
[Any]
TransferSyntax1 = LocalEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Images]
PresentationContext1 = VerificationSOPClass\\Any
{contexts}
[[Profiles]]
[Default]
PresentationContexts = Images
"""


@contextmanager
def running(folder: Path, *, takes: Sequence[str] = ()) -> Iterator[int]:
    """Keep what comes in a folder; gives the port. `takes`: of all storage classes these alone, by DCMTK's names."""
    port, profile = free_port(), folder.with_suffix(".cfg")
    contexts = "\n".join(f"PresentationContext{number} = {each}\\Any" for number, each in enumerate(takes, 2))
    profile.write_text(_PROFILE.format(contexts=contexts))
    chosen = ["--config-file", str(profile), "Default"] if takes else []
    command = [str(dcmtk("storescp")), "--aetitle", "PACS", "--output-directory", str(folder), *chosen, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(60)


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
