"""How fast instances are received, against DCMTK's storescp, Orthanc and pynetdicom's storescp in the same run.

    python -m benchmarks.receive [--instances 300] [--rounds 3] [--associations 1,4] [--receivers node,...] [--json]

The same sender everywhere: DCMTK's storescu, as it comes (Nagle's algorithm on) and with TCP_NODELAY=1 on both
sides; images of 384 x 384 x 16 bit. The clock runs from the start of the first sender to the end of the last. CPU
seconds and resident memory are those of all processes of the receiver. The receivers take turns, round after round,
and the median of each is printed: rates on a virtual disk go 15 % to and fro. MOME Node syncs file, folder and ledger
before it answers success; Orthanc syncs its index, not its files; the other two sync nothing. Nothing is deleted
between measurements: for minutes after a deletion, ext4 takes half a millisecond longer to create a file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

DEBIAN = "/usr/bin:/usr/local/bin:/usr/sbin"  # not .venv/bin, where pynetdicom installs programs of the same names
SIDE = 384
STARTED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One receiver, one way of sending; `ratio` is our rate over its rate."""

    receiver: str
    syncs: str
    associations: int
    nodelay: bool
    instances_per_second: float
    cpu_ms_per_instance: float
    rss_mib: float
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """A program that receives into a folder; `command` builds its command line from folder and port."""

    syncs: str
    command: Callable[[Path, int], list[str]]


def main() -> None:
    """Measure, print, and say which ratios miss what is asked of the node."""
    arguments = parsed()
    counts = [int(each) for each in arguments.associations.split(",")]
    measured: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="receive-") as scratch:
        outgoing = Path(scratch, "outgoing")
        write_images(outgoing, max(counts), arguments.instances)
        for nodelay in (True, False):
            for associations in counts:
                outbound = [outgoing / str(n) for n in range(associations)]
                rounds: dict[str, list[Measurement]] = {name: [] for name in arguments.receivers.split(",")}
                for number, (name, before) in itertools.product(range(arguments.rounds), rounds.items()):
                    folder = Path(scratch, f"{name}-{associations}-{nodelay}-{number}")
                    before.append(measure(name, folder, outbound, nodelay=nodelay, count=arguments.instances))
                    print(f"{before[-1]}", file=sys.stderr, flush=True)
                measured += [typical(of_one) for of_one in rounds.values()]
    report = [with_ratio(each, measured) for each in measured]
    print(json.dumps([asdict(each) for each in report]) if arguments.json else table(report))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=300, help="for each association")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each receiver; the median counts")
    parser.add_argument("--associations", default="1,4")
    parser.add_argument("--receivers", default=",".join(RECEIVERS))
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def write_images(folder: Path, studies: int, count: int) -> None:
    """A folder of images for each association."""
    noise = np.random.default_rng(0)
    for study in range(studies):
        (folder / str(study)).mkdir(parents=True)
        study_uid, series_uid = generate_uid(), generate_uid()
        for number in range(count):
            image = Dataset()
            image.file_meta = FileMetaDataset()
            image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, generate_uid()
            image.StudyInstanceUID, image.SeriesInstanceUID = study_uid, series_uid
            image.PatientName, image.PatientID, image.Modality = "Bench^Mark", "B", "MR"
            image.InstanceNumber, image.Rows, image.Columns = number + 1, SIDE, SIDE
            image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
            image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
            image.PixelData = noise.integers(0, 4096, (SIDE, SIDE), np.uint16).tobytes()
            image.save_as(folder / str(study) / f"{number:05}.dcm", enforce_file_format=True)


def measure(name: str, folder: Path, outbound: list[Path], *, nodelay: bool, count: int) -> Measurement:
    """Send the `count` images of each folder over an association of its own and time it."""
    receiver = RECEIVERS[name]
    with running(receiver, folder, nodelay) as (process, port):
        before = cpu_seconds(process)
        begin = time.perf_counter()
        senders = [send(each, port, nodelay) for each in outbound]
        failed = [each.wait() for each in senders if each.wait()]
        seconds = time.perf_counter() - begin
        if failed:
            raise SystemExit(f"{name}: {len(failed)} of {len(senders)} senders failed")
        cpu, rss = cpu_seconds(process) - before, rss_mib(process)
    total = len(outbound) * count
    return Measurement(name, receiver.syncs, len(outbound), nodelay, total / seconds, 1000 * cpu / total, rss)


