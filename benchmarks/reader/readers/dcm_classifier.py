"""University of Iowa's dcm-classifier (pip install dcm-classifier): a random forest on headers names each volume.

It knows T2-weighted and diffusion images, and has no word for a dynamic.
"""

from __future__ import annotations

import contextlib
import io
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dcm_classifier.image_type_inference import ImageTypeClassifierBase
from dcm_classifier.study_processing import ProcessOneDicomStudyToVolumesMappingBase

from benchmarks.reader.answers import CaseImages
from benchmarks.reader.score import B_VALUES, Output, ReadVolume

VERSION = version("dcm-classifier")
CLAIMS = ("T2 role", "DWI role", B_VALUES)
_ROLES = {"t2w": "T2", "tracew": "DWI", "dwig": "DWI", "b0": "DWI"}


def read(images: CaseImages, _work: Path) -> tuple[list[Output], list[str]]:
    """Every volume of every series; a study that it cannot process is a note."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            study = ProcessOneDicomStudyToVolumesMappingBase(images.dicom, inferer=ImageTypeClassifierBase())
            study.run_inference()
    except Exception as error:  # noqa: BLE001 - whatever a program under test raises is its answer
        return [], [type(error).__name__]
    volumes = [volume for series in study.series_dictionary.values() for volume in series.get_volume_list()]
    return [_output(volume, images) for volume in volumes], []


def _output(volume: Any, images: CaseImages) -> Output:
    numbers = tuple(n for name in volume.get_one_volume_dcm_filenames() for n in images.of_file(Path(name)))
    role = _ROLES.get(str(volume.get_volume_modality()), "other")
    return Output((ReadVolume(numbers, (float(volume.get_volume_bvalue()),) if role == "DWI" else ()),), role)
