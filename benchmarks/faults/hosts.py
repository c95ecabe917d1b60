"""A host: the processes of a node with a disk, an address and a clock of its own, and what can happen to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import live_node
import powercut
from benchmarks.faults.network import Network
from node.settings import Settings
from node.settings_file import settings_toml

LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
_DISK = "size=256m,mode=700"
_START_SECONDS = 240.0


def mounted(place: Path) -> bool:
    """Make the folder a small disk of its own; False where only root may."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", _DISK, "tmpfs", str(place)]
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


@dataclass
class Host:
    """A host of the cluster.

    Parameters
    ----------
    own_disk
        Whether its disk is a file system of its own, which can be filled.
    durable
        What of its disk survives a power cut; None: it is not followed.
    has_clock
        Whether its clock can be set.
    """

    number: int
    folder: Path
    settings: Settings
    network: Network
    own_disk: bool = False
    durable: powercut.Disk | None = None
    has_clock: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.settings.dicom.ae_title

    @property
    def address(self) -> tuple[str, int]:
        return self.network.address(self.number), self.settings.dicom.port

    @property
    def root(self) -> Path:
        return self.settings.storage.root

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    def start(self) -> None:
        """Start the node and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "node.toml"
        config.write_text(settings_toml(self.settings))
        command = [*self.network.within(self.number), sys.executable, live_node.__file__, "serve", str(config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **self._environment()}, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.2)

    def _environment(self) -> dict[str, str]:
        preload, more = [], {"OMP_NUM_THREADS": "1"}
        if self.has_clock:
            self.clock.write_text("+0")
            preload.append(str(LIBFAKETIME))
            more |= {"FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            more |= {"FAKETIME_CACHE_DURATION": "1"}
        if self.durable is not None:
            self.durable.begin()
            preload.append(self.durable.environment["LD_PRELOAD"])
            more["MOME_POWERCUT"] = self.durable.environment["MOME_POWERCUT"]
        return more | ({"LD_PRELOAD": " ".join(preload)} if preload else {})

    def listens(self) -> bool:
        try:
            socket.create_connection(self.address, timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> int:
        """As systemd does; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(240)

    def kill(self) -> None:
        """kill -9 for every process at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(240)

    def lose_power(self) -> None:
        """kill -9, and what was not synced is gone."""
        self.kill()
        assert self.durable is not None
        self.durable.cut()

    def freeze(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def fill_disk(self) -> None:
        """Others fill its disk to the last byte."""
        with (self.root.parent / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 20)):
                    continue
            except OSError:
                pass

    def clear_disk(self) -> None:
        (self.root.parent / "filler").unlink(missing_ok=True)

    def end(self) -> None:
        """Whatever state it is in: no process of it is left, and its disk is let go of."""
        if self.runs:
            self.kill()
        if self.own_disk:
            subprocess.run(["umount", "--lazy", str(self.root.parent)], check=False)
