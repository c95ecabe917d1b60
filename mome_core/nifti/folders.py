"""The NIfTI studies below a folder: which folder is a case, and whose."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mome_core.case import Role
from mome_core.case_file import CASE_JSON
from mome_core.nifti.files import nifti_under
from mome_core.nifti.names import named_file
from mome_core.nifti.sidecar import STUDY_SIDECAR
from mome_core.volume import Affine

_BIDS_LEVELS = re.compile(r"(?P<level>sub|ses)-(?P<label>[a-z0-9]+)", re.IGNORECASE)
_BREAST = re.compile(r"[_-](left|right)$", re.IGNORECASE)
_FIELD_OF_TWO_MM = 220.0  # as where breasts are sought (preprocessing.breast_mask)
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


def contradicted_side(folder: Path, affine: Affine, shape: tuple[int, ...]) -> str:
    """A sentence where a folder is named after one breast and its images lie on the other side; empty otherwise.

    Of a field that is too narrow for two breasts the isocentre (x = 0) tells the side.
    """
    named = _BREAST.search(folder.name)
    corners = np.array([[i, j, k, 1] for i in (0, shape[0] - 1) for j in (0, shape[1] - 1) for k in (0, shape[2] - 1)])
    across = (affine @ corners.T)[0]
    width, middle = float(np.ptp(across)), float(across.min() + across.max()) / 2
    if named is None or width >= _FIELD_OF_TWO_MM or abs(middle) < width / 4:
        return ""
    found = "left" if middle > 0 else "right"
    said = named[1].lower()
    return "" if said == found else f"the folder is named {said}, and its images lie on the {found}: these are believed"


def _study_of(path: Path, root: Path) -> Path:
    """The folder of the study that a file belongs to."""
    for folder in path.parents:
        if folder == root:
            break
        if _BIDS_LEVELS.fullmatch(folder.name):
            return folder
    return path.parent
