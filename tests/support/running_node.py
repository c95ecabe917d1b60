"""A node as processes of its own, as a hospital runs it, for system tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.jobs import OPEN
from node.settings import Settings
from node.settings_file import settings_toml
from node.settings_sections import Destination
from node.states import FINAL
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyDetail
from ports import free_port, wait_until_it_listens


@dataclass
class RunningNode:
    """A started node; `ledger` looks at its database from outside."""

    settings: Settings
    config: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        return self.settings.dicom.port

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.database_url)

    def wait_for_port(self, seconds: float = 240) -> None:
        try:
            wait_until_it_listens(self.port, self.process, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.log.read_text()[-3000:]}") from None

    def wait_for_outcome(self, study: str, seconds: float = 600) -> StudyDetail:
        """The study when no further change is to be expected."""
        ledger, deadline = self.ledger, time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                detail = ledger.reading.study(study)
            except LookupError:
                time.sleep(0.2)
                continue
            busy = any(job.state in OPEN for job in detail.jobs)
            if detail.study.state in FINAL and not busy:
                return detail
            time.sleep(0.2)
        raise AssertionError(f"no outcome in {seconds} s; log:\n{self.log.read_text()[-3000:]}")

    def wait_for_log(self, words: str, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.log.read_text():
            assert time.monotonic() < deadline, f"the log never said: {words}"
            time.sleep(0.1)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.2)

    def kill_everything(self) -> None:
        """SIGKILL for the supervisor and all its processes at once, as a power cut of the software."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(
    folder: Path,
    destinations: Sequence[Destination] = (),
    *,
    port: int | None = None,
    quiet_seconds: float = 1.5,
    environment: dict[str, str] | None = None,
    dashboard: dict[str, object] | None = None,
    **sections: object,
) -> Iterator[RunningNode]:
    """Start `mome-node serve` with its storage in the folder (kept between starts), and stop it at the end.

    sections : more sections of the settings, by name.
    """
    settings = Settings(
        dicom={"port": port or free_port()},
        storage={"root": folder / "root", "reserve_mib": 1},
        gather={"quiet_seconds": quiet_seconds},
        dashboard=dashboard or {"enabled": False},
        destinations=tuple(destinations),
        **sections,
    )
    folder.mkdir(parents=True, exist_ok=True)
    config, log = folder / "mome-node.toml", folder / "node.log"
    config.write_text(settings_toml(settings))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.cli.main", "serve", "--config", str(config)],
            stdout=output,
            stderr=output,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            start_new_session=True,
        )
    node = RunningNode(settings, config, process, log)
    try:
        node.wait_for_port()
        yield node
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            node.kill_everything()


DEBIAN = (
    "/usr/bin:/usr/local/bin"  # not .venv/bin: pynetdicom installs a `storescu` of its own that takes other options
)


def dcmsend(folder: Path, port: int, program: str = "dcmsend", called: str = "MOMENODE") -> bool:
    """Send every file of a folder with DCMTK; whether there were any and all were acknowledged."""
    command = [str(dcmtk(program)), "-aet", "MODALITY", "-aec", called, "127.0.0.1", str(port)]
    command += ["--scan-directories", "--recurse", str(folder)] if program == "dcmsend" else ["+sd", "+r", str(folder)]
    sent = subprocess.run(command, capture_output=True, text=True, check=False)
    return sent.returncode == 0 and "No suitable DICOM files" not in sent.stderr


def dcmtk(program: str) -> str | None:
    """The place of a DCMTK program, None where DCMTK is not installed."""
    return shutil.which(program, path=DEBIAN)


def dcmtk_available() -> bool:
    return dcmtk("dcmsend") is not None and dcmtk("storescu") is not None
