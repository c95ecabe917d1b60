"""Hosts, their database, their PACS and the scanners that send to them: everything that a run needs, and its end."""

from __future__ import annotations

import random
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orthanc
import postgres
import powercut
from benchmarks.faults.hosts import LIBFAKETIME, Host, mounted
from benchmarks.faults.network import Network, network
from benchmarks.faults.senders import Scanner
from node.search_key import SearchKey
from node.settings import Settings
from node.storage.ledger.ledger import Ledger
from ports import free_port
from running_node import dcmtk_available

STUB_SECONDS = 2.0
QUIET_SECONDS = 3.0


def missing_programs() -> list[str]:
    """What a run cannot do without, and is not installed here."""
    found = {"PostgreSQL": postgres.available(), "Orthanc": orthanc.available(), "DCMTK": dcmtk_available()}
    return [name for name, is_there in found.items() if not is_there]


@dataclass
class Cluster:
    """A running cluster; `ledger` looks at its database from outside."""

    hosts: list[Host]
    network: Network
    database: postgres.Cluster
    pacs: orthanc.Orthanc
    scanners: list[Scanner]
    ledger: Ledger

    def begin_sending(self) -> None:
        for each in self.scanners:
            each.start()

    def end_sending(self) -> None:
        """No new study; what is being sent is sent to its end."""
        for each in self.scanners:
            each.ending.set()
        for each in self.scanners:
            each.join(600)


@contextmanager
def running(folder: Path, count: int, scanners: int, pause_seconds: float, seed: int) -> Iterator[Cluster]:
    """So many hosts and scanners until the block ends; the second host has a disk that forgets, the third a clock."""
    with ExitStack() as stack:
        net = stack.enter_context(network(count))
        database = stack.enter_context(postgres.cluster(address=net.gateway, port=free_port()))
        pacs = stack.enter_context(orthanc.running())
        hosts = [_host(number, folder, net, database, pacs) for number in range(count)]
        for each in hosts:
            stack.callback(each.end)
        _start(hosts)
        made = [
            Scanner(hosts, pacs, folder / f"scanner{n}", pause_seconds, random.Random(seed + n))
            for n in range(scanners)
        ]
        yield Cluster(hosts, net, database, pacs, made, Ledger(database.url()))


def _host(number: int, folder: Path, net: Network, database: postgres.Cluster, pacs: orthanc.Orthanc) -> Host:
    place = folder / f"host{number}"
    own_disk = mounted(place / "disk")
    name, root = f"NODE_{chr(ord('A') + number)}", place / "disk" / "root"
    settings = Settings(
        dicom={"ae_title": name, "host": "0.0.0.0" if net.bridge else "127.0.0.1", "port": net.port()},  # noqa: S104
        storage={"root": root, "reserve_mib": 8},
        database={"url": database.url()},
        gather={"quiet_seconds": QUIET_SECONDS},
        dashboard={"enabled": False},
        destinations=[{"name": "pacs", "ae_title": pacs.ae_title, "host": net.gateway, "port": pacs.dicom_port}],
    )
    root.mkdir(parents=True)
    key = folder / "search.key"
    SearchKey.open(key)
    shutil.copy(key, root / "search.key")
    pacs.know(name, name, settings.dicom.port, net.address(number))
    host = Host(number, place, settings, net, own_disk)
    if number == 1 and powercut.available():
        host.durable = powercut.Disk(root, place / "durable", powercut.build(place))
    host.has_clock = number == 2 and LIBFAKETIME is not None
    return host


def _start(hosts: Sequence[Host]) -> None:
    failed: list[Exception] = []

    def start(host: Host) -> None:
        try:
            host.start()
        except Exception as error:  # noqa: BLE001 - told in the main thread
            failed.append(error)

    threads = [threading.Thread(target=start, args=(each,)) for each in hosts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failed:
        sys.exit(str(failed[0]))
