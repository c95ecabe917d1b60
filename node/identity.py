"""This installation: the UUID that its results are marked with, and the graphics cards that it has."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.storage.archive import installation_uuid
from sr_templates.dicom.device import Device


def this_device(root: Path) -> Device:
    """This installation; its UUID is kept in the storage root, since it becomes a DICOM UID."""
    return Device(
        installation_uuid(root),
        version("mome-node"),
        IMPLEMENTATION_CLASS_UID,
        IMPLEMENTATION_VERSION_NAME,
    )


def users_device() -> Device:
    """This installation at a prompt: the same of all studies of a user, whose state folder (XDG) keeps the UUID."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return this_device(Path(state) / "mome-node")


def graphics_cards() -> list[str]:
    """Name, memory and load of every NVIDIA GPU, one line each; empty where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name,memory.used,memory.total,utilization.gpu", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except subprocess.TimeoutExpired:
        return []
    return answer.stdout.strip().splitlines() if answer.returncode == 0 else []
