"""dcm2niix on the whole folder; the volumes of each NIfTI file are in its order, b-values are those of its .bval."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import nibabel

from benchmarks.reader.answers import CaseImages
from benchmarks.reader.score import B_VALUES, PHASE_ORDER, Output, ReadVolume
from benchmarks.reader.stamps import images_of

VERSION = version("dcm2niix")
CLAIMS = (PHASE_ORDER, B_VALUES)


def read(images: CaseImages, work: Path) -> tuple[list[Output], list[str]]:
    """Every NIfTI file that one call writes."""
    options = ("-b", "y", "-z", "n", "-f", "%s_%d", "-o", str(work))
    done = subprocess.run(["dcm2niix", *options, str(images.dicom)], capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith(("Warning", "Error"))]
    return [nifti_output(path) for path in sorted(work.glob("*.nii"))], list(dict.fromkeys(said))


def nifti_output(path: Path) -> Output:
    """A NIfTI file as an answer; b-values from the .bval beside it."""
    volumes = images_of(nibabel.load(path).get_fdata())
    beside = path.parent / path.name.replace(".nii.gz", ".bval").replace(".nii", ".bval")
    b_values = beside.read_text().split() if beside.exists() else []
    if len(b_values) != len(volumes):
        return Output(tuple(map(ReadVolume, volumes)))
    return Output(tuple(ReadVolume(volume, (float(b),)) for volume, b in zip(volumes, b_values, strict=True)))
