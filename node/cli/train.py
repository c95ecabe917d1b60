"""`mome-node train` and `mome-node evaluate`: a site's own model, and what it is worth."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from dicom_io.errors import DicomError
from dicom_io.files import dicom_files, files_under
from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from mome_core.case import Case
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.inference import score
from mome_core.model.architecture import Head
from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint
from mome_core.policy import Augmentation, Policy
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.breakdown import Downgrade, against_readers, by_group, downgrade, mean_contributions
from mome_core.training.bundle import write_bundle
from mome_core.training.cohort import GROUPS, Row, held_out, read_manifest
from mome_core.training.config import FOLLOW_UP_TASK, TrainingConfig, config_from_json
from mome_core.training.dataset import Example, ExcludedCase, Source, prepare_cohort
from mome_core.training.distributed import process_group
from mome_core.training.errors import TrainingRefused
from mome_core.training.evaluate import Evaluation, Scores, auroc_difference, compare, scored
from mome_core.training.evaluate import evaluate as evaluate_model
from mome_core.training.history import MetricsWriter, draw_history
from mome_core.training.loop import Task
from mome_core.training.loop import train as run_epochs
from mome_core.training.metrics import all_metrics, spelled
from mome_core.training.predict import truth
from mome_core.training.report import Breakdown, Measured, render
from mome_core.training.run_state import EpochReport
from mome_core.training.start import from_checkpoint, from_scratch
from mome_core.training.statistics import Comparison, bootstrap
from node.cli.common import progress
from node.cli.options import Json
from node.errors import SettingsError
from node.models import find_bundle

Manifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="Columns case, patient, endpoints, split.")]
CacheOption = Annotated[Path, typer.Option("--cache", help="Prepared cases, kept from run to run.")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes that prepare cases.")]
CACHE = Path(".cache/mome-node/prepared")
WITHOUT_THRESHOLD = (
    "auroc",
    "auprc",
    "partial_auroc_specificity_90",
    "partial_auroc_sensitivity_90",
    "brier",
    "ece",
)


def train(
    manifest: Manifest,
    out: Annotated[Path, typer.Option("--out", help="Bundle to write.")],
    start: Annotated[str, typer.Option("--start", help="Bundle to start from: folder or shipped name.")] = "demo",
    scratch: Annotated[bool, typer.Option("--scratch", help="The start's sizes, but fresh values.")] = False,
    endpoint: Annotated[str, typer.Option("--endpoint", help="What is learned: a column of the CSV.")] = "malignancy",
    config: Annotated[Path | None, typer.Option("--config", help="TOML or JSON of a TrainingConfig.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Overrides the config.")] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds, if the CSV has no splits.")] = 5,
    fold: Annotated[int, typer.Option("--fold", min=1, help="The fold that is held out.")] = 1,
    all_folds: Annotated[bool, typer.Option("--all-folds", help="A model for each fold, in OUT/fold-1 ...")] = False,
    run: Annotated[Path | None, typer.Option("--run", help="State; a killed run continues.")] = None,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Overrides the config.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1 ...")] = "cpu",
    as_json: Json = False,
) -> None:
    """Train a model on a cohort of studies (DICOM folders), starting from a bundle; killed, it continues.

    Defaults are the published protocol. With --all-folds every case is answered by a model that has not seen it.
    Several GPUs or hosts: torchrun --nproc-per-node 2 -m node.cli.main train ...

    Example: mome-node train cohort.csv --out models/ours --start models/mome
    """
    asked = endpoint_of(endpoint)
    numbers = config_of(config, asked, epochs=epochs, threads=threads)
    group = process_group()
    device = group.device(device)
    checkpoint = load_checkpoint(find_bundle(start), device)
    rows = read_manifest(manifest)
    if not group.is_main:
        group.barrier()  # the main process prepares; then all find the cases in the cache
    examples, exclusions = prepared(rows, checkpoint.recipe, cache, workers)
    if group.is_main:
        group.barrier()
    split_of = {row.name: row.split for row in rows}
    splits = [split_of[each.name] for each in examples]
    if all_folds and any(splits):
        raise typer.BadParameter(
            f"{manifest} says who is for what; folds need it without splits", param_hint="--all-folds"
        )
    accounts, answers = [], []
    for number in range(folds) if all_folds else (fold - 1,):
        sides = held_out(examples, splits, asked, folds=folds, fold=number, seed=numbers.seed)
        place = out / f"fold-{number + 1}" if all_folds else out
        state = run if run and not all_folds else place.with_name(f"{place.name}.run")
        made = Making(checkpoint, asked, numbers, place, state, scratch, len(exclusions))
        if account := made.from_cases(*sides):
            accounts.append(account)
            answers.append((load_checkpoint(place, device), sides[1]))
    if not group.is_main:
        return
    told: dict[str, Any] = {"excluded": [{"case": each.name, "reason": each.reason} for each in exclusions]}
    told |= {"folds": accounts, "out_of_fold": out_of_fold(answers, asked)} if all_folds else accounts[0]
    typer.echo(json.dumps(told)) if as_json else print_training(accounts, told.get("out_of_fold"))


@dataclass(frozen=True, slots=True, eq=False)
class Making:
    """One model on its way into a bundle. state : the directory of the run."""

    start: Checkpoint
    endpoint: Endpoint
    config: TrainingConfig
    out: Path
    state: Path
    scratch: bool
    excluded: int

    def from_cases(self, training: Sequence[Example], validation: Sequence[Example]) -> dict[str, Any]:
        """Train, calibrate, write the bundle and the plot of the run; gives what came of it, to the leader only."""
        network = from_checkpoint(self.start, (Head(self.endpoint),), self.config.seed)
        if self.scratch:
            device = next(self.start.network.parameters()).device
            network = from_scratch(network.architecture, self.config.seed).to(device)
        task = Task(network, self.start.recipe, tuple(training), tuple(validation), self.config)
        board = MetricsWriter(self.state) if process_group().is_main else None
        outcome = run_epochs(task, self.state, lambda report: self.say(report, board))
        if not process_group().is_main:
            return {}
        draw_history(self.state)
        provenance = {
            "started_from": self.start.identity.sha256,
            "scratch": self.scratch,
            "excluded": self.excluded,
        }
        statement = f"Trained on {len(training)} studies of one site for {self.endpoint}; not validated elsewhere."
        identity = write_bundle(self.out, task, outcome, Description(self.out.name, "1", statement, provenance))
        return {
            "bundle": str(self.out),
            "sha256": identity.sha256,
            "best_epoch": outcome.best_epoch + 1,
            "validation_auroc": outcome.best_auroc,
            "training_cases": len(training),
            "validation_cases": len(validation),
        }

    def say(self, report: EpochReport, board: MetricsWriter | None) -> None:
        """One line an epoch, and a point on the board; only the main process has one."""
        if board is None:
            return
        board.add(asdict(report))
        text = f"{self.out.name}: epoch {report.epoch + 1}/{self.config.epochs}: loss {report.loss:.4f}"
        typer.echo(f"{text}, AUROC {report.mean_auroc:.4f}{' (best)' if report.best else ''}", err=True)


def out_of_fold(answers: list[tuple[Checkpoint, tuple[Example, ...]]], endpoint: Endpoint) -> dict[str, Any]:
    """Figures of all cases, each answered by the model that had not seen it; thresholds differ from fold to fold."""
    positive = np.concatenate([truth(model.network, endpoint, cases) for model, cases in answers])
    scores = np.concatenate([scored(model, cases, endpoint) for model, cases in answers])
    figures = bootstrap(
        lambda i: {name: all_metrics(positive[i], scores[i], 0.5)[name] for name in WITHOUT_THRESHOLD},
        [case.patient for _, cases in answers for case in cases],
    )
    return {"cases": len(scores), "figures": {name: asdict(interval) for name, interval in figures.items()}}


def print_training(accounts: list[dict[str, Any]], pooled: dict[str, Any] | None) -> None:
    """What came of it, for a person."""
    for each in accounts:
        typer.echo(f"{each['bundle']}: validation AUROC {each['validation_auroc']:.3f} (not a test)")
    if pooled:
        found = pooled["figures"]["auroc"]
        typer.echo(
            f"all {pooled['cases']} cases, each by the model that had not seen it: AUROC {found['value']:.3f} "
            f"(95 % {found['low']:.3f} to {found['high']:.3f})"
        )


def evaluate(
    manifest: Manifest,
    model: Annotated[str, typer.Option("--model", help="Bundle: folder or shipped name.")] = "demo",
    against: Annotated[str, typer.Option("--against", help="A second bundle to compare with.")] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", help="A column of the CSV.")] = "malignancy",
    split: Annotated[str, typer.Option("--split", help="Only these cases, e.g. test.", show_default="all")] = "",
    repeats: Annotated[int, typer.Option("--repeats", min=100, help="Bootstrap draws of patients.")] = 1000,
    report: Annotated[Path | None, typer.Option("--report", help="HTML page to write.")] = None,
    figures: Annotated[Path | None, typer.Option("--figures", help="CSV to write: every number.")] = None,
    cases: Annotated[Path | None, typer.Option("--cases", help="CSV to write: each case with its score.")] = None,
    choose: Annotated[str, typer.Option("--choose", help="Split that BI-RADS 4's point is chosen on.")] = "validation",
    augmented: Annotated[bool, typer.Option("--augmented", help="Also as the mean over augmented versions.")] = False,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    as_json: Json = False,
) -> None:
    """Measure a model on labelled studies: every figure with its 95 % interval by a bootstrap over patients.

    Columns age, bpe, bi_rads, field_strength, site and vendor give groups of patients, reader_... columns readers to
    compare with, bi_rads the BI-RADS 4 findings that could be downgraded.

    Example: mome-node evaluate cohort.csv --model models/ours --against demo --split test --report page.html
    """
    every = read_manifest(manifest)
    rows = [row for row in every if split in ("", row.split)]
    asked = endpoint_of(endpoint)
    measured: list[tuple[Checkpoint, Evaluation]] = []
    exclusions: tuple[ExcludedCase, ...] = ()
    for name in filter(None, (model, against)):
        checkpoint = load_checkpoint(find_bundle(name))
        examples, exclusions = prepared(rows, checkpoint.recipe, cache, workers)
        measured.append((checkpoint, evaluate_model(checkpoint, examples, asked, repeats=repeats)))
    comparison = compare(measured[0][1], measured[1][1], repeats=repeats) if against else {}
    chosen = [row for row in every if split and row.split == choose != split]
    sides = Sides(every, chosen, cache, workers, repeats, augmented).of(*measured[0])
    if report:
        write_report(report, measured, comparison, sides)
    if cases:
        write_cases(cases, measured[0][1])
    account = account_of(measured, comparison, exclusions) | sides_account(sides)
    if figures:
        write_figures(figures, account)
    typer.echo(json.dumps(account)) if as_json else print_account(account)


@dataclass(frozen=True, slots=True)
class Sides:
    """What the first model is also asked. rows : the whole manifest; chosen : those that a point is chosen on."""

    rows: Sequence[Row]
    chosen: list[Row]
    cache: Path
    workers: int
    repeats: int
    augmented: bool

    def of(self, checkpoint: Checkpoint, evaluation: Evaluation) -> Breakdown:
        """Groups, readers, BI-RADS 4, contributions, augmentation."""
        mine = self.rows_of(evaluation)
        names = sorted({name for row in mine for name in row.facts if name.startswith("reader_")})
        compared = None
        if self.augmented:
            scores = augmented_scores(checkpoint, evaluation)
            patients = [each.patient for each in evaluation.examples]
            compared = auroc_difference(
                evaluation.truth, scores, evaluation.probability, patients, repeats=self.repeats
            )
        return Breakdown(
            groups=by_group(evaluation, {c: [row.group(c) for row in mine] for c in GROUPS}, repeats=self.repeats),
            readers=against_readers(
                evaluation, {name: [row.facts.get(name, "") for row in mine] for name in names}, repeats=self.repeats
            ),
            downgrade=self.downgrade(checkpoint, evaluation, mine),
            contributions=mean_contributions(checkpoint, evaluation.examples, evaluation.endpoint),
            augmented=compared,
        )

    def rows_of(self, evaluation: Evaluation) -> list[Row]:
        """The manifest's row of each case, in the evaluation's order."""
        by_name = {row.name: row for row in self.rows}
        return [by_name[example.name] for example in evaluation.examples]

    def downgrade(self, checkpoint: Checkpoint, evaluation: Evaluation, mine: list[Row]) -> Downgrade | None:
        """BI-RADS 4 findings that could be spared, at a point chosen on other cases."""
        if not any(row.facts.get("bi_rads") for row in mine) or not self.chosen:
            return None
        examples, _ = prepared(self.chosen, checkpoint.recipe, self.cache, self.workers)
        other = evaluate_model(checkpoint, examples, evaluation.endpoint, repeats=100)
        theirs = [row.facts.get("bi_rads", "") for row in self.rows_of(other)]
        return downgrade(other, theirs, evaluation, [row.facts.get("bi_rads", "") for row in mine])


def endpoint_of(name: str) -> Endpoint:
    """The endpoint of that name."""
    if name not in set(Endpoint):
        raise TrainingRefused(f"there is no endpoint '{name}'; there are {', '.join(Endpoint)}")
    return Endpoint(name)


def config_of(path: Path | None, endpoint: Endpoint, **overrides: int | None) -> TrainingConfig:
    """The published protocol of the endpoint, with what a file and the command line say otherwise."""
    published = TrainingConfig() if endpoint is Endpoint.MALIGNANCY else FOLLOW_UP_TASK
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text()
            values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except (OSError, ValueError) as error:
            raise SettingsError(f"cannot read the training config {path}: {error}") from error
    asked = {name: value for name, value in overrides.items() if value is not None}
    return config_from_json(published.to_json() | values | asked)


def prepared(
    rows: list[Row] | tuple[Row, ...], recipe: Recipe, cache: Path, workers: int
) -> tuple[tuple[Example, ...], tuple[ExcludedCase, ...]]:
    """The cases that can be used; each that cannot is named on stderr."""
    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        progress(f"prepared {done} of {len(rows)} cases", last=done == len(rows))

    cohort = prepare_cohort([source_of(row) for row in rows], recipe, cache, workers=workers, progress=count)
    for exclusion in cohort.exclusions:
        typer.echo(f"excluded {exclusion.name}: {exclusion.reason}", err=True)
    if not cohort.examples:
        raise TrainingRefused(f"none of the {len(rows)} cases can be used; the reasons are above")
    return cohort.examples, cohort.exclusions


def source_of(row: Row) -> Source:
    """A row of the manifest as a study that can be read."""
    return Source(row.name, row.patient, row.labels, partial(content_of, row.folder), partial(read_study, row.folder))


def content_of(folder: Path) -> str:
    """SHA-256 over the files of a study, by their content."""
    digests = (hashlib.sha256(path.read_bytes()).hexdigest() for path in files_under(folder))
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def read_study(folder: Path) -> Case:
    """The Case of a folder of DICOM files; StudyIneligible says why there is none."""
    try:
        paths = dicom_files(folder) if folder.is_dir() else []
        if not paths:
            raise StudyIneligible("the folder holds no DICOM file", Ineligibility.NO_MR_IMAGE)
        return read_case(assign_roles(read_series_headers(paths))).case
    except OSError as error:
        raise StudyIneligible(f"a file cannot be read: {error.strerror}", Ineligibility.UNREADABLE) from error
    except DicomError as error:
        raise StudyIneligible(str(error), Ineligibility.UNREADABLE) from error


def account_of(
    measured: list[tuple[Checkpoint, Evaluation]],
    comparison: dict[str, Comparison],
    exclusions: tuple[ExcludedCase, ...],
) -> dict[str, Any]:
    """Everything that was measured, as plain values."""
    return {
        "models": [
            {
                "model": checkpoint.identity.name,
                "sha256": checkpoint.identity.sha256,
                "endpoint": evaluation.endpoint.value,
                "cases": len(evaluation.examples),
                "positive": int(evaluation.truth.sum()),
                "threshold": evaluation.threshold,
                "figures": {name: asdict(interval) for name, interval in evaluation.figures.items()},
                "auroc_of_modalities": evaluation.subsets,
            }
            for checkpoint, evaluation in measured
        ],
        "comparison": {test: asdict(result) for test, result in comparison.items()},
        "excluded": [{"case": each.name, "reason": each.reason} for each in exclusions],
    }


def print_account(account: dict[str, Any]) -> None:
    """The same for a person."""
    console = Console()
    console.print("RESEARCH USE ONLY - not for clinical use.")
    for model in account["models"]:
        title = f"{model['model']}: {model['endpoint']}, {model['cases']} cases, {model['positive']} positive"
        table = Table("figure", "value", "95 % interval", title=title, title_justify="left", box=None)
        for name, f in model["figures"].items():
            table.add_row(spelled(name), f"{f['value']:.3f}", f"{f['low']:.3f} to {f['high']:.3f}")
        for name, value in model["auroc_of_modalities"].items():
            table.add_row(f"AUROC of {name} alone", f"{value:.3f}", "")
        console.print(table)
    for test, c in account["comparison"].items():
        d = c["difference"]
        console.print(
            f"{test}: AUROC {c['first']:.3f} against {c['second']:.3f}, difference {d['value']:+.3f} "
            f"({d['low']:+.3f} to {d['high']:+.3f}), p = {c['p_value']:.4f}"
        )


def augmented_scores(checkpoint: Checkpoint, evaluation: Evaluation) -> Scores:
    """Probability of each case as the node answers: the mean over the published versions of it."""
    policy = Policy(augmentation=Augmentation.PUBLISHED, contributions=False, saliency=False)
    found = []
    for example in evaluation.examples:
        scores = score(example.arrays(), checkpoint, policy, lambda stage, done, planned: None)
        found.append(next(each.probability for each in scores if each.endpoint is evaluation.endpoint))
    return np.array(found)


def sides_account(sides: Breakdown) -> dict[str, Any]:
    """The other sides as plain values."""
    return {
        "groups": [asdict(each) for each in sides.groups],
        "readers": [asdict(each) for each in sides.readers],
        "bi_rads_4": asdict(sides.downgrade) if sides.downgrade else None,
        "contributions": {str(modality): value for modality, value in sides.contributions.items()},
        "augmented": asdict(sides.augmented) if sides.augmented else None,
    }


def write_figures(path: Path, account: dict[str, Any]) -> None:
    """Every number of the account, one a line, by its place in it."""

    def leaves(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for name, inside in value.items():
                yield from leaves(inside, (*place, str(name)))
        elif isinstance(value, list):
            for number, inside in enumerate(value):
                yield from leaves(inside, (*place, str(number)))
        else:
            yield ".".join(place), value

    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["figure", "value"])
        writer.writerows(leaves(account, ()))


def write_report(
    path: Path,
    measured: list[tuple[Checkpoint, Evaluation]],
    comparison: dict[str, Comparison],
    sides: Breakdown,
) -> None:
    """The same as one page with curves, which needs no network."""
    models = [Measured(checkpoint.identity, evaluation) for checkpoint, evaluation in measured]
    path.write_text(render(models, comparison, sides))


def write_cases(path: Path, evaluation: Evaluation) -> None:
    """One line for each case, the surest mistakes first: the ones to look at."""
    mistake = abs(evaluation.probability - evaluation.truth)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "label", "probability", "called_positive"])
        for n in mistake.argsort()[::-1]:
            probability = float(evaluation.probability[n])
            label, called = int(evaluation.truth[n]), int(probability > evaluation.threshold)
            writer.writerow([evaluation.examples[n].name, label, f"{probability:.6f}", called])
