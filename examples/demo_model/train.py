"""Makes the demo model that the node ships: simulate patients, train, write the bundle; calibrate.py finishes it.

    python examples/demo_model/train.py --out .cache/demo-model/trained
    python examples/demo_model/calibrate.py --bundle .cache/demo-model/trained --out node/models_shipped/demo

About half an hour on two CPU cores, most of it simulating and preparing the patients, who are kept in --cache; the
training itself takes a few minutes. The same machine, thread count and versions give the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from cohort import RECIPE, TRAINING_SEEDS, VALIDATION_SEEDS, WITHOUT_MOTION, prepared

from mome_core.model.architecture import Architecture
from mome_core.model.checkpoint import Description
from mome_core.training.bundle import write_bundle
from mome_core.training.config import Flips, Optimizer, Parts, TrainingConfig
from mome_core.training.loop import train
from mome_core.training.run_state import EpochReport
from mome_core.training.start import from_scratch
from mome_core.training.task import Task

STATEMENT = "Demo model: knows simulated patients (phantoms) and nothing else; says nothing about real ones."

ARCHITECTURE = Architecture(
    width=192,
    heads=6,
    ffn_width=384,
    layers=6,
    sparse_layers=4,
    adapter_width=48,
    soft_experts=16,
    stem_widths=(16, 32),
    drop_path=0.05,
).for_recipe(RECIPE)
"""MOME with everything it has, small: four layers with an expert for each modality, two with a soft mixture."""

CONFIG = TrainingConfig(
    epochs=12,
    batch_size=8,
    accumulation=1,
    optimizer=Optimizer.ADAMW,
    learning_rate=1.5e-3,
    final_learning_rate=1e-5,
    warm_up_epochs=1,
    weight_decay=0.01,
    gradient_clip=1.0,
    label_smoothing=0.05,
    flips=Flips.GROUP,
    modality_dropout=0.25,
    patch_loss=1.0,
    parts=Parts.EVERYTHING,
    threads=2,
)
"""Not the paper's protocol, which fine-tunes around a backbone that knows images already: this one knows nothing."""


def main() -> None:
    """One bundle from nothing."""
    arguments = parse_arguments()
    training = prepared("training", arguments.training, TRAINING_SEEDS, WITHOUT_MOTION, arguments)
    validation = prepared("validation", arguments.validation, VALIDATION_SEEDS, WITHOUT_MOTION, arguments)
    task = Task(from_scratch(ARCHITECTURE, CONFIG.seed), RECIPE, training, validation, CONFIG)
    outcome = train(task, arguments.run, progress=print_epoch)
    print(f"best epoch {outcome.best_epoch + 1}: validation AUROC {outcome.best_auroc:.3f}")
    provenance = {"made_by": "examples/demo_model/train.py", "torch": torch.__version__}
    description = Description("demo", "1", STATEMENT, provenance)
    identity = write_bundle(arguments.out, task, outcome, description, half=True)
    print(f"{arguments.out}: {identity.sha256}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="bundle directory to write")
    parser.add_argument("--cache", type=Path, default=Path(".cache/demo-model"), help="prepared patients")
    parser.add_argument("--run", type=Path, default=Path(".cache/demo-model/run"), help="state, resumed when there")
    parser.add_argument("--training", type=int, default=400, help="patients to learn from")
    parser.add_argument("--validation", type=int, default=100, help="patients to choose the epoch by")
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare patients")
    return parser.parse_args()


def print_epoch(report: EpochReport) -> None:
    print(f"epoch {report.epoch + 1}: loss {report.loss:.3f}, validation AUROC {report.mean_auroc:.3f}", flush=True)


if __name__ == "__main__":
    main()
