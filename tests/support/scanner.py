"""A scanner for system tests: a phantom study on disk, ready to be sent."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study


def acquire(folder: Path, vendor: str, layout: str | None = None, size: Size = Size.TINY, **choices: object) -> str:
    """Write the study of a patient with a malignant lesion into the folder; gives its Study Instance UID."""
    phantom = simulate(PhantomSpec(seed=31, lesion=Lesion.MALIGNANT, size=size, **choices))  # type: ignore[arg-type]
    paths = write_study(phantom, vendor, layout, folder)
    return str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
