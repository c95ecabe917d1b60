"""Studies without their patients, for tests: the copies of some files, and what is read of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dicom_io.deidentification.image import Deidentifier
from dicom_io.deidentification.mask import Mask
from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from mome_core.case import Case, Role

MASK = Mask("p1", bytes(32))


def without_patient(paths: Iterable[Path], folder: Path) -> list[Path]:
    """Copies of all files in a new folder."""
    folder.mkdir()
    copies = []
    with Deidentifier(MASK) as deidentifier:
        for number, path in enumerate(paths):
            copies.append(folder / f"{number:05}.dcm")
            deidentifier.write(path, copies[-1])
    return copies


def case_of(paths: Iterable[Path]) -> Case:
    """What the network is shown of a study."""
    return read_case(assign_roles(read_series_headers(paths))).case


def roles_of(paths: Iterable[Path]) -> list[tuple[int, Role, int]]:
    """Number, role and images of each series."""
    roles = assign_roles(read_series_headers(paths)).roles
    return sorted((each.series.number or 0, each.role, len(each.series.planes)) for each in roles)
