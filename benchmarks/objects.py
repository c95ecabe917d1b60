"""How long and how much memory the objects of one study at clinical size take.

    python benchmarks/objects.py [--json]

A study of 2 DCE phases of 384 x 384 x 160 with T2 and DWI, a saliency of the same grid; the process starts anew for
each variant, so that peaks of memory do not mix. Budget: at most 5 s of CPU, and at most 3 times the map's float bytes
of memory above what the caller already holds. Map and segmentation stand beside what highdicom alone makes of the same
arrays: time, memory, bytes, and the ratio of ours to highdicom's.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import numpy as np
from highdicom import VOILUTTransformation
from highdicom._standard_utils import is_attribute_in_iod
from highdicom.pm import ParametricMap, RealWorldValueMapping
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, ParametricMapStorage

from mome_core.calibration import AurocInterval, Calibration, Proportion, Validation
from mome_core.case import Case, Modality
from mome_core.estimator import Estimator
from mome_core.measurements import KineticMaps
from mome_core.results import (
    AnalyzedBreasts,
    Contribution,
    Endpoint,
    Laterality,
    ModelIdentity,
    Result,
    Saliency,
    Score,
)
from mome_core.volume import Affine, Dynamic, Volume
from sr_templates.build import build_objects, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.device import Device
from sr_templates.dicom.evidence import Evidence, Slices, SourceImage
from sr_templates.dicom.grid import image_affine
from sr_templates.kinds import DEFAULT_KINDS, MEASURED_KINDS, Kind
from sr_templates.objects.segmentation import algorithm_identification
from sr_templates.saliency.placed import place_saliency

SHAPE = (384, 384, 160)
SPACING_MM = (0.9, 1.0)
MODEL = ModelIdentity("MOME benchmark", "1", "00" * 32, "No weights at all.")
PAIR = frozenset({Kind.SALIENCY_MAP, Kind.SEGMENTATION})
VARIANTS = {
    "float32": ObjectOptions(),
    "float32, kinetics": ObjectOptions(DEFAULT_KINDS | {*MEASURED_KINDS}),
    "float32 cropped": ObjectOptions(crop_map=True),
    "uint16": ObjectOptions(map_encoding=MapEncoding.UINT16),
    "uint16 cropped": ObjectOptions(map_encoding=MapEncoding.UINT16, crop_map=True),
    "map and segmentation, float32": ObjectOptions(PAIR),
    "map and segmentation, uint16": ObjectOptions(PAIR, MapEncoding.UINT16),
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
    image.Modality, image.SliceThickness = "MR", SPACING_MM[1]
    image.PatientBirthDate = image.PatientSex = image.AccessionNumber = image.StudyID = ""
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
    scores = tuple(n / 100 for n in range(100))
    proven = Validation(0.95, Proportion(97, 100, 0.91, 0.99), Proportion(80, 100, 0.7, 0.87),
                        AurocInterval(0.9, 0.85, 0.95), scores, scores)  # fmt: skip
    read_by = Calibration(frozenset(Modality), 1.0, 0.0, 0.5, proven)
    whole = AnalyzedBreasts(Volume(np.ones((2, 2, 2), np.float32), coarse(affine), frame), Laterality.BOTH)
    score = Score(Endpoint.MALIGNANCY, 0.8, 0.02, read_by, Estimator(), MODEL, shares, 0.5)
    saliency = Saliency(Endpoint.MALIGNANCY, Modality.DCE, volume, "integrated gradients", "blur", 16, 0.01)
    return Evidence((grids[3], grids[4]), grids[30], grids[40], case=case), Result(
        (score,), (saliency,), tuple(Modality), breasts=whole, kinetics=kinetics(noise, affine, frame)
    )


def kinetics(noise: np.random.Generator, affine: Affine, frame: str) -> KineticMaps:
    """Maps of noise in the front half, a tenth of it of some curve type; the caller holds them before the objects."""
    front = (slice(40, -40), slice(30, 200), slice(15, -15))
    maps = [np.zeros(SHAPE, dtype=np.float32) for _ in range(3)]
    for each in maps:
        each[front] = noise.normal(50, 20, each[front].shape)
    types = np.zeros(SHAPE, dtype=np.uint8)
    types[front] = noise.choice(4, types[front].shape, p=[0.9, 0.04, 0.03, 0.03])
    return KineticMaps(*(Volume(each, affine, frame) for each in (*maps, types)))


def coarse(affine: Affine) -> Affine:
    """Of a grid whose eight voxels lie at the corners of the images'."""
    return affine @ np.diag([*(size - 1 for size in SHAPE), 1.0])


def peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def load_tables() -> float:
    """Let highdicom read its tables of the standard, which it does once in a process; the memory they take, MB."""
    held = peak_bytes()
    is_attribute_in_iod("NumberOfFrames", ParametricMapStorage)
    return (peak_bytes() - held) / 1e6


def figures(objects: Iterable[Dataset], held: int, started: float) -> dict[str, float]:
    """Time and memory until the last object is encoded; files are dropped one by one, as when they are written."""
    instances = list(objects)
    built = time.process_time()
    encoded = sum(len(encode(instance)) for instance in instances)
    ended, map_bytes = time.process_time(), 4 * int(np.prod(SHAPE))
    return {
        "objects": len(instances),
        "megabytes": round(encoded / 1e6, 1),
        "built_and_checked_s": round(built - started, 2),
        "encoded_s": round(ended - built, 2),
        "total_s": round(ended - started, 2),
        "memory_in_map_floats": round((peak_bytes() - held) / map_bytes, 2),
    }


def measure(options: ObjectOptions) -> dict[str, float]:
    """Our objects: built, checked and encoded once."""
    evidence, result = study()
    device = Device(UUID(int=1), "benchmark", "2.25.1", "BENCHMARK")
    tables_mb = load_tables()
    held, started = peak_bytes(), time.process_time()
    objects = build_objects(result, evidence, device, options=options)
    return {**figures(objects, held, started), "tables_mb": round(tables_mb)}


def measure_plain(options: ObjectOptions) -> dict[str, float]:
    """Parametric map and segmentation as highdicom alone builds them from the study's arrays, neither checked."""
    evidence, result = study()
    images, saliency = evidence.images(Modality.DCE), result.saliency[0].volume
    load_tables()
    held, started = peak_bytes(), time.process_time()
    placed = place_saliency(result, evidence)
    if placed is None or placed.region is None:
        raise ValueError("the study of this benchmark has a region")
    planes = saliency.voxels.transpose(2, 1, 0)
    mapped: tuple[float, float] | tuple[int, int] = (float(planes.min()), float(planes.max()))
    if options.map_encoding is MapEncoding.UINT16:
        planes, mapped = np.rint(planes / planes.max() * 32767 + 32768).astype(np.uint16), (0, 65535)
    headers = [image.header for image in images]
    identity: dict[str, Any] = {
        "series_number": 1, "instance_number": 1, "manufacturer": "x", "manufacturer_model_name": "x",
        "software_versions": "1", "device_serial_number": "1", "transfer_syntax_uid": ExplicitVRLittleEndian,
    }  # fmt: skip
    mapping = RealWorldValueMapping("Saliency", "Share", codes.NO_UNITS, mapped, 1.0, 0.0)
    saliency_map = ParametricMap(
        headers, planes, "1.2.3", sop_instance_uid="1.2.3.1", contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping], voi_lut_transformations=[VOILUTTransformation([0.0], [2.0])], **identity,
    )  # fmt: skip
    segment = SegmentDescription(
        1, "Region", codes.SPATIAL_CONCEPT, codes.REGION_OF_HIGHEST_SALIENCY, "AUTOMATIC",
        algorithm_identification(MODEL),
    )  # fmt: skip
    mask, held_slices = placed.region.mask.transpose(2, 1, 0), placed.region.slices
    segmentation = Segmentation(
        [headers[k] for k in held_slices], mask[held_slices], "BINARY", [segment], "1.2.4",
        sop_instance_uid="1.2.4.1", **identity,
    )  # fmt: skip
    return figures([saliency_map, segmentation], held, started)


def in_a_process(*arguments: str) -> dict[str, float]:
    child = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(child.stdout)
    return answer


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] in MEASURES:
        print(json.dumps(MEASURES[sys.argv[1]](VARIANTS[sys.argv[2]])))
        return
    for name in (each for each, options in VARIANTS.items() if options.kinds != PAIR):
        ours = in_a_process("--ours", name)
        print(json.dumps({"variant": name, **ours}) if "--json" in sys.argv else f"{name:16} {ours}")
    for name in (each for each, options in VARIANTS.items() if options.kinds == PAIR):
        ours, plain = in_a_process("--ours", name), in_a_process("--plain", name)
        ratios = {key: round(ours[key] / plain[key], 2) for key in ("total_s", "memory_in_map_floats", "megabytes")}
        row = {"variant": name, "ours": ours, "highdicom": plain, "ours_to_highdicom": ratios}
        print(json.dumps(row) if "--json" in sys.argv else "\n  ".join(f"{key}: {value}" for key, value in row.items()))


MEASURES: dict[str, Callable[[ObjectOptions], dict[str, float]]] = {"--ours": measure, "--plain": measure_plain}

if __name__ == "__main__":
    main()
