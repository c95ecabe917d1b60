"""How long and how much memory the objects of one study at clinical size take.

    python benchmarks/objects.py [--json]

A study of 2 DCE phases of 384 x 384 x 160 with T2 and DWI, a saliency of the same grid; the process starts anew for
each variant, so that peaks of memory do not mix. Budget: at most 5 s of CPU, and at most 3 times the map's float bytes
of memory above what the caller already holds.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from uuid import UUID

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from mome_core.case import Case, Modality
from mome_core.results import Contribution, Endpoint, ModelIdentity, Result, Saliency, Score
from mome_core.volume import Dynamic, Volume
from sr_templates.build import build_objects, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.device import Device
from sr_templates.dicom.evidence import Evidence, Slices, SourceImage
from sr_templates.dicom.grid import image_affine

SHAPE = (384, 384, 160)
SPACING_MM = (0.9, 1.0)
MODEL = ModelIdentity("MOME benchmark", "1", "00" * 32, "No weights at all.")
VARIANTS = {
    "float32": ObjectOptions(),
    "float32 cropped": ObjectOptions(crop_map=True),
    "uint16": ObjectOptions(map_encoding=MapEncoding.UINT16),
    "uint16 cropped": ObjectOptions(map_encoding=MapEncoding.UINT16, crop_map=True),
}


def header(series: int, k: int) -> Dataset:
    """One axial MR image without pixels."""
    columns, rows, slices = SHAPE
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = derived_uid("benchmark", str(series), str(k))
    image.StudyInstanceUID, image.SeriesInstanceUID = derived_uid("study"), derived_uid("series", str(series))
    image.FrameOfReferenceUID = derived_uid("frame of reference")
    image.PatientName, image.PatientID, image.StudyDate, image.StudyTime = "Bench^Mark", "B", "20260101", "120000"
    image.Manufacturer, image.SeriesNumber, image.Rows, image.Columns = "none", series, rows, columns
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.PixelSpacing = [SPACING_MM[0]] * 2
    corner = -SPACING_MM[0] * (columns - 1) / 2
    image.ImagePositionPatient = [corner, corner, (k - slices / 2) * SPACING_MM[1]]
    return image


def study() -> tuple[Evidence, Result]:
    """Noise with a bright place, and a saliency that is zero outside the front half and peaks there."""
    noise = np.random.default_rng(1)
    grids: dict[int, Slices] = {
        series: tuple(SourceImage(header(series, k)) for k in range(SHAPE[2])) for series in (3, 4, 30, 40)
    }
    affine, frame = image_affine(grids[3]), str(grids[3][0].header.FrameOfReferenceUID)
    dynamic = Dynamic(np.zeros((2, *SHAPE), dtype=np.int16), affine, frame)
    for k in range(SHAPE[2]):
        dynamic.voxels[:, :, :, k] = noise.integers(50, 90, (2, *SHAPE[:2]))
    dynamic.voxels[1, 270:290, 90:110, 70:90] += 400
    attributions = np.zeros(SHAPE, dtype=np.float32, order="F")
    attributions[40:-40, 30:200, 15:-15] = noise.normal(0, 1e-4, (SHAPE[0] - 80, 170, SHAPE[2] - 30))
    attributions[270:290, 90:110, 70:90] += 1e-2
    volume = Volume(attributions, affine, frame)
    case = Case(dynamic, dynamic.phase(0), dynamic.phase(1), 800.0)
    shares = tuple(Contribution(modality, 0.1) for modality in Modality)
    score = Score(Endpoint.MALIGNANCY, 0.8, 0.5, 0.02, 8, MODEL, shares, 0.5, 0.8)
    saliency = Saliency(Endpoint.MALIGNANCY, Modality.DCE, volume, "integrated gradients", "blur", 16, 0.01)
    return Evidence((grids[3], grids[4]), grids[30], grids[40], case=case), Result(
        (score,), (saliency,), tuple(Modality)
    )


def peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(wanted: ObjectOptions) -> dict[str, float]:
    """Build, check and encode once; encoded files are dropped one by one, as when they are written."""
    evidence, result = study()
    device = Device(UUID(int=1), "benchmark", "2.25.1", "BENCHMARK")
    held, started = peak_bytes(), time.process_time()
    objects = build_objects(result, evidence, device, options=wanted)
    built = time.process_time()
    encoded = sum(len(encode(instance)) for instance in objects)
    ended, map_bytes = time.process_time(), 4 * int(np.prod(SHAPE))
    return {
        "objects": len(list(objects)),
        "megabytes": round(encoded / 1e6, 1),
        "built_and_checked_s": round(built - started, 2),
        "encoded_s": round(ended - built, 2),
        "total_s": round(ended - started, 2),
        "memory_in_map_floats": round((peak_bytes() - held) / map_bytes, 2),
    }


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--variant":
        print(json.dumps(measure(VARIANTS[sys.argv[2]])))
        return
    for name in VARIANTS:
        child = subprocess.run(
            [sys.executable, __file__, "--variant", name], capture_output=True, text=True, check=True
        )
        figures = json.loads(child.stdout)
        print(json.dumps({"variant": name, **figures}) if "--json" in sys.argv else f"{name:16} {figures}")


if __name__ == "__main__":
    main()
