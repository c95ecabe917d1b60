"""A synthetic study on disk, for whoever has no patient at hand."""

from __future__ import annotations

from pathlib import Path

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.vendors import write_study


def write_phantom(folder: str | Path, spec: PhantomSpec | None = None, *, vendor: str = "siemens") -> Path:
    """Write a synthetic breast MRI study as DICOM files and return its folder; docs/phantom.md says what it shows.

    Parameters
    ----------
    folder
        It must be empty or not exist.
    spec
        The patient and the examination; None for the smallest one.
    vendor
        Whose scanner's habits the files follow: siemens, ge, philips or uih.

    Raises
    ------
    ValueError
        The folder holds files already, or there is no such vendor.

    Examples
    --------
    >>> write_phantom("another_study", PhantomSpec(seed=7), vendor="ge").name
    'another_study'
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files already")
    write_study(simulate(spec or PhantomSpec()), vendor, None, folder)
    return folder
