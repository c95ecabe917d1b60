"""Files of a training run and its cache: whole and durable under their name, or as they were."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from mome_core.training.errors import NotWritable


def write_whole(path: Path, content: bytes) -> None:
    """The file under this name with all of its content; NotWritable when the disk does not take it."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")  # hosts may share a folder
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise NotWritable(f"{path} cannot be written: {error.strerror}") from error
