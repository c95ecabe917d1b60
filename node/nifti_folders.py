"""Whether a folder holds a NIfTI study or a DICOM one."""

from __future__ import annotations

from pathlib import Path

from dicom_io.files import dicom_files
from mome_core.nifti.files import holds_nifti


def is_nifti_study(folder: Path) -> bool:
    """Whether a folder holds NIfTI files and not one DICOM file; where both lie, the DICOM is the study."""
    return folder.is_dir() and holds_nifti(folder) and not dicom_files(folder)
