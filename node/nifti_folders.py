"""Whether a folder holds a NIfTI study or a DICOM one, and that results do not lie in it or in another's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dicom_io.files import dicom_files
from mome_core.nifti.files import holds_nifti
from mome_core.nifti.names import is_nifti
from node.errors import NodeError


def is_nifti_study(folder: Path) -> bool:
    """Whether a folder holds NIfTI files and not one DICOM file; where both lie, the DICOM is the study."""
    return folder.is_dir() and holds_nifti(folder) and not dicom_files(folder)


def require_apart(folder: Path, out: Path) -> None:
    """Raise NodeError where results would lie among the files of the NIfTI study that they are of."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise NodeError("--out lies in the folder of the study, whose files it would mix with; name another folder")


def require_own(out: Path, ours: Collection[str]) -> None:
    """Raise NodeError where a folder for results holds NIfTI files other than ours, the names that it lists itself."""
    if out.is_dir() and any(is_nifti(each) and each.name not in ours for each in out.iterdir()):
        raise NodeError(
            "--out holds NIfTI files that this command did not write (a study, or your own); name another folder"
        )