def typical(rounds: list[Measurement]) -> Measurement:
    """The median of every figure of one receiver."""
    return replace(
        rounds[0],
        instances_per_second=median(each.instances_per_second for each in rounds),
        cpu_ms_per_instance=median(each.cpu_ms_per_instance for each in rounds),
        rss_mib=median(each.rss_mib for each in rounds),
    )


def send(folder: Path, port: int, nodelay: bool) -> subprocess.Popen[bytes]:
    """DCMTK's storescu over one association."""
    command = [program("storescu"), "-aec", "ANY", "+sd", "127.0.0.1", str(port), str(folder)]
    return subprocess.Popen(command, env=surroundings(nodelay), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def surroundings(nodelay: bool) -> dict[str, str]:
    """Environment of sender and receiver; DCMTK and Orthanc read TCP_NODELAY from it, on either side."""
    return {**os.environ, **({"TCP_NODELAY": "1"} if nodelay else {})}


@contextmanager
def running(receiver: Receiver, folder: Path, nodelay: bool) -> Iterator[tuple[psutil.Process, int]]:
    """The started receiver and its port."""
    folder.mkdir()
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            receiver.command(folder, port), env=surroundings(nodelay), stdout=log, stderr=log, cwd=folder
        )
    try:
        wait_for_port(port, process, folder / "log")
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(30)


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            time.sleep(1.0)  # what else starts with it is not what is measured
            return
    raise SystemExit(f"the receiver does not listen:\n{log.read_text()[-2000:]}")


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the process and its children, those that ended included."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a child that has just ended is counted below
            times = each.cpu_times()
            total += times.user + times.system
    ended = process.cpu_times()
    return total + ended.children_user + ended.children_system


def rss_mib(process: psutil.Process) -> float:
    """Resident memory of the process and its children."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            total += each.memory_info().rss
    return total / 2**20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    found = shutil.which(name, path=DEBIAN)
    if found is None:
        raise SystemExit(f"{name} is not installed")
    return found


def node(folder: Path, port: int) -> list[str]:
    """The node's listener by itself, on SQLite, as `mome-node serve` starts it."""
    config = folder / "mome-node.toml"
    config.write_text(
        f'[dicom]\nae_title = "ANY"\nhost = "127.0.0.1"\nport = {port}\n[storage]\nroot = "{folder}/root"\n'
    )
    return [sys.executable, "-m", "node.service.serve", "listener", str(config)]


def orthanc(folder: Path, port: int) -> list[str]:
    """Orthanc as it comes, without its web server."""
    settings = {
        "StorageDirectory": f"{folder}/db",
        "DicomPort": port,
        "HttpServerEnabled": False,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    return [program("Orthanc"), str(folder / "orthanc.json")]


def storescp(folder: Path, port: int) -> list[str]:
    """DCMTK's storescp, a process for each association."""
    return [program("storescp"), "--fork", "--output-directory", str(folder), str(port)]


def pynetdicom(folder: Path, port: int) -> list[str]:
    """pynetdicom's storescp application."""
    return [sys.executable, "-m", "pynetdicom", "storescp", str(port), "-od", str(folder), "-q"]


RECEIVERS = {
    "node": Receiver("file, folder, ledger", node),
    "storescp": Receiver("nothing", storescp),
    "orthanc": Receiver("index", orthanc),
    "pynetdicom": Receiver("nothing", pynetdicom),
}


def with_ratio(one: Measurement, measured: list[Measurement]) -> Measurement:
    """The node's rate over this rate, for the same way of sending."""
    ours = next(
        each
        for each in measured
        if (each.receiver, each.associations, each.nodelay) == ("node", one.associations, one.nodelay)
    )
    return replace(one, ratio=ours.instances_per_second / one.instances_per_second)


def table(report: list[Measurement]) -> str:
    """One line for each measurement."""
    lines = ["| sender | associations | receiver | syncs | instances/s | node is faster by | CPU ms each | RSS MiB |"]
    lines.append("| --- | ---: | --- | --- | ---: | ---: | ---: | ---: |")
    lines += [
        f"| {'TCP_NODELAY=1' if each.nodelay else 'stock'} | {each.associations} | {each.receiver} | {each.syncs} "
        f"| {each.instances_per_second:.0f} | {each.ratio:.2f} | {each.cpu_ms_per_instance:.2f} | {each.rss_mib:.0f} |"
        for each in report
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
