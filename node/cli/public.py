"""`mome-node public ...`: breast MRI that everybody may download, from the list to a reproduced model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.bundle import non_commercial
from node.cli.common import counted
from node.cli.main import main
from node.cli.options import Json, WorkersOption
from node.cli.progress import ProgressLine
from node.public.choice import ChosenSeries, SeriesChoice, choose
from node.public.cohort import (
    LABEL_TABLES,
    PublicCohort,
    counted_reasons,
    keys_of,
    write_label_table,
    write_public_cohort,
)
from node.public.collections import COLLECTIONS, collection_named
from node.public.download import AMAZON, DownloadedSeries, download, free_gigabytes, missing_series, require_space
from node.public.index import gigabytes_of, read_index
from node.public.listing import CollectionTotals, totals_of
from node.public.nifti_cohort import holds_cases, write_nifti_cohort
from node.public.reproduce import TaskOptions, is_done, steps_of
from node.public.reproduce import reproduce as run_steps
from node.public.tasks import TASKS, PublicTask, task_named

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A collection of `public list`.")]
_IndexFile = Annotated[
    Path | None, typer.Option("--index", help="Another index than the installed one (Parquet).", exists=True)
]
_To = Annotated[Path, typer.Option("--to", help="Folder for the images: DIR/COLLECTION/PATIENT/STUDY/SERIES.")]
_Patients = Annotated[
    list[str] | None, typer.Option("--patients", help="Patient IDs, with commas between or repeated; default: all.")
]
_MaxGb = Annotated[
    float | None, typer.Option("--max-gb", min=0, help="Whole patients by ID as long as they fit (1 GB = 1e9 bytes).")
]
_NeededOnly = Annotated[
    bool, typer.Option("--series-only-needed", help="Only DCE, T2 and DWI, by name, number and image count.")
]
_EveryVisit = Annotated[bool, typer.Option("--every-visit", help="Also visits after treatment began.")]
_Endpoint = Annotated[str, typer.Option("--endpoint-url", help="Another S3 server that holds the same bucket.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be got, and get nothing.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def list_collections(index: _IndexFile = None, as_json: Json = False) -> None:
    """Public breast MRI: patients, sequences, licence and size of each collection, counted from an index.

    It takes some ten seconds. What a collection is good for, and the names of its tables of labels, are our words.

    Example: mome-node public list --json
    """
    totals = totals_of(read_index(COLLECTIONS, index))
    if as_json:
        typer.echo(json.dumps([each.to_json() for each in totals]))
    else:
        _print_totals(totals)


def get(
    name: _Name,
    to: _To,
    patients: _Patients = None,
    max_gb: _MaxGb = None,
    needed_only: _NeededOnly = False,
    every_visit: _EveryVisit = False,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    index: _IndexFile = None,
    endpoint: _Endpoint = AMAZON,
    as_json: Json = False,
) -> None:
    """Get the images of a public collection: licence and size are said first, and it asks; killed, it goes on.

    Every file is compared with the size and the MD5 that the bucket tells. No account is needed. Tables of labels are
    not in the bucket: `public cohort` says which file of the collection's page it needs.

    Example: mome-node public get ambl --to ./public --max-gb 20 --series-only-needed
    """
    collection = collection_named(name)
    choice = SeriesChoice(_ids(patients), max_gb, needed_only, every_visit)
    chosen = choose(collection, read_index([collection.name], index), choice)
    missing = missing_series(chosen.series, to)
    if not as_json:
        _print_choice(chosen, missing_gigabytes=gigabytes_of(missing), to=to)
    if dry_run:
        if as_json:
            typer.echo(json.dumps(chosen.to_json() | {"missing_series": len(missing)}))
        return
    require_space(missing, to)
    if as_json and missing and not yes:
        raise typer.BadParameter("nobody can be asked: give --yes or --dry-run too", param_hint="--json")
    if missing and not yes:
        typer.confirm("Get it?", abort=True)
    line = ProgressLine()
    got = download(chosen.series, to, endpoint, lambda done, planned: line.show("series whole", done, planned))
    typer.echo(json.dumps(asdict(got)) if as_json else _words_of(got, to))


def cohort(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A collection, or mama-mia, odelia, fastmri-breast.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with images and tables.", exists=True)],
    out: Annotated[Path, typer.Option("--out", help="Manifest to write, .csv or .parquet.")] = Path("cohort.csv"),
    without: Annotated[
        list[Path] | None, typer.Option("--without", help="Manifest whose patients stay out; repeatable.", exists=True)
    ] = None,
    part: Annotated[
        str, typer.Option("--part", help="Of mama-mia: only its published split, training or test.", show_default="all")
    ] = "",
    per_breast: Annotated[
        bool, typer.Option("--per-breast", help="Of ambl: a row for each breast with a label of its own.")
    ] = False,
    index: _IndexFile = None,
    as_json: Json = False,
) -> None:
    """Write a cohort of a public collection: its studies below DIR with the labels of its own tables.

    The tables come from the collection's page and lie anywhere below DIR. A header that differs is refused with the
    difference. Patients bear one key in all collections (ACRIN 6698 is a part of I-SPY 2). What is left out, and why,
    stands in OUT.excluded.csv. Of mama-mia and odelia the NIfTI cases below DIR are taken; where there are none, and of
    fastmri-breast, only labels are written. A case of odelia is a breast, whose side the images tell.

    Example: mome-node public cohort acrin_6698 ./public --out external.csv
    """
    shared = {key for each in without or () for key in keys_of(each)}
    if part and (part not in ("training", "test") or name.lower() != "mama-mia"):
        raise typer.BadParameter("a published split, training or test, is known of mama-mia only", param_hint="--part")
    if per_breast and name.lower() in LABEL_TABLES:
        raise typer.BadParameter("of ambl only; a case of odelia is a breast anyhow", param_hint="--per-breast")
    if holds_cases(name.lower(), folder):
        written = write_nifti_cohort(name.lower(), folder, out, part=part, without=shared)
    elif name.lower() in LABEL_TABLES:
        written = write_label_table(name.lower(), folder, out)
    else:
        collection = collection_named(name)
        written = write_public_cohort(
            collection,
            folder,
            out,
            indexed=read_index([collection.name], index),
            without=shared,
            breasts=per_breast,
        )
    typer.echo(json.dumps(asdict(written))) if as_json else _print_cohort(written)


def reproduce(
    task: Annotated[str, typer.Argument(metavar="TASK", help=f"One of {', '.join(TASKS)}.")],
    to: Annotated[Path, typer.Option("--to", help="Folder for everything: images, cohorts, models, page, state.")],
    max_gb: _MaxGb = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of the nested cross-validation.")] = 5,
    inner_folds: Annotated[int, typer.Option("--inner-folds", min=2, help="Parts of the rest, as of `train`.")] = 5,
    network: Annotated[str, typer.Option("--network", help="As of `train`.")] = "mome",
    start: Annotated[str, typer.Option("--start", help="Bundle to start from, as of `train`.")] = "demo",
    config: Annotated[Path | None, typer.Option("--config", help="TrainingConfig of `train`.", exists=True)] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Overrides the config.")] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Overrides the config.")] = None,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1 ...")] = "cpu",
    workers: WorkersOption = 1,
    skip: Annotated[list[str] | None, typer.Option("--skip", help="A step that is not run; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say every step, and run none.")] = False,
    yes: _Yes = False,
    index: _IndexFile = None,
    endpoint_url: _Endpoint = AMAZON,
) -> None:
    """A public task from images to page: get, cohorts, check, nested training, external test; killed, it goes on.

    Each step is a command that is printed, and is skipped when it ended well before and nothing has changed since. The
    tables of labels come from the collections' pages and go into TO/public; without them it stops at the cohort. Nobody
    is in both sets. The accuracy is what your run prints: none of these images was ever on a machine of ours.

    Example: mome-node public reproduce malignancy --to ./ambl --folds 5 --workers 4 --threads 8
    """
    chosen = task_named(task)
    given = {"--inner-folds": inner_folds, "--config": config, "--epochs": epochs, "--threads": threads}
    extra = tuple(word for name, value in given.items() if value is not None for word in (name, str(value)))
    options = TaskOptions(
        folds=folds,
        workers=workers,
        get=("--endpoint-url", endpoint_url, *(("--max-gb", f"{max_gb:g}") if max_gb is not None else ())),
        train=("--network", network, "--start", start, "--device", device, *extra),
        index=("--index", str(index)) if index else (),
    )
    steps = steps_of(chosen, to, options)
    _print_task(chosen, to)
    if dry_run:
        for step in steps:
            typer.echo(f"{step.name}{' (done)' if is_done(step, to) else ''}: mome-node {' '.join(step.command)}")
        return
    if not yes:
        typer.confirm("Begin, or go on?", abort=True)
    run_steps(steps, to, _run_command, skip=skip or (), tell=lambda words: typer.echo(f"== {words}"))
    typer.echo(f"{to / 'page.html'}: what these models are worth on patients of another collection. RESEARCH USE ONLY")


def _run_command(words: Sequence[str]) -> int:
    """One command of ours in this process, so that whoever kills one kills the other; its exit code."""
    try:
        main(list(words))
    except SystemExit as ended:
        return int(ended.code or 0) if isinstance(ended.code, int | None) else 1
    return 0


def _print_task(task: PublicTask, to: Path) -> None:
    """What teaches, what tests, which tables are needed, what others reached."""
    teaching, testing = COLLECTIONS[task.training], COLLECTIONS[task.external]
    typer.echo(f"RESEARCH USE ONLY. {task.endpoint}: learned from {teaching.title}, tested on {testing.title}")
    typer.echo(f"what others reached: {task.expectation}")
    for table in dict.fromkeys((*teaching.tables, *testing.tables)):
        typer.echo(f"table needed in {to / 'public'}: {table}")


def _print_cohort(written: PublicCohort) -> None:
    """Cases and classes; what is left out, counted by reason; where words differ."""
    typer.echo(f"{written.cohort}: {counted(written.cases, 'case')} of {counted(written.patients, 'patient')}")
    for endpoint, classes in written.classes.items():
        typer.echo(f"  {endpoint}: {', '.join(f'{label}: {count}' for label, count in classes.items())}")
    for reason, count in counted_reasons(written.left_out):
        typer.echo(f"left out  {count}: {reason}")
    if written.excluded:
        typer.echo(f"each of them stands in {written.excluded}")
    for note in written.notes:
        typer.echo(f"note  {note}")


def _words_of(got: DownloadedSeries, to: Path) -> str:
    return f"{counted(got.series, 'series', 'series')} whole in {to}, {got.there_already} were there already"


def _ids(patients: list[str] | None) -> tuple[str, ...]:
    """Patient IDs of options that may hold several."""
    return tuple(each.strip() for option in patients or () for each in option.split(",") if each.strip())


def _print_totals(totals: list[CollectionTotals]) -> None:
    """Two lines for each collection; then what its licences forbid."""
    typer.echo("RESEARCH USE ONLY")
    for each in totals:
        licences = ", ".join(sorted({licence.split(" (")[0] for licence in each.licences}))
        typer.echo(f"{each.name}  {licences}  {each.title}: {each.good_for}")
        typer.echo(
            f"    {counted(each.patients, 'patient')}, {counted(each.studies, 'study', 'studies')} "
            f"(DCE {each.dce}, T2 {each.t2}, DWI {each.dwi}), {each.gigabytes:.1f} GB; "
            f"DCE, T2 and DWI before treatment: {each.needed_gigabytes:.1f} GB"
        )
    typer.echo("DCE, T2, DWI: studies that have it by names, numbers and image counts; no header was read.")
    if restricted := [each.name for each in totals if each.non_commercial]:
        typer.echo(f"not for commercial use (NC): {', '.join(restricted)}, and models that are trained on it")


def _print_choice(chosen: ChosenSeries, missing_gigabytes: float, to: Path) -> None:
    """Licence, what is got, and whether it fits."""
    typer.echo(f"{chosen.collection.title}: {'; '.join(chosen.licences) or 'nothing chosen'}")
    if non_commercial(chosen.licences):
        typer.echo("NOT FOR COMMERCIAL USE: the images, and by our reading also models that are trained on them")
    patients, studies = ({getattr(each, key) for each in chosen.series} for key in ("patient", "study_uid"))
    typer.echo(
        f"{counted(len(patients), 'patient')}, {counted(len(studies), 'study', 'studies')}, "
        f"{counted(len(chosen.series), 'series', 'series')}, {chosen.gigabytes:.1f} GB; "
        f"to get: {missing_gigabytes:.1f} GB, free: {free_gigabytes(to):.1f} GB"
    )
    for note in chosen.notes:
        typer.echo(f"note  {note}")
