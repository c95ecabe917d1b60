"""What the files of a NIfTI study hold, whatever the patient's name in theirs: for comparing folders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mome_core.case import Role
from mome_core.case_file import CASE_JSON
from mome_core.errors import StudyIneligible
from mome_core.nifti.names import name_without_patient, named_file
from mome_core.nifti.sidecar import STUDY_SIDECAR, StudySidecar, read_study_sidecar

_ENDING = re.compile(r"\.(nii|nii\.gz|json|bval|bvec)$", re.IGNORECASE)  # of an image, and of what lies beside one


def nifti_digests(folder: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Of each file the part that it plays and the SHA-256 of its content, so that phases cannot change places unseen.

    A file that mome.json names is called by its place there, one whose name says nothing has none.
    """
    try:
        sidecar = read_study_sidecar(folder)
    except StudyIneligible:  # whoever reads the study says why; here its bytes count as they are
        sidecar = StudySidecar()
    places = {
        _stem(folder / name): f"{part} file {number}"
        for part, said in sidecar.parts.items()
        for number, name in enumerate(said.files)
    }
    for path in paths:
        content = path.read_bytes()
        if path == folder / STUDY_SIDECAR and sidecar != StudySidecar():
            content = _without_names(sidecar)
        yield _name_of(path, places.get(_stem(path), "")) + hashlib.sha256(content).hexdigest()


def _stem(path: Path) -> Path:
    """A file's path without its ending: the same of an image and of what lies beside it."""
    return path.with_name(_ENDING.sub("", path.name) or path.name)


def _name_of(path: Path, place: str) -> str:
    """What a file is called in a digest: the place that mome.json gives it and its ending, or what its name says."""
    if place:
        return place + path.name.removeprefix(_stem(path).name)
    told = path.name in (CASE_JSON, STUDY_SIDECAR)
    known = named_file(path.with_name(f"{_stem(path).name}.nii")).role is not Role.OTHER
    return name_without_patient(path) if told or known else ""


def _without_names(sidecar: StudySidecar) -> bytes:
    """All that mome.json says but for the names, whose files are called by their place."""
    parts = {name: replace(said, files=("",) * len(said.files)) for name, said in sidecar.parts.items()}
    return repr((sorted(parts.items()), sorted(sidecar.acquisition.items()))).encode()
