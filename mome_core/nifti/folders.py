"""The NIfTI studies below a folder: which folder is a case, and whose."""

from __future__ import annotations

import re
from pathlib import Path

from mome_core.case import Role
from mome_core.case_file import CASE_JSON
from mome_core.nifti.files import nifti_under
from mome_core.nifti.names import named_file
from mome_core.nifti.sidecar import STUDY_SIDECAR

_BIDS_LEVELS = re.compile(r"(?P<level>sub|ses)-(?P<label>[a-z0-9]+)", re.IGNORECASE)
_BREAST = re.compile(r"[_-](left|right)$", re.IGNORECASE)
_INPUTS = {Role.DCE_MULTI, Role.DCE_PHASE, Role.SUBTRACTION, Role.T2, Role.DWI}


def nifti_study_folders(root: Path) -> list[Path]:
    """Every folder below that is one NIfTI study, by name: in BIDS the session or the subject, else where files lie.

    Files whose names say nothing make no study, unless a mome.json or a case.json lies beside them.
    """
    found: set[Path] = set()
    for path in nifti_under(root):
        declared = any((path.parent / name).is_file() for name in (STUDY_SIDECAR, CASE_JSON))
        if declared or named_file(path).role in _INPUTS:
            found.add(_study_of(path, root))
    return sorted(found)


def patient_of_folder(folder: Path) -> str:
    """What a study's folder calls its patient: the BIDS subject, else the folder's name without the side of a breast.

    NIfTI itself knows no patient. It is for comparison and for pseudonyms: never shown or logged.
    """
    for each in (folder, folder.parent):
        if (found := _BIDS_LEVELS.fullmatch(each.name)) and found["level"].lower() == "sub":
            return found["label"]
    return _BREAST.sub("", folder.name)


def _study_of(path: Path, root: Path) -> Path:
    """The folder of the study that a file belongs to."""
    for folder in path.parents:
        if folder == root:
            break
        if _BIDS_LEVELS.fullmatch(folder.name):
            return folder
    return path.parent
