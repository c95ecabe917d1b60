"""Passwords, tokens and keys lie in files that only their owner may read."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from node.errors import SettingsError


def secret(path: Path) -> str:
    """The one line of a file that only its owner may read; raises SettingsError otherwise."""
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others may read this secret; run: chmod 600 {path}")
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the secret cannot be read: {getattr(error, 'strerror', 'not UTF-8')}") from None


def kept_secret(path: Path) -> str:
    """A random secret of 256 bits that this node makes once and keeps; processes that start together agree on one."""
    if not path.exists():
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        create_private(temporary, secrets.token_hex(32).encode())
        with suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)  # or a power cut takes the name away, and the next start makes another secret
        os.close(folder)
    return secret(path)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in place of the one that is there."""
    path.unlink(missing_ok=True)
    create_private(path, text.encode())


def create_private(path: Path, content: bytes) -> None:
    """A new file that only its owner may read, durable when this returns; raises FileExistsError when there is one."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def with_password(url: str, password: str) -> str:
    """The URL with this password in it."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    return parts._replace(netloc=f"{user}:{quote(password, safe='*')}@{host}").geturl()
