"""The referee `shared/tools/check_outputs.sh`: five validators over a folder of objects."""

from __future__ import annotations

import os
import subprocess

from places import BIN, ROOT

REFEREE = ROOT.parent / "shared" / "tools" / "check_outputs.sh"
NEEDED = ("dciodvfy", "dcentvfy", "dsrdump", "java")
_TABLES = ROOT / "dvstd"


def environment() -> dict[str, str] | None:
    """Its environment, with the tables of the standard, which are built once; None where they cannot be fetched."""
    named = {"PYTHON": str(BIN / "python"), "VALIDATE_IODS": str(BIN / "validate_iods")}
    made = {**os.environ, **named, "DV_STD": str(_TABLES), "DV_EDITION": "2020a", "REQUIRE_ALL": "1"}
    if not _TABLES.exists():
        built = subprocess.run([REFEREE, "--dv-cache", str(_TABLES)], env=made, capture_output=True, check=False)
        if built.returncode:
            return None
    return made
