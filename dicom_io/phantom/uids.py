"""Identifiers of synthetic objects."""

from __future__ import annotations

from hashlib import sha256


def uid(*words: object) -> str:
    """The UID that always belongs to these words, under the UUID root 2.25 (PS3.5 B.2)."""
    digest = sha256("/".join(map(str, words)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16])}"
