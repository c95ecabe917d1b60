"""A site's own model, from a cohort to a bundle: `train_models` is the whole of it on one screen."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mome_core.compute import device_of
from mome_core.model.architecture import Head
from mome_core.model.baselines import ResNetFusion
from mome_core.model.build import AnyArchitecture
from mome_core.model.checkpoint import AnyCheckpoint, Description, load_either
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint
from mome_core.training.bundle import LICENCES, write_bundle
from mome_core.training.cohort import ManifestRow, Split, unit_of
from mome_core.training.config import FOLLOW_UP_TASK, TrainingConfig, config_from_json
from mome_core.training.dataset import Cohort, code_digest
from mome_core.training.distributed import ProcessGroup, process_group
from mome_core.training.exposure import ExposureRecord
from mome_core.training.folds import Folding, Partition, partition
from mome_core.training.history import MetricsWriter, draw_history
from mome_core.training.loop import TrainingResult, train
from mome_core.training.nested import FoldScores, cross_validated, fold_scores
from mome_core.training.run_state import EpochReport
from mome_core.training.start import NetworkKind, begins_anew, starting_architecture, starting_network
from mome_core.training.table import write_table
from mome_core.training.task import Task
from node.cases import CACHE, CohortProgress, answerable, prepare_cases
from node.engines.engine import Batch, Engine, Limits, LostTask
from node.errors import NodeError, SettingsError
from node.training_report import HeldOutFold, TrainedModel, TrainingProgress, TrainingReport

_Scores = dict[Endpoint, FoldScores]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained, from where, and to where.

    Parameters
    ----------
    start
        Bundle whose recipe and architecture are taken, and whose weights unless `scratch`; of ResNets, the recipe only.
    heads
        What the network is asked, several at once or one.
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
    heads: tuple[Head, ...]
    config: TrainingConfig
    out: Path
    network: NetworkKind = NetworkKind.MOME
    run: Path | None = None
    scratch: bool = False
    folds: int = 5
    inner_folds: int = 5
    fold: int | None = 0
    device: str = "cpu"
    cache: Path = CACHE
    workers: int = 1

    @property
    def begins_anew(self) -> bool:
        """Whether no value of the start gets into the network."""
        return begins_anew(self.network, scratch=self.scratch)

    def architecture(self, start: AnyCheckpoint) -> AnyArchitecture:
        """The numbers of that network."""
        return starting_architecture(self.network, start, self.heads, resnet_widths=self.config.resnet_widths)

    def first_network(self, start: AnyCheckpoint) -> Mome | ResNetFusion:
        """A network with the first values; the same at each call."""
        widths = self.config.resnet_widths
        return starting_network(
            self.network, start, self.heads, seed=self.config.seed, scratch=self.scratch, resnet_widths=widths
        )


def train_models(
    rows: Sequence[ManifestRow], plan: TrainingPlan, progress: TrainingProgress, engine: Engine | None = None
) -> TrainingReport | None:
    """Train a model on a cohort, or one for each fold; None in the processes that only help the main one.

    Killed and called again with the same plan it continues. Raises TrainingRefused for what cannot teach or prove.

    Parameters
    ----------
    engine
        Trains the folds side by side; None: here, one after the other.
    """
    group = process_group()
    progress = progress if group.is_main else TrainingProgress()
    start = _on_cases_of(rows, load_either(plan.start, group.device(plan.device)))
    cohort = _prepared_once(group, rows, start, plan, progress)
    return train_on(cohort, rows, start, plan, progress, engine=engine)


def _on_cases_of(rows: Sequence[ManifestRow], start: AnyCheckpoint) -> AnyCheckpoint:
    """The start with a recipe for what the cases are: what learns from breasts is a model of breasts."""
    return replace(start, recipe=replace(start.recipe, unit=unit_of(rows)))


def _prepared_once(
    group: ProcessGroup, rows: Sequence[ManifestRow], start: AnyCheckpoint, plan: TrainingPlan, progress: CohortProgress
) -> Cohort:
    """The cases, prepared by the main process; then all others find them in the cache."""
    if not group.is_main:
        group.barrier()
    cohort = prepare_cases(rows, start.recipe, plan.cache, plan.workers, progress)
    if group.is_main:
        group.barrier()
    return cohort


def train_on(
    cohort: Cohort,
    rows: Sequence[ManifestRow],
    start: AnyCheckpoint,
    plan: TrainingPlan,
    progress: TrainingProgress,
    *,
    engine: Engine | None = None,
) -> TrainingReport | None:
    """As `train_models`, on cases that are prepared already."""
    usable = answerable(cohort, plan.architecture(start), progress)
    folds = _folds_of(cohort, usable, rows, plan)
    if engine is None:
        trained = [done for fold in folds if (done := _train_one(start, fold, rows, plan, progress))]
    else:
        trained = _trained_side_by_side(engine, _FoldTraining(plan, tuple(folds), tuple(rows)), progress)
    if not process_group().is_main:
        return None
    together = {}
    if plan.fold is None:
        together = {
            head.endpoint.value: cross_validated([scores[head.endpoint] for _, scores in trained if scores])
            for head in plan.heads
        }
    return TrainingReport(tuple(model for model, _ in trained), usable.exclusions, together)


@dataclass(frozen=True, slots=True)
class _Fold:
    """The sides of one training, where its bundle and its run lie, and how many cases could not be used."""

    sides: Partition
    bundle: Path
    run: Path
    excluded: int


def _folds_of(cohort: Cohort, usable: Cohort, rows: Sequence[ManifestRow], plan: TrainingPlan) -> list[_Fold]:
    """One fold, or all of them: who teaches, who chooses, and who is held out.

    The whole cohort is parted before the cases that this network cannot answer are left out: networks that are compared
    hold out the same patients.
    """
    split_of = {row.name: row.split for row in rows}
    splits = [split_of[each.name] for each in cohort.examples]
    folding = Folding(plan.folds, plan.inner_folds, plan.config.seed)
    folds = []
    for number in range(plan.folds) if plan.fold is None else (plan.fold,):
        sides = partition(cohort.examples, splits, plan.heads, folding, number).only(usable.examples)
        bundle = plan.out / f"fold-{number + 1}" if plan.fold is None else plan.out
        run = plan.run if plan.run and plan.fold is not None else bundle.with_name(f"{bundle.name}.run")
        folds.append(_Fold(sides, bundle, run, len(usable.exclusions)))
    return folds


@dataclass(frozen=True, slots=True)
class _FoldTraining:
    """The training of each fold: `Work` for an engine, whose tasks are places of folds.

    A process that dies leaves the run's state, from which the next one continues.
    """

    plan: TrainingPlan
    folds: tuple[_Fold, ...] = field(compare=False)
    rows: tuple[ManifestRow, ...] = field(compare=False)

    def open(self) -> Callable[[int], tuple[TrainedModel, _Scores]]:
        """Load the start, with a recipe for what the cases are."""
        start = load_either(self.plan.start, process_group().device(self.plan.device))
        return partial(self._train, _on_cases_of(self.rows, start))

    def fingerprint(self) -> str:
        """Version and code of this installation."""
        return f"{version('mome-node')} {code_digest('mome_core.training')} {code_digest('mome_core.model')}"

    def _train(self, start: AnyCheckpoint, number: int) -> tuple[TrainedModel, _Scores]:
        """One fold; this process is its main one."""
        trained = _train_one(start, self.folds[number], self.rows, self.plan, TrainingProgress())
        if trained is None:
            raise NodeError("folds are trained side by side or by torchrun, not both")
        return trained


def _trained_side_by_side(
    engine: Engine, work: _FoldTraining, progress: TrainingProgress
) -> list[tuple[TrainedModel, _Scores]]:
    """Every fold, in their order; NodeError names one whose process died or came to no end."""
    done: dict[int, tuple[TrainedModel, _Scores]] = {}

    def told(number: int, answer: tuple[TrainedModel, _Scores] | LostTask) -> None:
        if isinstance(answer, LostTask):
            raise NodeError(f"{work.folds[number].bundle.name}: {answer.reason}; the same call goes on")
        done[number] = answer
        progress.step("folds trained", len(done), len(work.folds))

    engine.run(Batch(range(len(work.folds)), work, Limits(seconds=math.inf)), told)
    return [done[number] for number in range(len(work.folds))]


def _train_one(
    start: AnyCheckpoint, fold: _Fold, rows: Sequence[ManifestRow], plan: TrainingPlan, progress: TrainingProgress
) -> tuple[TrainedModel, _Scores] | None:
    """Train, calibrate, write the bundle, score the held-out fold; None in a process that is not the main one."""
    network = plan.first_network(start).to(device_of(start.network))
    task = Task(network, start.recipe, fold.sides.training, fold.sides.validation, plan.config)
    name = fold.bundle.name
    if not process_group().is_main:
        train(task, fold.run)
        return None
    writer = MetricsWriter(fold.run)

    def report(epoch: EpochReport) -> None:
        writer.add(epoch)
        progress.epoch(name, epoch, plan.config.epochs)

    result = train(task, fold.run, report, lambda done, planned: progress.step(f"{name}: passes", done, planned))
    draw_history(fold.run)
    before = ExposureRecord() if plan.begins_anew else ExposureRecord.of(start.manifest)
    answers = progress.counting(f"{name}: validation cases", len(task.validation) * len(plan.config.estimators))
    identity = write_bundle(
        fold.bundle, task, result, _description(start, fold, rows, plan), before=before, progress=answers
    )
    scores = _held_out_scores(fold, plan, progress) if fold.sides.held_out else {}
    return _trained(fold, result, identity.sha256, scores, rows), scores


def _trained(
    fold: _Fold, result: TrainingResult, sha256: str, scores: _Scores, rows: Sequence[ManifestRow]
) -> TrainedModel:
    """What is reported of one model; who was on which side is written beside its bundle."""
    held_out = {
        endpoint.value: HeldOutFold(each.cases, each.withheld, each.figures()) for endpoint, each in scores.items()
    }
    return TrainedModel(
        bundle=str(fold.bundle),
        sha256=sha256,
        best_epoch=result.best_epoch + 1,
        validation_auroc=result.best_auroc,
        training_cases=len(fold.sides.training),
        validation_cases=len(fold.sides.validation),
        held_out_cases=len(fold.sides.held_out),
        held_out=held_out,
        split=str(_write_split(fold, rows)) if fold.sides.held_out else "",
    )


def _description(start: AnyCheckpoint, fold: _Fold, rows: Sequence[ManifestRow], plan: TrainingPlan) -> Description:
    asked = ", ".join(head.endpoint for head in plan.heads)
    statement = f"Trained on {_taught(fold, start.recipe.unit)} of one site for {asked}; not validated elsewhere."
    provenance = {
        "network": plan.network.value,
        "started_from": "" if plan.begins_anew else start.identity.sha256,
        "scratch": plan.begins_anew,
        "excluded": fold.excluded,
        LICENCES: _licences(start, fold, rows, plan),
    }
    return Description(fold.bundle.name, "1", statement, provenance)


def _taught(fold: _Fold, unit: UnitOfAnalysis) -> str:
    """How many cases taught, and what a case was."""
    cases = len(fold.sides.training)
    if unit is UnitOfAnalysis.PATIENT:
        return f"{cases} studies"
    patients = len({each.patient for each in fold.sides.training})
    return f"{cases} single breasts of {patients} patients"


def _licences(start: AnyCheckpoint, fold: _Fold, rows: Sequence[ManifestRow], plan: TrainingPlan) -> list[str]:
    """Licences of the data that taught or chose, as the column `licence` says them, and of what taught the start."""
    used = {example.name for example in (*fold.sides.training, *fold.sides.validation)}
    told = {row.facts.get("licence", "") for row in rows if row.name in used}
    before = () if plan.begins_anew else start.manifest["provenance"].get(LICENCES, ())
    return sorted({*told, *before} - {""})


def _held_out_scores(fold: _Fold, plan: TrainingPlan, progress: CohortProgress) -> _Scores:
    """The fold that was kept for the end, scored once by the bundle that was written."""
    model = load_either(fold.bundle, process_group().device(plan.device))
    cases = fold.sides.held_out
    count = progress.counting(f"{fold.bundle.name}: held-out cases", len(cases))
    return fold_scores(model, cases, len(fold.sides.training), count)


def _write_split(fold: _Fold, rows: Sequence[ManifestRow]) -> Path:
    """Write who was on which side beside the bundle, as a manifest that `evaluate` and `train` read."""
    sides = {Split.TRAINING: fold.sides.training, Split.VALIDATION: fold.sides.validation}
    sides[Split.TEST] = fold.sides.held_out
    split_of = {example.name: split for split, examples in sides.items() for example in examples}
    place = fold.bundle.with_name(f"{fold.bundle.name}.split.csv")
    write_table(place, [row.record(place.parent, split_of[row.name]) for row in rows if row.name in split_of])
    return place


def training_config(path: Path | None, heads: Sequence[Head], **overrides: int | None) -> TrainingConfig:
    """The published protocol, of malignancy or of the other endpoints, with what a file and the overrides say.

    The file is TOML or JSON; overrides that are None say nothing.

    Raises SettingsError for a file that cannot be read, TrainingRefused for a value that the protocol does not know.
    """
    malignancy = any(head.endpoint is Endpoint.MALIGNANCY for head in heads)
    published = TrainingConfig() if malignancy else FOLLOW_UP_TASK
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text()
            values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except (OSError, ValueError) as error:
            raise SettingsError(f"cannot read the training config {path}: {error}") from error
    given = {name: value for name, value in overrides.items() if value is not None}
    return config_from_json(published.to_json() | values | given)
