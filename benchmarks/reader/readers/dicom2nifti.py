"""icometrix' dicom2nifti (pip install dicom2nifti) on the whole folder, with its own checks."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path

import dicom2nifti

from benchmarks.reader.answers import CaseImages
from benchmarks.reader.readers.dcm2niix import nifti_output
from benchmarks.reader.score import B_VALUES, PHASE_ORDER, Output

VERSION = version("dicom2nifti")
CLAIMS = (PHASE_ORDER, B_VALUES)


def read(images: CaseImages, work: Path) -> tuple[list[Output], list[str]]:
    """Every NIfTI file; the package logs why it left a series out."""
    logging.disable(logging.CRITICAL)
    dicom2nifti.convert_directory(str(images.dicom), str(work), compression=False, reorient=False)
    return [nifti_output(path) for path in sorted(work.glob("*.nii"))], []
