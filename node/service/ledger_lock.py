"""The file by which a node's supervisor has its ledger for itself, and shows that it is alive.

Asking it needs no database and no port: neither a flood of connections nor a late PostgreSQL looks like a death. Beside
it lies what keeps the node from its work, as the supervisor has last found it.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from node.errors import NotReady
from node.settings import Settings

_ALIVE_SECONDS = 45.0  # it beats every 10


class LedgerLock:
    """Refuses a second node on one SQLite ledger, and a second one of the same name; the kernel frees it at death."""

    def __init__(self, settings: Settings) -> None:
        if settings.is_sqlite:
            self.refusal = f"another node serves {settings.storage.root}; two nodes share work only on PostgreSQL"
        else:
            self.refusal = f"another process serves as {settings.node_name}"
        self.path = _place(settings)
        self.descriptor = -1

    def __enter__(self) -> Self:
        self.descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.descriptor)
            raise NotReady(self.refusal) from None
        return self

    def beat(self) -> None:
        """The supervisor is alive, and its listener runs; or it waits for its database."""
        os.utime(self.descriptor)

    def note_failing(self, names: Sequence[str]) -> None:
        """What keeps the node from its work now, for those who ask by `failing`."""
        new = self.path.with_suffix(".new")
        new.write_text("\n".join(names))
        new.replace(_note(self.path))

    def __exit__(self, *_: object) -> None:
        _note(self.path).unlink(missing_ok=True)
        if self.descriptor >= 0:
            os.close(self.descriptor)


def is_alive(settings: Settings, now: float | None = None) -> bool:
    """Whether a supervisor with a running listener has lately beaten on this host for this node."""
    return _is_fresh(_place(settings), now)


def failing(settings: Settings, now: float | None = None) -> list[str]:
    """What keeps this node from its work, by its supervisor; itself, when it has not lately looked."""
    note = _note(_place(settings))
    if not _is_fresh(note, now):
        return ["supervisor"]
    return note.read_text().split()


def _is_fresh(file: Path, now: float | None) -> bool:
    try:
        return abs((time.time() if now is None else now) - file.stat().st_mtime) <= _ALIVE_SECONDS
    except OSError:
        return False


def _note(lock: Path) -> Path:
    return lock.with_suffix(".failing")


def _place(settings: Settings) -> Path:
    if settings.is_sqlite:
        return settings.storage.root / "serve.lock"
    return settings.storage.root / f"serve-{re.sub(r'[^A-Za-z0-9@:.]', '_', settings.node_name)}.lock"
