"""A bundle calibrated anew on a cohort of this site: `recalibrate_bundle` is the whole of it on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mome_core.compute import best_device
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.training.cohort import ManifestRow, rows_of_split, rows_to_measure, unit_of
from mome_core.training.errors import TrainingRefused
from mome_core.training.recalibrate import Recalibration, card_of, recalibrate
from node.cases import CACHE, CohortProgress, prepare_cases


@dataclass(frozen=True, slots=True)
class RecalibrationPlan:
    """What is calibrated on which cases of a manifest.

    Parameters
    ----------
    bundle, out
        The parent, and the folder of the new bundle.
    split
        Only these cases; all when empty.
    cache
        Folder of prepared cases, kept from run to run.
    workers
        Processes that prepare cases.
    """

    bundle: Path
    out: Path
    split: str = ""
    device: str = "auto"
    cache: Path = CACHE
    workers: int = 1


def recalibrate_bundle(rows: Sequence[ManifestRow], plan: RecalibrationPlan, progress: CohortProgress) -> Recalibration:
    """Answer the cases by the bundle's estimators, and write a bundle with the calibrations that they give.

    Labels from readers' verdicts are left out (`rows_to_measure`).
    Raises TrainingRefused for too few patients that are new to the model.
    """
    checkpoint = load_checkpoint(plan.bundle, best_device() if plan.device == "auto" else plan.device)
    measured = rows_to_measure(rows_of_split(rows, plan.split))
    chosen = [row for row in measured if row.labels or not row.judged]
    _require_same_unit(checkpoint, unit_of(chosen))
    cohort = prepare_cases(chosen, checkpoint.recipe, plan.cache, plan.workers, progress)
    counting = partial(progress.counting, f"{checkpoint.identity.name}: cases answered")
    return recalibrate(checkpoint, cohort.examples, plan.out, card_of(plan.bundle), counting)


def _require_same_unit(checkpoint: Checkpoint, unit: UnitOfAnalysis) -> None:
    """TrainingRefused where a probability of patients would be calibrated on breasts, or the other way round."""
    own = checkpoint.recipe.unit
    if own is not unit:
        name = checkpoint.identity.name
        raise TrainingRefused(f"a case of {name} is a {own}, and one of this manifest is a {unit}: see its column side")
