"""The files of a folder."""

from __future__ import annotations

import os
from pathlib import Path


def files_under(folder: Path) -> list[Path]:
    """Every ordinary file in a folder and the folders inside it, in no order; a link is followed only to a file."""
    return [Path(entry.path) for base, _, _ in os.walk(folder) for entry in os.scandir(base) if entry.is_file()]
