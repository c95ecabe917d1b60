"""From a finished run to a bundle: operating points from the validation cases, the training range in the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mome_core.model.checkpoint import Description, OperatingPoint, save_checkpoint
from mome_core.model.network import Network
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.calibrate import calibrated
from mome_core.training.config import TrainingConfig
from mome_core.training.dataset import Example, seen_in
from mome_core.training.exposure import ExposureRecord
from mome_core.training.loop import Task, TrainingResult
from mome_core.training.metrics import all_metrics
from mome_core.training.predict import log_odds, probabilities, truth

_MOST_QUANTILES = 200
_Figures = dict[str, dict[str, float]]


def write_bundle(
    bundle: Path,
    task: Task,
    result: TrainingResult,
    description: Description,
    *,
    half: bool = False,
    before: ExposureRecord | None = None,
) -> ModelIdentity:
    """Write the trained network with its thresholds, temperatures, training range and provenance.

    A description without a card gets one that says how the run went.

    Parameters
    ----------
    half
        Store float16; the network is rounded first, so that what is measured is what is stored.
    before
        What the values that the training began with had seen; nothing unless it is given.
    """
    network = result.network
    if half:
        network.half().float()
    points = _operating_points(network, task.validation, task.recipe)
    figures = _figures_at(network, points, task.validation, task.recipe)
    seen = seen_in(task.training)
    recipe = replace(task.recipe, quality=replace(task.recipe.quality, trained_on=seen))
    provenance = {
        **description.provenance,
        "training_cases": len(task.training),
        "validation_cases": len(task.validation),
        "best_epoch": result.best_epoch + 1,
        "config": task.config.to_json(),
        "validation": figures,
        "baseline": _baseline_of(network, points, task.validation, task.recipe),
        "exposure": (before or ExposureRecord()).extended(task.training, task.validation).to_json(),
    }
    card = description.card or _card_of(description, task.config, points, provenance, figures)
    return save_checkpoint(
        bundle, network, recipe, replace(description, provenance=provenance, card=card), points, half=half
    )


def _operating_points(
    network: Network, validation: Sequence[Example], recipe: Recipe
) -> dict[Endpoint, OperatingPoint]:
    """Threshold and temperature of each endpoint."""
    answers = log_odds(network, validation, recipe)
    return {
        endpoint: OperatingPoint(*calibrated(truth(network, endpoint, validation), values))
        for endpoint, values in answers.items()
    }


def _figures_at(
    network: Network, points: dict[Endpoint, OperatingPoint], examples: Sequence[Example], recipe: Recipe
) -> _Figures:
    """Every metric of each endpoint at its operating point."""
    answers = log_odds(network, examples, recipe)
    return {
        endpoint.value: all_metrics(
            truth(network, endpoint, examples),
            probabilities(answers[endpoint], point.temperature),
            point.threshold,
        )
        for endpoint, point in points.items()
    }


def _baseline_of(
    network: Network, points: dict[Endpoint, OperatingPoint], examples: Sequence[Example], recipe: Recipe
) -> dict[str, list[float]]:
    """How the answers to the validation cases are spread, which later answers are compared with: sorted, no case named.

    Of many cases evenly spaced quantiles are kept.
    """
    spread = {}
    for endpoint, log_odds_N in log_odds(network, examples, recipe).items():
        answers = probabilities(log_odds_N, points[endpoint].temperature)
        quantiles = np.quantile(answers, np.linspace(0, 1, min(len(answers), _MOST_QUANTILES)))
        spread[endpoint.value] = [round(float(each), 4) for each in quantiles]
    return spread


def _card_of(
    description: Description,
    config: TrainingConfig,
    points: dict[Endpoint, OperatingPoint],
    provenance: dict[str, Any],
    figures: _Figures,
) -> str:
    """Text of MODEL_CARD.md."""
    rows = "\n".join(
        f"| {endpoint} | {point.threshold:.3f} | {point.temperature:.2f} | {f['auroc']:.3f} | {f['auprc']:.3f} "
        f"| {f['sensitivity']:.3f} | {f['specificity']:.3f} | {f['brier']:.3f} |"
        for endpoint, point in points.items()
        for f in (figures[endpoint.value],)
    )
    numbers = ", ".join(f"{name} {value}" for name, value in config.to_json().items())
    return f"""# {description.name} {description.version}

RESEARCH USE ONLY - not for clinical use.

{description.statement}

## How it answers

Figures of the {provenance["validation_cases"]} validation cases, on which epoch, threshold and temperature were chosen;
they flatter the model. `mome-node evaluate` measures it on cases that it has not seen.

| endpoint | threshold | temperature | AUROC | AUPRC | sensitivity | specificity | Brier |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

## How it was made

{provenance["training_cases"]} training cases; the values are those of epoch {provenance["best_epoch"]}.
{numbers}.
"""
