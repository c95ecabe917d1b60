"""The files of a folder."""

from __future__ import annotations

import os
from pathlib import Path


def files_under(folder: Path) -> list[Path]:
    """Every ordinary file in a folder and the folders inside it, in no order; a link is followed only to a file."""
    return [Path(entry.path) for base, _, _ in os.walk(folder) for entry in os.scandir(base) if entry.is_file()]


def dicom_files(folder: Path) -> list[Path]:
    """The files of a folder that have a DICOM preamble, in order of their names."""
    return [each for each in sorted(files_under(folder)) if is_dicom(each)]


def is_dicom(path: Path) -> bool:
    """Whether a file begins as PS3.10 says: 128 bytes, then "DICM"."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
