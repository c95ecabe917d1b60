"""A PostgreSQL cluster for tests: on a socket of its own, and gone at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POSTGRES = Path("/usr/lib/postgresql/15/bin")
_USER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def available() -> bool:
    """Whether PostgreSQL is installed on this machine."""
    return (POSTGRES / "initdb").exists()


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster in a folder; its superuser is whoever runs it.

    Parameters
    ----------
    address
        That it listens on beside its socket; empty: none.
    """

    folder: Path
    address: str = ""
    port: int = 5432

    @property
    def superuser(self) -> str:
        return "postgres" if _USER else os.environ.get("USER", "postgres")

    def url(self, database: str = "postgres", login: str = "") -> str:
        """As the settings name a database; login: USER or USER:PASSWORD, else the superuser."""
        if self.address:
            return f"postgresql://{login or self.superuser}@{self.address}:{self.port}/{database}"
        return f"postgresql://{login or self.superuser}@/{database}?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -p {self.port} -c listen_addresses='{self.address}' -c fsync=off"
        self._control("-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def run(self, statement: str) -> None:
        """One SQL statement by the superuser."""
        command = [
            *_USER,
            "psql",
            "-h",
            str(self.folder),
            "-p",
            str(self.port),
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            "postgres",
        ]
        subprocess.run(command, check=True, capture_output=True)

    def _control(self, *words: str) -> None:
        command = [*_USER, str(POSTGRES / "pg_ctl"), "-D", str(self.folder / "data"), *words]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def cluster(*, started: bool = True, passwords: bool = False, address: str = "", port: int = 5432) -> Iterator[Cluster]:
    """A cluster until the block ends; passwords: only the superuser gets in without one; address: listen there, too."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if _USER:
        shutil.chown(folder, "postgres")
    made = Cluster(folder, address, port)
    subprocess.run(
        [*_USER, POSTGRES / "initdb", "-D", folder / "data", "-A", "trust", "-N"], check=True, capture_output=True
    )
    if address:
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")
    if passwords:
        access = f"local all {made.superuser} trust\nlocal all all scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(access)
    try:
        if started:
            made.start()
        yield made
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            made.stop()
        shutil.rmtree(folder)
