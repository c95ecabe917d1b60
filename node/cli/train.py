"""`mome-node train` and `mome-node evaluate`: a site's own model, and what it is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.options import Json

if TYPE_CHECKING:
    from mome_core.case import Case
    from mome_core.model.checkpoint import Checkpoint
    from mome_core.preprocessing.recipe import Recipe
    from mome_core.results import Endpoint
    from mome_core.training.cohort import Row
    from mome_core.training.config import TrainingConfig
    from mome_core.training.dataset import Example, Exclusion, Source
    from mome_core.training.evaluate import Evaluation
    from mome_core.training.statistics import Comparison

Manifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="Columns case, patient, endpoints, split.")]
CacheOption = Annotated[Path, typer.Option("--cache", help="Prepared cases, kept from run to run.")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes that prepare cases.")]
CACHE = Path(".cache/mome-node/prepared")


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
    run: Annotated[Path | None, typer.Option("--run", help="State; a killed run continues.")] = None,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Overrides the config.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1 ...")] = "cpu",
    as_json: Json = False,
) -> None:
    """Train a model on a cohort of studies (DICOM folders), starting from a bundle; killed, it continues.

    Defaults are the published protocol. Example: mome-node train cohort.csv --out models/ours --start models/mome
    """
    from mome_core.model.architecture import Head
    from mome_core.model.checkpoint import Description, load_checkpoint
    from mome_core.training.bundle import write_bundle
    from mome_core.training.cohort import held_out, read_manifest
    from mome_core.training.loop import EpochReport, Task
    from mome_core.training.loop import train as train_network
    from mome_core.training.start import from_checkpoint, from_scratch
    from node.models import find_bundle

    asked = endpoint_of(endpoint)
    numbers = config_of(config, asked, epochs=epochs, threads=threads)
    checkpoint = load_checkpoint(find_bundle(start), device)
    rows = read_manifest(manifest)
    examples, exclusions = prepared(rows, checkpoint.recipe, cache, workers)
    split_of = {row.name: row.split for row in rows}
    training, validation = held_out(
        examples, [split_of[e.name] for e in examples], asked, folds=folds, fold=fold - 1, seed=numbers.seed
    )
    network = from_checkpoint(checkpoint, (Head(asked),), numbers.seed)
    if scratch:
        network = from_scratch(network.architecture, numbers.seed).to(device)
    task = Task(network, checkpoint.recipe, training, validation, numbers)

    def say(report: EpochReport) -> None:
        text = f"epoch {report.epoch + 1}/{numbers.epochs}: loss {report.loss:.4f}, AUROC {report.mean_auroc:.4f}"
        typer.echo(text + (" (best)" if report.best else ""), err=True)

    outcome = train_network(task, run or out.with_name(f"{out.name}.run"), say)
    provenance = {"started_from": checkpoint.identity.sha256, "scratch": scratch, "excluded": len(exclusions)}
    statement = f"Trained on {len(training)} studies of one site for {asked}; not validated elsewhere."
    identity = write_bundle(out, task, outcome, Description(out.name, "1", statement, provenance))
    account = {
        "bundle": str(out),
        "sha256": identity.sha256,
        "best_epoch": outcome.best_epoch + 1,
        "validation_auroc": outcome.best_auroc,
        "training_cases": len(training),
        "validation_cases": len(validation),
        "excluded": [{"case": each.name, "reason": each.reason} for each in exclusions],
    }
    typer.echo(json.dumps(account) if as_json else f"{out}: validation AUROC {outcome.best_auroc:.3f} (not a test)")


def evaluate(
    manifest: Manifest,
    model: Annotated[str, typer.Option("--model", help="Bundle: folder or shipped name.")] = "demo",
    against: Annotated[str, typer.Option("--against", help="A second bundle to compare with.")] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", help="A column of the CSV.")] = "malignancy",
    split: Annotated[str, typer.Option("--split", help="Only these cases, e.g. test.", show_default="all")] = "",
    repeats: Annotated[int, typer.Option("--repeats", min=100, help="Bootstrap draws of patients.")] = 1000,
    report: Annotated[Path | None, typer.Option("--report", help="HTML page to write.")] = None,
    cases: Annotated[Path | None, typer.Option("--cases", help="CSV to write: each case with its score.")] = None,
    cache: CacheOption = CACHE,
    workers: WorkersOption = 1,
    as_json: Json = False,
) -> None:
    """Measure a model on labelled studies: every figure with its 95 % interval by a bootstrap over patients.

    Example: mome-node evaluate cohort.csv --model models/ours --against demo --split test
    """
    from mome_core.model.checkpoint import load_checkpoint
    from mome_core.training.cohort import read_manifest
    from mome_core.training.evaluate import compare
    from mome_core.training.evaluate import evaluate as evaluate_model
    from node.models import find_bundle

    rows = [row for row in read_manifest(manifest) if split in ("", row.split)]
    asked = endpoint_of(endpoint)
    measured: list[tuple[Checkpoint, Evaluation]] = []
    exclusions: tuple[Exclusion, ...] = ()
    for name in filter(None, (model, against)):
        checkpoint = load_checkpoint(find_bundle(name))
        examples, exclusions = prepared(rows, checkpoint.recipe, cache, workers)
        measured.append((checkpoint, evaluate_model(checkpoint, examples, asked, repeats=repeats)))
    comparison = compare(measured[0][1], measured[1][1], repeats=repeats) if against else {}
    if report:
        write_report(report, measured, comparison)
    if cases:
        write_cases(cases, measured[0][1])
    account = account_of(measured, comparison, exclusions)
    typer.echo(json.dumps(account)) if as_json else print_account(account)


def endpoint_of(name: str) -> Endpoint:
    """The endpoint of that name."""
    from mome_core.results import Endpoint
    from mome_core.training.errors import TrainingRefused

    if name not in set(Endpoint):
        raise TrainingRefused(f"there is no endpoint '{name}'; there are {', '.join(Endpoint)}")
    return Endpoint(name)


def config_of(path: Path | None, endpoint: Endpoint, **overrides: int | None) -> TrainingConfig:
    """The published protocol of the endpoint, with what a file and the command line say otherwise."""
    import tomllib

    from mome_core.results import Endpoint
    from mome_core.training.config import FOLLOW_UP_TASK, TrainingConfig, config_from_json
    from node.errors import SettingsError

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
) -> tuple[tuple[Example, ...], tuple[Exclusion, ...]]:
    """The cases that can be used; each that cannot is named on stderr."""
    from mome_core.training.dataset import prepare_cohort
    from mome_core.training.errors import TrainingRefused

    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        typer.echo(f"\rprepared {done} of {len(rows)} cases", err=True, nl=done == len(rows))

    cohort = prepare_cohort([source_of(row) for row in rows], recipe, cache, workers=workers, progress=count)
    for exclusion in cohort.exclusions:
        typer.echo(f"excluded {exclusion.name}: {exclusion.reason}", err=True)
    if not cohort.examples:
        raise TrainingRefused(f"none of the {len(rows)} cases can be used; the reasons are above")
    return cohort.examples, cohort.exclusions


def source_of(row: Row) -> Source:
    """A row of the manifest as a study that can be read."""
    from functools import partial

    from mome_core.training.dataset import Source

    return Source(row.name, row.patient, row.labels, content_of(row.folder), partial(read_study, row.folder))


def content_of(folder: Path) -> str:
    """SHA-256 over the files of a study, by their content."""
    import hashlib

    digests = (hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def read_study(folder: Path) -> Case:
    """The Case of a folder of DICOM files; StudyIneligible says why there is none."""
    from dicom_io.classify import assign_roles
    from dicom_io.errors import DicomError
    from dicom_io.headers import read_series_headers
    from dicom_io.volumes import read_case
    from mome_core.errors import StudyIneligible
    from node.cli.peers import dicom_files

    paths = dicom_files(folder) if folder.is_dir() else []
    if not paths:
        raise StudyIneligible("the folder holds no DICOM file")
    try:
        return read_case(assign_roles(read_series_headers(paths))).case
    except DicomError as error:
        raise StudyIneligible(str(error)) from error


def account_of(
    measured: list[tuple[Checkpoint, Evaluation]],
    comparison: dict[str, Comparison],
    exclusions: tuple[Exclusion, ...],
) -> dict[str, Any]:
    """Everything that was measured, as plain values."""
    from dataclasses import asdict

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
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print("RESEARCH USE ONLY - not for clinical use.")
    for model in account["models"]:
        title = f"{model['model']}: {model['endpoint']}, {model['cases']} cases, {model['positive']} positive"
        table = Table("figure", "value", "95 % interval", title=title, title_justify="left", box=None)
        for name, f in model["figures"].items():
            table.add_row(name.replace("_", " "), f"{f['value']:.3f}", f"{f['low']:.3f} to {f['high']:.3f}")
        for name, value in model["auroc_of_modalities"].items():
            table.add_row(f"auroc of {name} alone", f"{value:.3f}", "")
        console.print(table)
    for test, c in account["comparison"].items():
        d = c["difference"]
        console.print(
            f"{test}: AUROC {c['first']:.3f} against {c['second']:.3f}, difference {d['value']:+.3f} "
            f"({d['low']:+.3f} to {d['high']:+.3f}), p = {c['p_value']:.4f}"
        )


def write_report(path: Path, measured: list[tuple[Checkpoint, Evaluation]], comparison: dict[str, Comparison]) -> None:
    """The same as one page with curves, which needs no network."""
    from mome_core.training.report import Measured, render

    models = [Measured(checkpoint.identity, evaluation) for checkpoint, evaluation in measured]
    path.write_text(render(models, comparison))


def write_cases(path: Path, evaluation: Evaluation) -> None:
    """One line for each case, the surest mistakes first: the ones to look at."""
    import csv

    mistake = abs(evaluation.probability - evaluation.truth)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "label", "probability", "called_positive"])
        for n in mistake.argsort()[::-1]:
            probability = float(evaluation.probability[n])
            label, called = int(evaluation.truth[n]), int(probability > evaluation.threshold)
            writer.writerow([evaluation.examples[n].name, label, f"{probability:.6f}", called])
