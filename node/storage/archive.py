"""The files: bytes are here, durably, before the ledger knows of them. Names come from digests, never from outside."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from uuid import UUID, uuid4

from dicom_io.encoding.part10 import ReceivedInstance
from dicom_io.network.service import Peer
from node.crashpoints import crash_point
from node.errors import NodeError, NotReady
from node.patient_digest import party_of
from node.search_key import SEARCH_KEY, SearchKey
from node.storage.records import EncodedObject, KeptObject, StoredInstance

_counter = itertools.count()
_DAY_SECONDS = 86_400.0


class IntegrityLost(NodeError):
    """A stored file is missing or its content is not what was received; it is not used."""


def make_private(folder: Path) -> None:
    """Take from others the right to look into a folder, whoever made it before, as far as it is ours to decide."""
    status = folder.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        folder.chmod(0o700)


RESERVE_FILES = 10_000
"""How many files a disk must still hold to take images: each instance is one, and each study has folders."""


class Archive:
    """A folder: `instances/` as received, `results/` as sent, `temporary/` what arrives, `previews/` for viewers."""

    def __init__(self, root: Path, key_file: Path | None = None, host_id: int | None = None) -> None:
        """Create the folders, into which others may not look; raises NotReady when the place cannot be written.

        Parameters
        ----------
        key_file
            Of the search key, under which patients are told apart; None: `search.key` in the root.
        host_id
            Number of this host in the ledger, which its files carry; None where it is the only one.
        """
        self.root, self.key_file, self.host_id = root, key_file or root / SEARCH_KEY, host_id
        self.temporary = root / "temporary"
        self.previews = root / "previews"
        try:
            made = [each for each in (root, root / "instances", root / "results", self.temporary) if not each.exists()]
            for folder in made:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync({each.parent for each in made})  # or a power cut takes the folders away, with all that is in them
            make_private(root)
        except OSError as error:
            raise NotReady(f"the storage root {root} cannot be written: {error.strerror}") from None

    @cached_property
    def uuid(self) -> str:
        """Its UUID, by which it claims what lies in it; empty where no other host is on the ledger."""
        return "" if self.host_id is None else str(installation_uuid(self.root))

    @cached_property
    def key(self) -> SearchKey:
        """The site's key, read or made when it is first needed."""
        return SearchKey.open(self.key_file)

    def temporary_path(self) -> Path:
        """A name that no other process, thread or host uses, nor a process of an earlier container had."""
        return self.temporary / f"{_this_host()}+{os.getpid()}-{next(_counter)}-{secrets.token_hex(4)}"

    def clear_temporary(self, now: float) -> None:
        """Remove what a crash left half written; called once at start, before anything arrives.

        What another process is writing stays: images come in by the listener and by the web port. Of another host on
        the same root, whose processes cannot be asked, only what nobody has written to for a day goes.
        """
        for leftover in self.temporary.iterdir():
            host, _, rest = leftover.name.partition("+")
            if _is_being_written(rest) if host == _this_host() else _is_younger(leftover, now - _DAY_SECONDS):
                continue
            leftover.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Space that is left for us on the disk."""
        return shutil.disk_usage(self.root).free

    def keep_received(self, batch: Sequence[tuple[ReceivedInstance, Peer]]) -> list[StoredInstance]:
        """Give synced files their final names and sync the folders; afterwards only the rows are missing.

        Two patients under one Study Instance UID never share a folder.

        Parameters
        ----------
        batch
            Each instance with the peer that sent it.
        """
        stored, folders = [], set[Path]()
        for received, peer in batch:
            patient = self.key.patient(received.patient)
            study = self.root / "instances" / _short_digest(received.study_instance_uid)
            folder = study / _short_digest(party_of(patient, peer.calling_ae_title))
            if not folder.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folders |= {study, study.parent}
            folders.add(folder)
            path = folder / f"{received.sha256}.dcm"
            received.path.rename(path)
            crash_point("store.renamed")
            stored.append(self._described(received, path, peer, patient))
        sync(folders)
        return stored

    def _described(self, received: ReceivedInstance, path: Path, peer: Peer, patient: str) -> StoredInstance:
        return StoredInstance(
            study_instance_uid=received.study_instance_uid,
            series_instance_uid=received.series_instance_uid,
            sop_class_uid=received.sop_class_uid,
            sop_instance_uid=received.sop_instance_uid,
            transfer_syntax_uid=received.transfer_syntax_uid,
            patient_digest=patient,
            sha256=received.sha256,
            path=str(path.relative_to(self.root)),
            size_bytes=received.size_bytes,
            calling_ae_title=peer.calling_ae_title,
            called_ae_title=peer.called_ae_title,
            kind=received.kind,
            slice_position=received.slice_position,
            host_id=self.host_id,
        )

    def described(self, found: Iterable[ReceivedInstance]) -> list[StoredInstance]:
        """Instances that lie in the archive already, as the ledger wants them; who sent them is not known."""
        nobody = Peer("", "", "")
        return [self._described(each, each.path, nobody, self.key.patient(each.patient)) for each in found]

    def instance_files(self) -> list[Path]:
        """Every file of an instance, in the order of arrival."""
        return sorted((self.root / "instances").rglob("*.dcm"), key=lambda path: path.stat().st_mtime_ns)

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files that no row names any more, and their folders when these are empty."""
        for path in paths:
            place = self.root / path
            place.unlink(missing_ok=True)
            _remove_empty(place.parent, self.root)

    def keep_results(
        self, study_instance_uid: str, revision: int, encoded: Iterable[EncodedObject]
    ) -> list[KeptObject]:
        """Write result objects durably; the same objects again overwrite themselves."""
        folder = self.root / "results" / _short_digest(study_instance_uid) / str(revision)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = []
        for kind, sop_class_uid, sop_instance_uid, series_instance_uid, content in encoded:
            digest = hashlib.sha256(content).hexdigest()
            path = folder / f"{digest}.dcm"
            write_durably(self.temporary_path(), path, content)
            relative = str(path.relative_to(self.root))
            uids = (sop_class_uid, sop_instance_uid, series_instance_uid)
            kept.append(KeptObject(kind, *uids, digest, relative, self.host_id))
        crash_point("result.file_synced")
        sync((folder, folder.parent, folder.parent.parent))
        return kept

    def verified(self, path: str, sha256: str) -> Path:
        """The file's place, after its content was compared with the digest; raises IntegrityLost."""
        place = self.root / path
        try:
            with place.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise IntegrityLost(f"a stored instance cannot be read: {error.strerror} ({path})") from None
        if found != sha256:
            raise IntegrityLost(f"a stored instance has changed on disk ({path})")
        return place


