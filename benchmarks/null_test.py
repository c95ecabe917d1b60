"""What cross-validation says of noise: images without content, labels by chance, the project's own training.

    nice python benchmarks/null_test.py --repetitions 20

Each repetition draws 100 new cases of noise with random labels and trains, calibrates and scores five folds as
`mome-node train --all-folds` does, with the smallest network that has every part. A protocol that flatters nobody has
a mean AUROC of 0.5, and intervals that cover 0.5 as often as they say. One line a repetition, then the whole as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from mome_core.case import Modality
from mome_core.model.architecture import Architecture
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.preprocessing.recipe import Recipe, TrainingRange
from mome_core.results import Endpoint
from mome_core.training.cohort import ManifestRow
from mome_core.training.config import Parts, TrainingConfig
from mome_core.training.dataset import Cohort, Example, keep_arrays
from mome_core.training.nested import CrossValidation
from mome_core.training.questions import heads_named
from mome_core.training.start import from_scratch
from node.training import TrainingPlan, train_on
from node.training_report import TrainingProgress

CASES = 100
RECIPE = Recipe(dce_size=(32, 16, 16), dwi_size=(16, 16, 16), t2_size=(16, 16, 16), dce_phases=2)
SMALLEST = Architecture(
    width=16, heads=2, ffn_width=16, layers=2, sparse_layers=1, adapter_width=8, soft_experts=2, stem_widths=(4, 4)
).for_recipe(RECIPE)


@dataclass(frozen=True)
class Repetition:
    """What one cohort of noise gave; `validation` is the AUROC of the cases that chose the epoch, which flatters."""

    seed: int
    auroc: float
    sd: float
    low: float
    high: float
    pooled: float
    pooled_low: float
    pooled_high: float
    validation: float


def noise(folder: Path, seed: int) -> Cohort:
    """Cases of noise; half of them, by chance, are called positive."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(CASES) % 2)
    cases = []
    for n, label in enumerate(labels):
        arrays = {
            m: rng.normal(size=(RECIPE.channels(m), *(k - 2 for k in RECIPE.size(m)))).astype(np.float32)
            for m in Modality
        }
        path = folder / f"{n}.safetensors"
        keep_arrays(path, arrays, TrainingRange())
        cases.append(
            Example(
                f"case {n}", f"patient {n}", {Endpoint.MALIGNANCY: int(label)}, path, InputFacts.of_modalities(Modality)
            )
        )
    return Cohort(tuple(cases))


def repetition(seed: int, epochs: int) -> Repetition:
    """Nested cross-validation of one cohort of noise."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        start = folder / "start"
        save_checkpoint(start, from_scratch(SMALLEST, seed), RECIPE, Description("start", "1", "Knows nothing."))
        cohort = noise(folder, seed)
        rows = [ManifestRow(e.name, folder / e.name, e.patient, e.labels, None, {}) for e in cohort.examples]
        config = TrainingConfig(
            epochs=epochs, batch_size=8, accumulation=1, learning_rate=3e-3, parts=Parts.EVERYTHING, seed=seed
        )
        plan = TrainingPlan(start, heads_named(["malignancy"]), config, folder / "out", fold=None)
        report = train_on(cohort, rows, load_checkpoint(start), plan, TrainingProgress())
    if report is None:
        raise RuntimeError("every fold is trained by the main process")
    chosen = float(np.mean([model.validation_auroc for model in report.models]))
    return measured(seed, report.cross_validation["malignancy"], chosen)


def measured(seed: int, found: CrossValidation, validation: float) -> Repetition:
    """The figures of one repetition."""
    mean, pooled = found.mean["auroc"], found.pooled["auroc"]
    return Repetition(seed, mean.mean, mean.sd, mean.low, mean.high, pooled.value, pooled.low, pooled.high, validation)


def summary(repetitions: list[Repetition]) -> dict[str, float | int]:
    """All repetitions together."""
    means = np.array([each.auroc for each in repetitions])
    return {
        "repetitions": len(repetitions),
        "mean_auroc": float(means.mean()),
        "standard_error": float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan"),
        "above_half": int((means > 0.5).sum()),
        "interval_covers_half": sum(each.low <= 0.5 <= each.high for each in repetitions),
        "mean_pooled_auroc": float(np.mean([each.pooled for each in repetitions])),
        "pooled_interval_covers_half": sum(each.pooled_low <= 0.5 <= each.pooled_high for each in repetitions),
        "mean_validation_auroc": float(np.mean([each.validation for each in repetitions])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: list[Repetition] = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.repetitions):
        found.append(repetition(seed, arguments.epochs))
        print(json.dumps(asdict(found[-1])), flush=True)
    print(json.dumps(summary(found), indent=2), flush=True)


if __name__ == "__main__":
    main()
