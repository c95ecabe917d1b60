"""Calibrates the demo model on simulated patients that it has neither learned from nor been chosen on.

    python examples/demo_model/calibrate.py --bundle node/models_shipped/demo --out node/models_shipped/demo

Weights, recipe and name stay as they are. Every patient is answered by the paper's estimator from all seven sets of
modalities, as the node would answer a study that has no more. Half an hour on one CPU core for 300 patients,
two thirds of it simulating and preparing them; they are kept in --cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from cohort import (
    CALIBRATION_SEEDS,
    RECIPE,
    TRAINING_SEEDS,
    VALIDATION_SEEDS,
    add_patient_options,
    prepared,
    sources,
)

from mome_core.case import Modality
from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.training.calibrate import CalibrationPlan
from mome_core.training.calibrate_network import calibrate_network
from mome_core.training.calibration_card import calibration_card
from mome_core.training.dataset import Example
from mome_core.training.exposure import ExposureRecord

CARD = Path(__file__).with_name("MODEL_CARD.md")
OF_THE_OLD_CALIBRATION = ("validation", "baseline")
"""What bundles of earlier releases say of a threshold that holds no longer."""


def main() -> None:
    """The same model with calibrations of its own for each set of modalities."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(arguments.bundle)
    patients = prepared("calibration", arguments.patients, CALIBRATION_SEEDS, RECIPE, arguments)
    estimators = calibrate_network(checkpoint.network, patients, checkpoint.recipe, CalibrationPlan(), print_answered)
    tables = "\n\n".join(calibration_card(each) for each in estimators)
    description = Description(
        checkpoint.identity.name,
        arguments.version,
        checkpoint.identity.statement,
        provenance_of(checkpoint.manifest, patients),
        CARD.read_text().format(version=arguments.version, calibrations=tables),
    )
    half = checkpoint.manifest["weights"]["dtype"] == "float16"
    save_checkpoint(arguments.out, checkpoint.network, checkpoint.recipe, description, estimators, half=half)
    print(tables)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="bundle to calibrate")
    parser.add_argument("--out", type=Path, required=True, help="bundle directory to write; may be the same")
    parser.add_argument("--version", default="3", help="of the bundle that is written")
    add_patient_options(parser)
    parser.add_argument("--patients", type=int, default=300, help="half of them malignant: 72 of these prove 95 %%")
    return parser.parse_args()


def provenance_of(manifest: Mapping[str, Any], patients: tuple[Example, ...]) -> dict[str, Any]:
    """Where the model comes from, with whom it was calibrated on; what the old calibration said is left out."""
    kept = {key: value for key, value in manifest["provenance"].items() if key not in OF_THE_OLD_CALIBRATION}
    return kept | {
        "calibrated_by": "examples/demo_model/calibrate.py",
        "calibrated_from": manifest["manifest_sha256"],
        "calibration_cases": len(patients),
        "exposure": exposure_before(manifest).extended((), patients).to_json(),
    }


def exposure_before(manifest: Mapping[str, Any]) -> ExposureRecord:
    """Whom the model has seen; a bundle from before that was recorded knows the patients (not the images) by seeds."""
    record, provenance = ExposureRecord.of(manifest), manifest["provenance"]
    if record.complete:
        return record
    taught = seen(provenance["training_cases"], TRAINING_SEEDS)
    return ExposureRecord().extended(taught, seen(provenance["validation_cases"], VALIDATION_SEEDS))


def seen(count: int, first_seed: int) -> list[Example]:
    """Patients by what their files call them."""
    return [
        Example(
            each.name, each.patient, each.labels, Path(), InputFacts.of_modalities(Modality), identity=each.identity()
        )
        for each in sources(count, first_seed)
    ]


def print_answered(name: str) -> None:
    print(f"answered {name}", flush=True)


if __name__ == "__main__":
    main()
