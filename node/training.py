"""A site's own model, from a cohort to a bundle: `train_models` is the whole of it on one screen."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mome_core.case import Modality
from mome_core.compute import device_of
from mome_core.model.architecture import Head
from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint
from mome_core.results import Endpoint
from mome_core.training.bundle import write_bundle
from mome_core.training.cohort import ManifestRow, Split
from mome_core.training.config import FOLLOW_UP_TASK, TrainingConfig, config_from_json
from mome_core.training.dataset import Cohort, ExcludedCase
from mome_core.training.distributed import ProcessGroup, process_group
from mome_core.training.exposure import ExposureRecord
from mome_core.training.folds import Folding, Partition, partition
from mome_core.training.history import MetricsWriter, draw_history
from mome_core.training.loop import Task, train
from mome_core.training.nested import CrossValidation, FoldScores, cross_validated
from mome_core.training.predict import truth
from mome_core.training.run_state import EpochReport
from mome_core.training.scored import scored
from mome_core.training.start import from_checkpoint, from_scratch
from mome_core.training.table import write_table
from node.cases import CACHE, CohortProgress, exclusions_json, prepare_cases
from node.errors import SettingsError


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
    folds, inner_folds
        Parts of the cohort, of which one is kept for the end; parts of the rest, of which one chooses epoch,
        calibration and operating point. Unused where the manifest has splits.
    fold
        The fold that is kept for the end, from 0; None trains a model for each.
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
    inner_folds: int = 5
    fold: int | None = 0
    device: str = "cpu"
    cache: Path = CACHE
    workers: int = 1


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One bundle that was trained.

    Parameters
    ----------
    best_epoch
        From 1.
    validation_auroc
        Of the cases that chose the epoch, so it is no test.
    held_out_cases, held_out
        The fold that was kept for the end, and its figures; none where the manifest names the sides.
    split
        Manifest that says who was on which side; empty where the cohort's own says so.
    """

    bundle: str
    sha256: str
    best_epoch: int
    validation_auroc: float
    training_cases: int
    validation_cases: int
    held_out_cases: int = 0
    held_out: Mapping[str, float] | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The models of one training, the cases that could not be used, and what every fold together shows."""

    models: tuple[TrainedModel, ...]
    excluded: tuple[ExcludedCase, ...]
    cross_validation: CrossValidation | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        payload: dict[str, object] = {"excluded": exclusions_json(self.excluded)}
        if self.cross_validation is None:
            return payload | asdict(self.models[0])
        return payload | {
            "folds": [asdict(each) for each in self.models],
            "cross_validation": asdict(self.cross_validation),
        }


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
    return train_on(cohort, rows, start, plan, progress)


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


def train_on(
    cohort: Cohort, rows: Sequence[ManifestRow], start: Checkpoint, plan: TrainingPlan, progress: TrainingProgress
) -> TrainingReport | None:
    """As `train_models`, on cases that are prepared already."""
    folds = _folds_of(cohort, rows, plan)
    trained = [done for fold in folds if (done := _train_one(start, fold, rows, plan, progress))]
    if not process_group().is_main:
        return None
    scores = [scores for _, scores in trained if scores is not None]
    together = cross_validated(scores) if plan.fold is None else None
    return TrainingReport(tuple(model for model, _ in trained), cohort.exclusions, together)


@dataclass(frozen=True, slots=True)
class _Fold:
    """The sides of one training, where its bundle and its run lie, and how many cases could not be used."""

    sides: Partition
    bundle: Path
    run: Path
    excluded: int


def _folds_of(cohort: Cohort, rows: Sequence[ManifestRow], plan: TrainingPlan) -> list[_Fold]:
    """One fold, or all of them: who teaches, who chooses, and who is held out."""
    split_of = {row.name: row.split for row in rows}
    splits = [split_of[each.name] for each in cohort.examples]
    folding = Folding(plan.folds, plan.inner_folds, plan.config.seed)
    folds = []
    for number in range(plan.folds) if plan.fold is None else (plan.fold,):
        sides = partition(cohort.examples, splits, (plan.endpoint,), folding, number)
        bundle = plan.out / f"fold-{number + 1}" if plan.fold is None else plan.out
        run = plan.run if plan.run and plan.fold is not None else bundle.with_name(f"{bundle.name}.run")
        folds.append(_Fold(sides, bundle, run, len(cohort.exclusions)))
    return folds


def _train_one(
    start: Checkpoint, fold: _Fold, rows: Sequence[ManifestRow], plan: TrainingPlan, progress: TrainingProgress
) -> tuple[TrainedModel, FoldScores | None] | None:
    """Train, calibrate, write the bundle, score the held-out fold; None in a process that is not the main one."""
    network = from_checkpoint(start, (Head(plan.endpoint),), plan.config.seed)
    if plan.scratch:
        network = from_scratch(network.architecture, plan.config.seed).to(device_of(start.network))
    task = Task(network, start.recipe, fold.sides.training, fold.sides.validation, plan.config)
    if not process_group().is_main:
        train(task, fold.run)
        return None
    writer = MetricsWriter(fold.run)

    def report(epoch: EpochReport) -> None:
        writer.add(epoch)
        progress.epoch(fold.bundle.name, epoch, plan.config.epochs)

    result = train(task, fold.run, report)
    draw_history(fold.run)
    before = ExposureRecord() if plan.scratch else ExposureRecord.of(start.manifest)
    identity = write_bundle(fold.bundle, task, result, _description(start, fold, plan), before=before)
    scores = _held_out_scores(fold, plan) if fold.sides.held_out else None
    model = TrainedModel(
        bundle=str(fold.bundle),
        sha256=identity.sha256,
        best_epoch=result.best_epoch + 1,
        validation_auroc=result.best_auroc,
        training_cases=len(fold.sides.training),
        validation_cases=len(fold.sides.validation),
        held_out_cases=len(fold.sides.held_out),
        held_out=scores.figures() if scores else None,
        split=str(_write_split(fold, rows)) if scores else "",
    )
    return model, scores


def _description(start: Checkpoint, fold: _Fold, plan: TrainingPlan) -> Description:
    taught = len(fold.sides.training)
    statement = f"Trained on {taught} studies of one site for {plan.endpoint}; not validated elsewhere."
    provenance = {"started_from": start.identity.sha256, "scratch": plan.scratch, "excluded": fold.excluded}
    return Description(fold.bundle.name, "1", statement, provenance)


def _held_out_scores(fold: _Fold, plan: TrainingPlan) -> FoldScores:
    """The fold that was kept for the end, scored once by the bundle that was written."""
    model = load_checkpoint(fold.bundle, process_group().device(plan.device))
    cases = fold.sides.held_out
    return FoldScores(
        truth(model.network, plan.endpoint, cases),
        scored(model, cases, plan.endpoint),
        tuple(case.patient for case in cases),
        model.calibrations(plan.endpoint).of(Modality).threshold,
        len(fold.sides.training),
    )


def _write_split(fold: _Fold, rows: Sequence[ManifestRow]) -> Path:
    """Write who was on which side beside the bundle, as a manifest that `evaluate` and `train` read."""
    sides = {Split.TRAINING: fold.sides.training, Split.VALIDATION: fold.sides.validation}
    sides[Split.TEST] = fold.sides.held_out
    split_of = {example.name: split for split, examples in sides.items() for example in examples}
    place = fold.bundle.with_name(f"{fold.bundle.name}.split.csv")
    write_table(place, [row.record(place.parent, split_of[row.name]) for row in rows if row.name in split_of])
    return place


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
