"""A bundle calibrated anew on cases of a site: its prevalence, its scanners; the weights stay as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mome_core.calibration import FEWEST_CASES
from mome_core.model.bundle_files import CARD
from mome_core.model.checkpoint import Checkpoint, Description, save_checkpoint
from mome_core.model.estimators import CalibratedEstimator
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.calibrate import TARGET_SENSITIVITY, CalibrationPlan
from mome_core.training.calibrate_network import calibrate_network
from mome_core.training.calibration_card import calibration_card
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.exposure import Exposure, ExposureRecord
from mome_core.training.predict import truth

_FEWEST_FOR_SITE = 100
"""Patients without whom slope and intercept of a site say less than those of the bundle."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A bundle that was written with new calibrations.

    Parameters
    ----------
    seen
        Cases that were left out, because the model was trained or chosen on them.
    """

    identity: ModelIdentity
    estimators: tuple[CalibratedEstimator, ...]
    cases: int
    seen: int


def recalibrate(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    bundle: Path,
    parent_card: str = "",
    counting: Callable[[int], Callable[[str], None]] = lambda planned: lambda name: None,
) -> Recalibration:
    """Write a bundle with these weights, and calibrations of the same estimators from these cases.

    Raises TrainingRefused for fewer than 100 patients that are new to the model, or fewer than 20 of a class.

    Parameters
    ----------
    counting
        Gets how many answers are planned; what it gives is called with the name of each case that is answered.
    """
    record = ExposureRecord.of(checkpoint.manifest)
    exposures = record.exposures(examples)
    new = [each for each, exposure in zip(examples, exposures, strict=True) if exposure is Exposure.NEW]
    for endpoint in checkpoint.endpoints:
        _require_enough(checkpoint, new, endpoint, len(examples) - len(new))
    plan = CalibrationPlan(tuple(each.estimator for each in checkpoint.estimators), _target_of(checkpoint))
    answered = counting(len(new) * len(plan.estimators))
    estimators = calibrate_network(checkpoint.network, new, checkpoint.recipe, plan, answered)
    provenance = _provenance(checkpoint, new, record)
    description = Description(
        checkpoint.identity.name,
        _next_version(checkpoint.identity.version),
        _statement(checkpoint.identity.statement, len(new)),
        provenance,
        _card(checkpoint, estimators, len(new), parent_card),
    )
    half = checkpoint.manifest["weights"]["dtype"] == "float16"
    identity = save_checkpoint(bundle, checkpoint.network, checkpoint.recipe, description, estimators, half=half)
    return Recalibration(identity, estimators, len(new), len(examples) - len(new))


def card_of(bundle: Path) -> str:
    """The model card of a bundle; empty where it has none."""
    place = bundle / CARD
    return place.read_text("utf-8") if place.is_file() else ""


def _require_enough(checkpoint: Checkpoint, cases: Sequence[Example], endpoint: Endpoint, seen: int) -> None:
    """Raise TrainingRefused for cases that cannot calibrate an endpoint."""
    labelled = [each for each in cases if endpoint in each.labels]
    answers = truth(checkpoint.network, endpoint, labelled) if labelled else ()
    of_class = Counter(
        positive for _, positive in {(e.patient, bool(p)) for e, p in zip(labelled, answers, strict=True)}
    )
    patients = len({each.patient for each in labelled})
    if patients >= _FEWEST_FOR_SITE and min(of_class[True], of_class[False]) >= FEWEST_CASES:
        return
    left_out = f" ({seen} cases are left out, because the model was trained or chosen on them)" if seen else ""
    raise TrainingRefused(
        f"{of_class[True]} positive and {of_class[False]} negative patients of {endpoint} are new to the model"
        f"{left_out}: at least {_FEWEST_FOR_SITE} patients are needed, and {FEWEST_CASES} of each class"
    )


def _target_of(checkpoint: Checkpoint) -> float:
    """The target sensitivity that the bundle was calibrated for; the default where it does not say."""
    for each in checkpoint.estimators:
        for calibrations in each.endpoints.values():
            for calibration in calibrations.coalitions.values():
                if calibration.validation is not None:
                    return calibration.validation.target_sensitivity
    return TARGET_SENSITIVITY


def _provenance(checkpoint: Checkpoint, cases: Sequence[Example], record: ExposureRecord) -> dict[str, Any]:
    """What the parent was made of, the parent itself, and whom the calibration was chosen on."""
    before = dict(checkpoint.manifest["provenance"])
    parent = checkpoint.manifest["manifest_sha256"]
    return before | {
        "recalibrated_from": parent,
        "lineage": [*before.get("lineage", []), parent],
        "calibration_cases": len(cases),
        "exposure": record.extended((), cases).to_json(),
    }


def _next_version(version: str) -> str:
    """E.g. "1" -> "1+site1" -> "1+site2"."""
    base, _, number = version.partition("+site")
    return f"{base}+site{int(number) + 1 if number.isdecimal() else 1}"


def _statement(statement: str, cases: int) -> str:
    """The parent's statement, which stays true, with what was done since."""
    said = statement.partition(" Recalibrated on ")[0]
    return f"{said} Recalibrated on {cases} studies of one site; valid for patients like those."


def _card(checkpoint: Checkpoint, estimators: Sequence[CalibratedEstimator], cases: int, parent_card: str) -> str:
    """The calibration that holds now, before the card of the bundle that it comes from."""
    identity, parent = checkpoint.identity, checkpoint.manifest["manifest_sha256"]
    tables = "\n\n".join(calibration_card(each) for each in estimators)
    return f"""# {identity.name} {_next_version(identity.version)}

RESEARCH USE ONLY - not for clinical use.

The weights of {identity.name} {identity.version}, calibrated anew on {cases} studies of one site that the model was
neither trained nor chosen on. Parent: bundle `{parent}`.

## How it answers now

{tables}

## The card of {identity.name} {identity.version}; its calibration does not hold here

{parent_card}
"""
