"""This installation as a device: the UUID that its results are marked with."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from uuid import UUID, uuid4

from sr_templates.device import Device


def this_device(root: Path) -> Device:
    """This installation; its UUID is made once and kept in the storage root, since it becomes a DICOM UID."""
    file = root / "installation"
    if not file.exists():
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = root / f"installation.{os.getpid()}"
        temporary.write_text(str(uuid4()), "ascii")
        temporary.rename(file)
    return Device(UUID(file.read_text("ascii").strip()), version("mome-node"))
