"""Copies of everything that the node keeps: a consistent ledger first, then the files that it names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from node.errors import NotReady
from node.settings import Settings
from node.storage.archive import Archive, make_private
from node.storage.database import copy_database
from node.storage.ledger.ledger import Ledger

_KEPT = ("instances/**/*.dcm", "results/**/*.dcm", "models/*/*")
_ONLY_SQLITE = (
    "the ledger is in a PostgreSQL database: back that up with pg_dump first, then the folders "
    "instances/, results/ and models/ and the file installation of the storage root with any tool (files never change "
    "once they are there)"
)


def back_up(settings: Settings, target: Path) -> tuple[int, int]:
    """Bring a backup folder up to date while the node runs; returns (files added, files in all).

    Files are linked where the file system allows it (they never change), else copied; what is there is not copied
    again. The ledger's copy is older than the files, so that every row in it has its file.
    """
    if not settings.is_sqlite:
        raise NotReady(_ONLY_SQLITE)
    root = settings.storage.root
    Archive(root)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(target)
    copy_database(settings.database_url, target / "ledger.db")
    if (root / "installation").exists():
        shutil.copyfile(root / "installation", target / "installation")
    added = total = 0
    for source in (path for pattern in _KEPT for path in root.glob(pattern)):
        copy = target / source.relative_to(root)
        total += 1
        if not copy.exists():
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _link_or_copy(source, copy)
            added += 1
    return added, total


def restore(backup: Path, settings: Settings) -> int:
    """Fill an empty storage root from a backup; every instance is verified. Returns the number of instances."""
    root = settings.storage.root
    if not (backup / "ledger.db").is_file():
        raise NotReady(f"{backup} holds no ledger.db, so it is no backup")
    if settings.database.url:
        raise NotReady("a backup is restored to the SQLite ledger in the storage root; leave database.url empty")
    if root.exists() and any(path.is_file() for path in root.rglob("*")):
        raise NotReady(f"the storage root {root} is not empty; restore into a new one")
    Archive(root)  # first, so that others never see what is copied into it
    shutil.copytree(backup, root, dirs_exist_ok=True)
    archive, ledger = Archive(root), Ledger(settings.database_url)
    stored = list(ledger.reading.instances())
    for _, sha256, path in stored:
        archive.verified(path, sha256)
    return len(stored)


def _link_or_copy(source: Path, copy: Path) -> None:
    """A second name for the same content, or a copy on another file system."""
    try:
        os.link(source, copy)
    except OSError:
        temporary = copy.with_suffix(".part")
        shutil.copyfile(source, temporary)
        temporary.rename(copy)