def installation_uuid(root: Path) -> UUID:
    """The UUID of a storage root, made once and kept in it: of this device in DICOM, and of this archive."""
    file = root / "installation"
    if not file.exists():
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = root / f"installation.{os.getpid()}"
        temporary.write_text(str(uuid4()), "ascii")
        sync([temporary])
        with suppress(FileExistsError):  # another process was faster
            os.link(temporary, file)
        temporary.unlink()
        sync([root])
    return UUID(file.read_text("ascii").strip())


def _short_digest(uid: str) -> str:
    """A folder name for a UID that came from outside."""
    return hashlib.sha256(uid.encode()).hexdigest()[:24]


@cache
def _this_host() -> str:
    """The name of this machine or container, as temporary files carry it."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())


def _is_younger(file: Path, moment: float) -> bool:
    """Whether a file was written to since then; one that has just gone was."""
    try:
        return file.stat().st_mtime > moment
    except FileNotFoundError:
        return True


def _is_being_written(name: str) -> bool:
    """Whether another process of this host that is alive has given a temporary file this name."""
    number, _, _ = name.partition("-")
    if not number.isdecimal() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those around it while they are empty, up to the folders directly below the root."""
    while folder.parent != root:
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone
            return
        folder = folder.parent


def free_files(root: Path) -> int:
    """How many more files the disk can hold (inodes); a file system that does not count them holds any number."""
    disk = os.statvfs(root)
    return disk.f_favail if disk.f_files else sys.maxsize


def is_full(root: Path, reserve_bytes: int, reserve_files: int = RESERVE_FILES) -> bool:
    """Whether the disk has no room for images any more: what is analysed and the database still need some."""
    return shutil.disk_usage(root).free < reserve_bytes or free_files(root) < reserve_files


def write_durably(temporary: Path, path: Path, content: bytes) -> None:
    """Write, sync, rename: the final name never holds half a file."""
    with temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def sync(paths: Iterable[Path]) -> None:
    """Make the content of these files, and the renames in these folders, durable."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
