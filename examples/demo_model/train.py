"""Makes the demo model that the node ships: simulate patients, train, write the bundle; calibrate.py finishes it.

    python examples/demo_model/train.py --out .cache/demo-model/trained
    python examples/demo_model/calibrate.py --bundle .cache/demo-model/trained --out node/models_shipped/demo

With `--anatomy detailed` the patients are those of dicom_io.phantom.detailed, whose lesions overlap as published. A
model that was begun on an earlier version of them learned nothing (loss 0.70 after five epochs), so the first lesson is
a textbook: 35 % of the patients, each with one conspicuous lesion. The second lesson is everybody.

About half an hour on two CPU cores, most of it simulating and preparing the patients, who are kept in --cache; the
training itself takes a few minutes. The same machine, thread count and versions give the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from cohort import (
    RECIPE,
    TRAINING_SEEDS,
    VALIDATION_SEEDS,
    WITHOUT_MOTION,
    add_patient_options,
    prepared,
    prepared_from,
    sources,
)

from dicom_io.phantom.spec import Anatomy, Presentation
from mome_core.model.architecture import Architecture
from mome_core.model.checkpoint import Description
from mome_core.training.bundle import write_bundle
from mome_core.training.config import Flips, Optimizer, Parts, TrainingConfig
from mome_core.training.dataset import Example
from mome_core.training.loop import train
from mome_core.training.run_state import EpochReport
from mome_core.training.start import from_scratch
from mome_core.training.task import Task

Examples = tuple[Example, ...]

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


TEXTBOOK_SHARE, EVERYBODY_EPOCHS = 0.35, 14
PATIENTS = {Anatomy.SIMPLE: (400, 100), Anatomy.DETAILED: (1150, 120)}
"""To learn from, and to choose the epoch by."""


def main() -> None:
    """One bundle from nothing."""
    arguments = parse_arguments()
    network = from_scratch(ARCHITECTURE, CONFIG.seed)
    for number, (training, validation, config) in enumerate(lessons(arguments), start=1):
        task = Task(network, RECIPE, training, validation, config)
        print(f"lesson {number}: {len(training)} patients, {config.epochs} epochs", flush=True)
        outcome = train(task, arguments.run / f"lesson-{number}", progress=print_epoch)
        network = outcome.network
        print(f"best epoch {outcome.best_epoch + 1}: validation AUROC {outcome.best_auroc:.3f}")
    provenance = {"made_by": "examples/demo_model/train.py", "torch": torch.__version__}
    description = Description("demo", "1", STATEMENT, provenance)
    identity = write_bundle(arguments.out, task, outcome, description, half=True)
    print(f"{arguments.out}: {identity.sha256}")


def lessons(arguments: argparse.Namespace) -> Iterator[tuple[Examples, Examples, TrainingConfig]]:
    """What is learned in turn: patients to learn from, patients to choose the epoch by, and how.

    The epoch of the textbook is chosen by a fifth of its own patients, who are learned from in the second lesson.
    """
    learned, chosen = PATIENTS[arguments.anatomy]
    count, held = arguments.training or learned, arguments.validation or chosen
    validation = prepared("validation", held, VALIDATION_SEEDS, WITHOUT_MOTION, arguments)
    if arguments.anatomy is Anatomy.SIMPLE:
        config = replace(CONFIG, epochs=arguments.epochs or CONFIG.epochs)
        yield prepared("training", count, TRAINING_SEEDS, WITHOUT_MOTION, arguments), validation, config
        return
    easy = round(TEXTBOOK_SHARE * count)
    typical = sources(easy, TRAINING_SEEDS, arguments.anatomy, Presentation.TEXTBOOK)
    textbook = prepared_from("textbook", typical, WITHOUT_MOTION, arguments)
    yield textbook[easy // 5 :], textbook[: easy // 5], replace(CONFIG, epochs=arguments.epochs or CONFIG.epochs)
    clinic = prepared("training", count - easy, TRAINING_SEEDS + easy, WITHOUT_MOTION, arguments)
    yield textbook + clinic, validation, replace(CONFIG, epochs=arguments.epochs or EVERYBODY_EPOCHS)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="bundle directory to write")
    add_patient_options(parser)
    parser.add_argument("--run", type=Path, default=Path(".cache/demo-model/run"), help="state, resumed when there")
    parser.add_argument("--training", type=int, help="patients to learn from: 400 simple, 1150 detailed ones")
    parser.add_argument("--validation", type=int, help="patients to choose the epoch by: 100 simple, 120 detailed ones")
    parser.add_argument("--epochs", type=int, help="of each lesson: 12, and 14 of the second one")
    return parser.parse_args()


def print_epoch(report: EpochReport) -> None:
    print(f"epoch {report.epoch + 1}: loss {report.loss:.3f}, validation AUROC {report.mean_auroc:.3f}", flush=True)


if __name__ == "__main__":
    main()
