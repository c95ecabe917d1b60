"""How long and how much memory a study of the paper's size takes to prepare, and how good the breast mask is.

    python benchmarks/preprocessing.py [--json] [--masks N]

The study: DCE 448 x 448 x 160 in 6 phases of int16, T2 448 x 448 x 40, DWI 192 x 128 x 32, made of a small phantom
that is resampled, so that breasts are found and the whole path runs. It is prepared twice in its own process, without
and with a patient who moved. `--masks` also measures Dice of the breast mask on N phantoms over every orientation,
position and field strength.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from itertools import cycle, islice, product
from typing import Any

import numpy as np

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.spec import PhantomSpec, Position, Size, SliceOrientation
from mome_core.case import Case, Modality
from mome_core.preprocessing.breast_mask import find_breasts
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import Recipe
from mome_core.preprocessing.resample import Sampling
from mome_core.preprocessing.survey import grid_of, survey_of
from mome_core.volume import Dynamic, Volume, Voxels

DCE, T2, DWI = (448, 448, 160), (448, 448, 40), (192, 128, 32)


def enlarged(source: Volume | Dynamic, shape: tuple[int, int, int]) -> tuple[Voxels, Any]:
    """Voxels (phases first) on a grid of that shape with the same extent, int16, and the affine."""
    sampling = Sampling.whole(grid_of(source)).resized(shape)
    phases = source.voxels if isinstance(source, Dynamic) else source.voxels[None]
    large = np.empty((len(phases), *shape), np.int16)
    for target, phase in zip(large, phases, strict=True):
        target[:] = sampling.take(phase)
    return large, sampling.affine


def paper_size_case(motion_mm: float) -> Case:
    """A small phantom at the paper's matrix."""
    case = simulate(PhantomSpec(seed=7, size=Size.SMALL, motion_mm=motion_mm)).case()
    assert case.dce is not None and case.t2 is not None and case.dwi is not None
    (dce, dce_affine), (t2, t2_affine), (dwi, dwi_affine) = (
        enlarged(source, shape) for source, shape in ((case.dce, DCE), (case.t2, T2), (case.dwi, DWI))
    )
    return Case(
        Dynamic(dce, dce_affine, "1", case.dce.times_s),
        Volume(t2[0], t2_affine, "1"),
        Volume(dwi[0], dwi_affine, "1"),
        case.dwi_b_value,
    )


def measure(motion_mm: float) -> dict[str, Any]:
    """CPU seconds and memory of preparing one study and of bringing one map back."""
    case = paper_size_case(motion_mm)
    assert case.dce is not None
    held_mib = resident_mib()
    start, wall = time.process_time(), time.perf_counter()
    prepared = prepare(case, Recipe())
    cpu_s, wall_s = time.process_time() - start, time.perf_counter() - wall
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    prepared.to_patient(Modality.DCE, prepared.arrays[Modality.DCE])
    return {
        "motion_mm": motion_mm,
        "prepare_cpu_s": round(cpu_s, 2),
        "prepare_wall_s": round(wall_s, 2),
        "back_cpu_s": round(time.process_time() - start, 2),
        "source_mib": round(case.dce.voxels.nbytes / 2**20),
        "arrays_mib": round(sum(array.nbytes for array in prepared.arrays.values()) / 2**20),
        "peak_above_case_mib": round(peak_mib - held_mib),
        "shapes": {modality.value: array.shape for modality, array in prepared.arrays.items()},
        "motion_found_mm": [round(mm, 1) for mm in prepared.motion.found_mm] if prepared.motion else [],
    }


def resident_mib() -> float:
    """Memory of this process now."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a kernel file, not a path of ours
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


def mask_quality(count: int) -> dict[str, Any]:
    """Dice of the breast mask against the phantom's truth, on the DCE grid."""
    choices = product(SliceOrientation, Position, (1.5, 3.0), (Size.TINY, Size.SMALL))
    scores = []
    for seed, (orientation, position, tesla, size) in enumerate(islice(cycle(choices), count)):
        phantom = simulate(
            PhantomSpec(seed=1000 + seed, orientation=orientation, position=position, field_strength_t=tesla, size=size)
        )
        scores.append(dice(phantom))
    values = np.array(scores)
    low, middle = float(values.min()), float(np.median(values))
    return {
        "phantoms": count,
        "lowest": round(low, 3),
        "median": round(middle, 3),
        "below_0.9": int((values < 0.9).sum()),
    }


def dice(phantom: Phantom) -> float:
    """Dice of both breasts."""
    rules = Recipe().breast
    assert phantom.dce is not None
    survey = survey_of(phantom.dce.phase(0), rules.working_mm)
    truth = phantom.truth.left | phantom.truth.right
    found = find_breasts(survey.phases[0], survey.affine, rules).on(phantom.dce.affine, truth.shape)
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def main() -> None:
    """Measure each study in a process of its own, so that peaks of memory do not mix."""
    if "--one" in sys.argv:
        print(json.dumps(measure(float(sys.argv[-1]))))
        return
    results: list[dict[str, Any]] = []
    for motion_mm in ("0", "8"):
        command = (sys.executable, __file__, "--one", motion_mm)
        results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    if "--masks" in sys.argv:
        results.append(mask_quality(int(sys.argv[sys.argv.index("--masks") + 1])))
    for result in results:
        print(
            json.dumps(result) if "--json" in sys.argv else "\n".join(f"{k:22} {v}" for k, v in result.items()) + "\n"
        )


if __name__ == "__main__":
    main()
