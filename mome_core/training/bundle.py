"""From a finished run to a bundle: calibrations from the validation cases, the training range in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mome_core.model.checkpoint import Description, as_loaded, save_checkpoint
from mome_core.model.estimators import CalibratedEstimator
from mome_core.preprocessing.recipe import Recipe, UnitOfAnalysis
from mome_core.results import ModelIdentity
from mome_core.training.calibrate_network import calibrate_network
from mome_core.training.calibration_card import calibration_card
from mome_core.training.config import TrainingConfig
from mome_core.training.dataset import seen_in
from mome_core.training.exposure import ExposureRecord
from mome_core.training.loop import TrainingResult
from mome_core.training.task import Task

LICENCES = "data_licences"  # in a bundle's provenance: licences of the data that taught or chose


def write_bundle(
    bundle: Path,
    task: Task,
    result: TrainingResult,
    description: Description,
    *,
    half: bool = False,
    before: ExposureRecord | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> ModelIdentity:
    """Write the trained network with its calibrations, training range and provenance.

    A description without a card gets one that says how the run went.

    Parameters
    ----------
    half
        Store float16.
    before
        What the values that the training began with had seen; nothing unless it is given.
    progress
        Called with the name of each validation case that is answered.
    """
    network = as_loaded(result.network, half=half)
    estimators = calibrate_network(network, task.validation, task.recipe, task.config.calibration, progress)
    seen = seen_in(task.training)
    recipe = replace(task.recipe, quality=replace(task.recipe.quality, trained_on=seen))
    provenance = {
        **description.provenance,
        "training_cases": len(task.training),
        "validation_cases": len(task.validation),
        "best_epoch": result.best_epoch + 1,
        "config": task.config.to_json(),
        "exposure": (before or ExposureRecord()).extended(task.training, task.validation).to_json(),
    }
    card = description.card or _card_of(description, task.config, estimators[0], provenance) + _unit_card(recipe)
    return save_checkpoint(
        bundle, network, recipe, replace(description, provenance=provenance, card=card), estimators, half=half
    )


def _card_of(
    description: Description, config: TrainingConfig, default: CalibratedEstimator, provenance: dict[str, Any]
) -> str:
    """Text of MODEL_CARD.md."""
    numbers = ", ".join(f"{name} {value}" for name, value in config.to_json().items())
    return f"""# {description.name} {description.version}

RESEARCH USE ONLY - not for clinical use.

{description.statement}

## How it answers

{calibration_card(default)}

## How it was made

{provenance["training_cases"]} training cases; the values are those of epoch {provenance["best_epoch"]}.
{numbers}.
{_licences_card(provenance.get(LICENCES, ()))}"""


def _unit_card(recipe: Recipe) -> str:
    """What a case is, where it is not a whole study."""
    if recipe.unit is UnitOfAnalysis.PATIENT:
        return ""
    return (
        "\n## One breast\n\nA case is one breast: a probability is that this breast is positive. Counts and bounds are "
        "of at most one positive and one negative breast of each patient, for they need independent cases. A study "
        "in which both breasts are found is refused, so is diffusion alone with a field of 220 mm or more, and no node "
        "runs the model.\n"
    )


def _licences_card(licences: Sequence[str]) -> str:
    """Under which licences its data are; nothing where the cohort does not say."""
    if not licences:
        return ""
    listed = "\n".join(f"- {each}" for each in licences)
    forbidden = "NOT FOR COMMERCIAL USE: a licence of the data forbids it.\n\n" if non_commercial(licences) else ""
    return f"\n## Licences of the data\n\n{forbidden}{listed}\n"


def non_commercial(licences: Iterable[str]) -> bool:
    """Whether any of these licences forbids commercial use (Creative Commons NC)."""
    return any("-NC" in each for each in licences)
