"""A site's own model, from a cohort to a bundle: `train_models` is the whole of it on one screen."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mome_core.compute import device_of
from mome_core.model.architecture import Head
from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint
from mome_core.results import Endpoint
from mome_core.training.bundle import write_bundle
from mome_core.training.cohort import ManifestRow, held_out
from mome_core.training.config import FOLLOW_UP_TASK, TrainingConfig, config_from_json
from mome_core.training.dataset import Cohort, Example, ExcludedCase
from mome_core.training.distributed import ProcessGroup, process_group
from mome_core.training.evaluate import scored
from mome_core.training.history import MetricsWriter, draw_history
from mome_core.training.loop import Task, train
from mome_core.training.metrics import all_metrics
from mome_core.training.predict import truth
from mome_core.training.run_state import EpochReport
from mome_core.training.start import from_checkpoint, from_scratch
from mome_core.training.statistics import Interval, bootstrap
from node.cases import CACHE, CohortProgress, exclusions_json, prepare_cases
from node.errors import SettingsError

_WITHOUT_THRESHOLD = (
    "auroc",
    "auprc",
    "partial_auroc_specificity_90",
    "partial_auroc_sensitivity_90",
    "brier",
    "ece",
)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained, from where, and to where.

    Parameters
    ----------
    start
        Bundle whose recipe and architecture are taken, and whose weights unless `scratch`.
    out
        Bundle to write; a folder of bundles `fold-1` ... when every fold is trained.
    run
        Folder of the run's state, from which a killed run continues; OUT.run when None.
    fold
        The fold that is held out, from 0; None trains a model for each. Unused where the manifest has splits.
    cache
        Folder of prepared cases, kept from run to run.
    workers
        Processes that prepare cases.
    """

    start: Path
    endpoint: Endpoint
    config: TrainingConfig
    out: Path
    run: Path | None = None
    scratch: bool = False
    folds: int = 5
    fold: int | None = 0
    device: str = "cpu"
    cache: Path = CACHE
    workers: int = 1


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One bundle that was trained; `best_epoch` from 1; the validation AUROC chose the epoch, so it is no test."""

    bundle: str
    sha256: str
    best_epoch: int
    validation_auroc: float
    training_cases: int
    validation_cases: int


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Figures of all cases, each answered by the model that had not seen it."""

    cases: int
    figures: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The models of one training, and the cases that could not be used; `out_of_fold` when every fold was trained."""

    models: tuple[TrainedModel, ...]
    excluded: tuple[ExcludedCase, ...]
    out_of_fold: OutOfFold | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        payload: dict[str, object] = {"excluded": exclusions_json(self.excluded)}
        if self.out_of_fold is None:
            return payload | asdict(self.models[0])
        return payload | {"folds": [asdict(each) for each in self.models], "out_of_fold": asdict(self.out_of_fold)}


class TrainingProgress(CohortProgress):
    """What is reported while models are trained; this one stays silent."""

    def epoch(self, model: str, report: EpochReport, epochs: int) -> None:
        """One epoch of a model is over, of at most so many epochs."""


def train_models(rows: Sequence[ManifestRow], plan: TrainingPlan, progress: TrainingProgress) -> TrainingReport | None:
    """Train a model on a cohort, or one for each fold; None in the processes that only help the main one.

    Killed and called again with the same plan it continues. Raises TrainingRefused for what cannot teach or prove.
    """
    group = process_group()
    start = load_checkpoint(plan.start, group.device(plan.device))
    cohort = _prepared_once(group, rows, start, plan, progress)
    folds = _folds_of(cohort, rows, plan)
    models = tuple(model for fold in folds if (model := _train_one(start, fold, plan, progress)))
    if not group.is_main:
        return None
    pooled = _out_of_fold(folds, plan, group.device(plan.device)) if plan.fold is None else None
    return TrainingReport(models, cohort.exclusions, pooled)


def _prepared_once(
    group: ProcessGroup, rows: Sequence[ManifestRow], start: Checkpoint, plan: TrainingPlan, progress: CohortProgress
) -> Cohort:
    """The cases, prepared by the main process; then all others find them in the cache."""
    if not group.is_main:
        group.barrier()
    cohort = prepare_cases(rows, start.recipe, plan.cache, plan.workers, progress)
    if group.is_main:
        group.barrier()
    return cohort


@dataclass(frozen=True, slots=True)
class _Fold:
    """The two sides of one training, where its bundle and its run lie, and how many cases could not be used."""

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    bundle: Path
    run: Path
    excluded: int


def _folds_of(cohort: Cohort, rows: Sequence[ManifestRow], plan: TrainingPlan) -> list[_Fold]:
    """One fold, or all of them: who teaches, and who is held out."""
    split_of = {row.name: row.split for row in rows}
    splits = [split_of[each.name] for each in cohort.examples]
    folds = []
    for number in range(plan.folds) if plan.fold is None else (plan.fold,):
        sides = held_out(cohort.examples, splits, plan.endpoint, folds=plan.folds, fold=number, seed=plan.config.seed)
        bundle = plan.out / f"fold-{number + 1}" if plan.fold is None else plan.out
        run = plan.run if plan.run and plan.fold is not None else bundle.with_name(f"{bundle.name}.run")
        folds.append(_Fold(*sides, bundle, run, len(cohort.exclusions)))
    return folds


def _train_one(start: Checkpoint, fold: _Fold, plan: TrainingPlan, progress: TrainingProgress) -> TrainedModel | None:
    """Train, calibrate, write the bundle and the drawing of the run; None in a process that is not the main one."""
    network = from_checkpoint(start, (Head(plan.endpoint),), plan.config.seed)
    if plan.scratch:
        network = from_scratch(network.architecture, plan.config.seed).to(device_of(start.network))
    task = Task(network, start.recipe, fold.training, fold.validation, plan.config)
    if not process_group().is_main:
        train(task, fold.run)
        return None
    writer = MetricsWriter(fold.run)

    def report(epoch: EpochReport) -> None:
        writer.add(epoch)
        progress.epoch(fold.bundle.name, epoch, plan.config.epochs)

    result = train(task, fold.run, report)
    draw_history(fold.run)
    identity = write_bundle(fold.bundle, task, result, _description(start, fold, plan))
    return TrainedModel(
        bundle=str(fold.bundle),
        sha256=identity.sha256,
        best_epoch=result.best_epoch + 1,
        validation_auroc=result.best_auroc,
        training_cases=len(fold.training),
        validation_cases=len(fold.validation),
    )


def _description(start: Checkpoint, fold: _Fold, plan: TrainingPlan) -> Description:
    statement = f"Trained on {len(fold.training)} studies of one site for {plan.endpoint}; not validated elsewhere."
    provenance = {"started_from": start.identity.sha256, "scratch": plan.scratch, "excluded": fold.excluded}
    return Description(fold.bundle.name, "1", statement, provenance)


def _out_of_fold(folds: Sequence[_Fold], plan: TrainingPlan, device: str) -> OutOfFold:
    """Figures over all folds; none that needs a threshold, since thresholds differ from fold to fold."""
    unseen = [(load_checkpoint(fold.bundle, device), fold.validation) for fold in folds]
    positive = np.concatenate([truth(model.network, plan.endpoint, cases) for model, cases in unseen])
    scores = np.concatenate([scored(model, cases, plan.endpoint) for model, cases in unseen])
    figures = bootstrap(
        lambda i: {name: all_metrics(positive[i], scores[i], 0.5)[name] for name in _WITHOUT_THRESHOLD},
        [case.patient for _, cases in unseen for case in cases],
    )
    return OutOfFold(len(scores), figures)


def training_config(path: Path | None, endpoint: Endpoint, **overrides: int | None) -> TrainingConfig:
    """The published protocol of the endpoint, with what a TOML or JSON file and the overrides that are not None say.

    Raises SettingsError for a file that cannot be read, TrainingRefused for a value that the protocol does not know.
    """
    published = TrainingConfig() if endpoint is Endpoint.MALIGNANCY else FOLLOW_UP_TASK
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text()
            values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except (OSError, ValueError) as error:
            raise SettingsError(f"cannot read the training config {path}: {error}") from error
    given = {name: value for name, value in overrides.items() if value is not None}
    return config_from_json(published.to_json() | values | given)
