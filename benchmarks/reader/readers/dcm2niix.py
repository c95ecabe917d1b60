"""dcm2niix on each series; the volumes of each NIfTI file are in its order, b-values are those of its .bval."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import dcm2niix
import nibabel

from benchmarks.reader.answers import CaseImages
from benchmarks.reader.score import B_VALUES, PHASE_ORDER, Output, ReadVolume
from benchmarks.reader.stamps import images_of

VERSION = version("dcm2niix")
CLAIMS = (PHASE_ORDER, B_VALUES)


def read(images: CaseImages, work: Path) -> tuple[list[Output], list[str]]:
    """Every NIfTI file; a call for each SeriesInstanceUID, as in a folder of one series it does best."""
    outputs: list[Output] = []
    said: list[str] = []
    for number, files in enumerate(images.series.values()):
        here, out = work / f"{number}-in", work / f"{number}-out"
        here.mkdir()
        out.mkdir()
        for file in files:
            (here / file.name).symlink_to(file.resolve())
        command = [dcm2niix.bin, "-b", "n", "-z", "n", "-f", "%s_%d", "-o", str(out), str(here)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        outputs += [nifti_output(path) for path in sorted(out.glob("*.nii"))]
        said += [line for line in done.stdout.splitlines() if line.startswith(("Warning", "Error"))]
    return outputs, list(dict.fromkeys(said))


def nifti_output(path: Path) -> Output:
    """A NIfTI file as an answer; b-values from the .bval beside it."""
    volumes = images_of(nibabel.load(path).get_fdata())
    beside = path.parent / path.name.replace(".nii.gz", ".bval").replace(".nii", ".bval")
    b_values = beside.read_text().split() if beside.exists() else []
    if len(b_values) != len(volumes):
        return Output(tuple(map(ReadVolume, volumes)))
    return Output(tuple(ReadVolume(volume, (float(b),)) for volume, b in zip(volumes, b_values, strict=True)))
