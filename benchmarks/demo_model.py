"""Does the demo model tell unseen phantoms apart, and does its saliency point at the lesion?

    python benchmarks/demo_model.py [--model node/models_shipped/demo] [--cases 40] [--size demo] [--json]

Half of the patients have a malignant lesion, half a benign one; their seeds are in no training or validation set.
Scores and saliency are those that the node delivers (`analyze` with its default policy). The saliency points at the
lesion when the voxel of the largest value of the DCE's map lies in the lesion, or no further from it than one voxel of
the network's grid. Exit code 1 when the model misses what is asked of it: AUROC 0.9, pointing 80 %,
maps that add up to 1 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import GroundTruth
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from mome_core.case import Modality
from mome_core.inference import analyze
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.results import Result
from mome_core.training.metrics import auroc
from mome_core.training.statistics import bootstrap

UNSEEN_SEEDS = 3_000_000
LEAST_AUROC, LEAST_POINTING, LARGEST_COMPLETENESS_ERROR = 0.9, 0.8, 0.01


@dataclass(frozen=True, slots=True)
class PhantomAnswer:
    """One phantom: its truth, its score, and how far the saliency's peak lies from the lesion (0: within)."""

    seed: int
    malignant: bool
    probability: float
    called_malignant: bool
    peak_distance_mm: float
    completeness_error: float
    seconds: float


def main() -> None:
    """Measure, print, and judge."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    checkpoint = load_checkpoint(arguments.model)
    outcomes = [measure(checkpoint, spec) for spec in specs(arguments.cases, Size(arguments.size))]
    figures = figures_of(outcomes, tolerance_mm(checkpoint))
    if arguments.json:
        print(json.dumps({"figures": figures, "cases": [asdict(outcome) for outcome in outcomes]}))
    else:
        for name, value in figures.items():
            print(f"{name:42} {value:.3f}" if isinstance(value, float) else f"{name:42} {value}")
    good = figures["auroc"] >= LEAST_AUROC and figures["pointing_within_one_network_voxel"] >= LEAST_POINTING
    sys.exit(not (good and figures["largest_completeness_error"] <= LARGEST_COMPLETENESS_ERROR))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("node/models_shipped/demo"))
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--size", choices=list(Size), default=Size.DEMO.value)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def specs(cases: int, size: Size) -> list[PhantomSpec]:
    """Malignant and benign in turn."""
    return [
        PhantomSpec(seed=UNSEEN_SEEDS + n, lesion=Lesion.BENIGN if n % 2 else Lesion.MALIGNANT, size=size)
        for n in range(cases)
    ]


def measure(checkpoint: Checkpoint, spec: PhantomSpec) -> PhantomAnswer:
    """One phantom through the node's analysis."""
    phantom = simulate(spec)
    begin = time.process_time()
    result = analyze(phantom.case(), checkpoint)
    seconds = time.process_time() - begin
    if not result.scores:
        raise SystemExit(f"phantom {spec.seed}: no score: {result.withheld}")
    score = result.scores[0]
    outcome = PhantomAnswer(
        seed=spec.seed,
        malignant=spec.lesion is Lesion.MALIGNANT,
        probability=score.probability,
        called_malignant=score.positive,
        peak_distance_mm=peak_distance_mm(result, phantom.truth),
        completeness_error=max(each.completeness_error for each in result.saliency),
        seconds=seconds,
    )
    print(outcome, file=sys.stderr, flush=True)
    return outcome


def peak_distance_mm(result: Result, truth: GroundTruth) -> float:
    """From the largest value of the DCE's saliency to the nearest voxel of the lesion."""
    saliency = next(each.volume for each in result.saliency if each.modality is Modality.DCE)
    distance = distance_transform_edt(~truth.lesion, sampling=saliency.spacing_mm)
    return float(distance[np.unravel_index(np.argmax(saliency.voxels), saliency.voxels.shape)])


def tolerance_mm(checkpoint: Checkpoint) -> float:
    """Diagonal of one voxel of the network's DCE grid."""
    return float(np.linalg.norm(checkpoint.recipe.dce_voxel_mm or (0.0, 0.0, 0.0)))


def figures_of(outcomes: list[PhantomAnswer], tolerance: float) -> dict[str, float | str]:
    """What the cases say together."""
    labels = np.array([outcome.malignant for outcome in outcomes])
    probabilities = np.array([outcome.probability for outcome in outcomes])
    called = np.array([outcome.called_malignant for outcome in outcomes])
    distances = np.array([outcome.peak_distance_mm for outcome in outcomes])[labels]
    patients = [str(outcome.seed) for outcome in outcomes]
    interval = bootstrap(lambda i: {"auroc": auroc(labels[i], probabilities[i])}, patients)["auroc"]
    return {
        "auroc": interval.value,
        "auroc_95_percent_interval": f"{interval.low:.3f} to {interval.high:.3f}",
        "sensitivity": float(called[labels].mean()),
        "specificity": float((~called[~labels]).mean()),
        "pointing_within_the_lesion": float((distances == 0).mean()),
        "pointing_within_one_network_voxel": float((distances <= tolerance).mean()),
        "network_voxel_diagonal_mm": tolerance,
        "median_peak_distance_mm": float(np.median(distances)),
        "largest_completeness_error": max(outcome.completeness_error for outcome in outcomes),
        "cpu_seconds_per_case": float(np.mean([outcome.seconds for outcome in outcomes])),
    }


if __name__ == "__main__":
    main()
