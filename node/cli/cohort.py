"""`mome-node cohort ...`: the list of studies that a model is trained and measured on."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from dicom_io.deidentify import Mask, NotExportable, write_deidentified
from dicom_io.files import dicom_files
from dicom_io.labels import read_labels
from mome_core.case import Case, same_images
from mome_core.errors import MomeError, StudyIneligible
from mome_core.results import Endpoint
from mome_core.training.cohort import GROUPS, Problem, Row, balance, problems_of, read_manifest
from mome_core.training.table import read_table, write_table
from node.cli.common import progress
from node.cli.options import Config, Json
from node.cli.train import content_of, read_study
from node.errors import NodeError
from node.settings import load_settings
from node.storage.ledger.ledger import Ledger

Manifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="The manifest: CSV or Parquet.")]
KEY_BYTES = 32
T = TypeVar("T")


def init(
    folder: Annotated[Path, typer.Argument(help="Folder with a folder of DICOM files for each study.", exists=True)],
    out: Annotated[Path, typer.Option("--out", help="Manifest to write, .csv or .parquet; it must not exist.")] = Path(
        "cohort.csv"
    ),
    as_json: Json = False,
) -> None:
    """Begin a manifest: a row for each study, patients as pseudonyms, vendor and field strength from the headers.

    The pseudonyms come from a secret beside the manifest (COHORT.key): who has it and a patient ID can find the row.

    Example: mome-node cohort init ./studies --out cohort.csv
    """
    if out.exists():
        raise NodeError(f"{out} exists already; add to it with: mome-node cohort add")
    studies = [each for each in sorted(folder.iterdir()) if each.is_dir() and dicom_files(each)]
    if not studies:
        raise NodeError(f"{folder} holds no folder with DICOM files")
    key = key_of(out, create=True)
    rows = [row_of(study, relative_to(study, out), key) for study in studies]
    write_table(out, rows)
    told = {"cohort": str(out), "cases": len(rows), "patients": len({row["patient"] for row in rows})}
    typer.echo(
        json.dumps(told) if as_json else f"{out}: {told['cases']} cases of {told['patients']} patients, no label yet"
    )


def add(
    manifest: Manifest,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="CSV or Parquet file whose columns are joined.", exists=True)
    ] = None,
    study: Annotated[
        list[str] | None, typer.Option("--study", help="Study Instance UID in the node's archive.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Join labels from a table (pathology, feedback), or add studies of this node's archive.

    The table names each row by `case`, by `patient` (the pseudonym) or by `patient_id` (as the hospital writes it; it
    is turned into the pseudonym and not kept). Its other columns replace those of the manifest.

    Example: mome-node cohort add cohort.csv --labels pathology.csv
    """
    if labels is None and not study:
        raise typer.BadParameter("give --labels, --study, or both", param_hint="--labels")
    _, rows = read_table(manifest)
    key = key_of(manifest, create=False)
    joined = join(rows, labels, key) if labels else 0
    for uid in study or ():
        place = archived(uid, config)
        if any((manifest.parent / row["case"]).resolve() == place.resolve() for row in rows):
            raise NodeError(f"study {uid} is in {manifest} already")
        rows.append(row_of(place, str(place), key))
    write_table(manifest, rows)
    told = {"cases": len(rows), "joined": joined, "added": len(study or ())}
    typer.echo(json.dumps(told) if as_json else f"{manifest}: labels of {joined} cases joined, {told['added']} added")


def show(manifest: Manifest, as_json: Json = False) -> None:
    """Cases, patients, and classes of every endpoint and split; nothing but the manifest is read.

    Example: mome-node cohort show cohort.csv
    """
    rows = read_manifest(manifest)
    told = {"cases": len(rows), "patients": len({row.patient for row in rows}), "classes": balance(rows)}
    problems = problems_of(rows)
    if as_json:
        typer.echo(json.dumps(told | {"problems": [each.what for each in problems]}))
        return
    print_balance(told)
    print_problems(problems)


def check(
    manifest: Manifest,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that read studies.")] = 1,
    as_json: Json = False,
) -> None:
    """Read every study and say what would go wrong before any hour is spent; exit code 1 for what forbids training.

    Example: mome-node cohort check cohort.csv --workers 2
    """
    rows = read_manifest(manifest)
    problems = [*problems_of(rows), *read_all(rows, workers)]
    told = {"cases": len(rows), "patients": len({row.patient for row in rows}), "classes": balance(rows)}
    listed = [{"what": each.what, "fatal": each.fatal} for each in problems]
    if as_json:
        typer.echo(json.dumps(told | {"problems": listed}))
    else:
        print_balance(told)
        print_problems(problems)
    if fatal := sum(each.fatal for each in problems):
        raise NodeError(f"{fatal} of {len(problems)} problems forbid training with {manifest}; they are above")


def export(
    manifest: Manifest,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not exist.")],
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that copy studies.")] = 1,
    as_json: Json = False,
) -> None:
    """Copy a cohort without its patients: the MR images de-identified (PS3.15), and a manifest of pseudonyms.

    Dates move, times of day stay, UIDs are replaced; what is no MR image stays behind. Every copy is read again: a
    study that would not give the network the same volumes is not exported, and is named. Pixels are not changed.

    Example: mome-node cohort export cohort.csv --out for-the-referee --workers 2
    """
    if out.exists():
        raise NodeError(f"{out} exists already; name a new folder")
    rows, key = read_manifest(manifest), key_of(manifest, create=True)
    records = [
        exported_record(row, f"studies/{number:05}", pseudonym(row.patient, key))
        for number, row in enumerate(rows, start=1)
    ]
    tasks = [
        (row.folder, out / record["case"], Mask(record["patient"], key))
        for row, record in zip(rows, records, strict=True)
    ]
    copies = list(in_processes(copied, tasks, workers, "copied"))
    written = [record for record, copy in zip(records, copies, strict=True) if not copy.reason]
    if not written:
        raise NodeError(f"not one study of {manifest} could be exported; the first: {copies[0].reason}")
    write_table(out / f"cohort{manifest.suffix}", written)
    kept = {name for record in written for name in record}
    told = {
        "cohort": str(out / f"cohort{manifest.suffix}"),
        "cases": len(written),
        "images": sum(copy.images for copy in copies),
        "not_exported": [
            {"case": row.name, "reason": copy.reason} for row, copy in zip(rows, copies, strict=True) if copy.reason
        ],
        "images_left_behind": sum(copy.left_behind for copy in copies),
        "columns_left_behind": sorted({name for row in rows for name in row.facts} - kept),
    }
    typer.echo(json.dumps(told)) if as_json else print_export(told)


# --- what the commands share


@dataclass(frozen=True, slots=True)
class Copy:
    """One study on its way out. reason : why it was not exported; empty when it was."""

    images: int = 0
    left_behind: int = 0
    reason: str = ""


def in_processes(step: Callable[..., T], tasks: Sequence[tuple[Any, ...]], workers: int, done: str) -> Iterator[T]:
    """What a step says to each task, in their order, with progress. done : what happened to a study, e.g. "read"."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for number, answer in enumerate(pool.map(step, *zip(*tasks, strict=True)), start=1):
            progress(f"{done} {number} of {len(tasks)} studies", last=number == len(tasks))
            yield answer


def copied(source: Path, target: Path, mask: Mask) -> Copy:
    """Copy one study without its patient, and read the copy: it stays only if it gives the same Case."""
    try:
        before = read_study(source)
        target.mkdir(parents=True)
        images = left_behind = 0
        for path in dicom_files(source):
            try:
                write_deidentified(path, target / f"{images:06}.dcm", mask)
                images += 1
            except NotExportable:
                left_behind += 1
        if same_images(before, read_study(target)):
            return Copy(images, left_behind)
        reason = "without names and private elements it would be read differently"
    except StudyIneligible as error:
        reason = str(error)
    shutil.rmtree(target, ignore_errors=True)
    return Copy(reason=reason)


def exported_record(row: Row, place: str, patient: str) -> dict[str, str]:
    """The row of a copy: labels, split and the columns that have a meaning; other columns may hold anything."""
    labels = {endpoint.value: str(row.labels.get(endpoint, "")) for endpoint in Endpoint}
    facts = {name: value for name, value in row.facts.items() if name in GROUPS or name.startswith("reader_")}
    return {"case": place, "patient": patient, **labels, **({"split": row.split} if row.split else {}), **facts}


def print_export(told: dict[str, Any]) -> None:
    """What was written, and what was not."""
    typer.echo(f"{told['cohort']}: {told['cases']} cases, {told['images']} images")
    for each in told["not_exported"]:
        typer.echo(f"not exported: case {each['case']}: {each['reason']}")
    if told["images_left_behind"]:
        typer.echo(f"left behind: {told['images_left_behind']} objects that are no MR image or show text")
    if told["columns_left_behind"]:
        typer.echo(f"left behind: the columns {', '.join(told['columns_left_behind'])}")


def read_all(rows: Sequence[Row], workers: int) -> list[Problem]:
    """What reading every study shows: those that cannot be used, missing series, the same images under two names."""
    problems: list[Problem] = []
    names: dict[str, str] = {}
    found = in_processes(looked_at, [(row.folder,) for row in rows], workers, "read")
    for row, (digest, modalities, reason) in zip(rows, found, strict=True):
        if reason:
            problems.append(Problem(f"case {row.name} cannot be used: {reason}", fatal=False))
            continue
        if (first := names.setdefault(digest, row.name)) != row.name:
            problems.append(Problem(f"case {row.name} holds the same images as case {first}", fatal=True))
        if missing := [name for name in ("DCE", "T2", "DWI") if name not in modalities]:
            problems.append(Problem(f"case {row.name} has no {' and no '.join(missing)}", fatal=False))
    if rows and not names:
        problems.append(Problem("not one study can be used", fatal=True))
    return problems


def looked_at(folder: Path) -> tuple[str, tuple[str, ...], str]:
    """(digest of the files, modalities, "") of one study, or why it cannot be used."""
    try:
        case: Case = read_study(folder)
    except (MomeError, ValueError) as error:
        return "", (), str(error)
    return content_of(folder), tuple(str(each) for each in case.modalities), ""


def row_of(folder: Path, name: str, key: bytes) -> dict[str, str]:
    """A new row: place, pseudonym, and what the headers say of the scanner."""
    said = read_labels(dicom_files(folder)[0])
    row = {"case": name, "patient": pseudonym(said.patient_id, key)}
    empty = {endpoint.value: "" for endpoint in Endpoint}
    return row | empty | {"vendor": said.manufacturer, "field_strength": said.field_strength}


def relative_to(study: Path, manifest: Path) -> str:
    """The study's place as the manifest writes it: relative where it lies below."""
    try:
        return str(study.resolve().relative_to(manifest.resolve().parent))
    except ValueError:
        return str(study.resolve())


def archived(uid: str, config: Path | None) -> Path:
    """The folder of a study in the node's archive; raises NodeError when it is not there."""
    settings = load_settings(config)
    stored = next(iter(Ledger(settings.database_url).reading.instances(uid)), None)
    if stored is None:
        raise NodeError(f"study {uid} is not in this node's archive")
    return (settings.storage.root / stored[2]).parent.absolute()


def pseudonym(patient_id: str, key: bytes) -> str:
    """The same for every study of a patient; without the key nobody finds the patient by trying."""
    return "p" + hmac.new(key, patient_id.encode(), hashlib.sha256).hexdigest()[:16]


def key_of(manifest: Path, *, create: bool) -> bytes:
    """The secret beside a manifest; raises NodeError when it is needed and lost."""
    place = manifest.with_suffix(".key")
    if not place.exists() and create:
        place.touch(mode=0o600)
        place.write_bytes(secrets.token_bytes(KEY_BYTES))
    if not place.exists():
        raise NodeError(
            f"{place} is missing: without it patients cannot be matched; restore it, or begin a new manifest"
        )
    return place.read_bytes()


def join(rows: list[dict[str, str]], labels: Path, key: bytes) -> int:
    """Put the columns of a table into the rows that it names; gives how many. Raises NodeError for a row of nobody."""
    joined: set[str] = set()
    for number, record in enumerate(read_table(labels)[1], start=2):
        if "patient_id" in record:
            record["patient"] = pseudonym(record.pop("patient_id").strip(), key)
        name = "case" if "case" in record else "patient"
        if name not in record:
            raise NodeError(f"{labels} has no column case, patient or patient_id, so nobody knows whose its labels are")
        mine = [row for row in rows if row[name] == record[name]]
        if not mine:
            raise NodeError(f"{labels}, line {number}: its {name} is not in the manifest")
        for row in mine:
            row.update({column: value for column, value in record.items() if column not in ("case", "patient")})
            joined.add(row["case"])
    return len(joined)


def print_balance(told: dict[str, Any]) -> None:
    """Who is in the cohort."""
    title = f"RESEARCH USE ONLY\n{told['cases']} cases of {told['patients']} patients"
    table = Table("endpoint", "split", "class: cases", box=None, title=title, title_justify="left")
    for endpoint, splits in told["classes"].items():
        for split, classes in sorted(splits.items()):
            counts = ", ".join(f"{label}: {count}" for label, count in sorted(classes.items()))
            table.add_row(endpoint, split or "-", counts)
    Console().print(table)


def print_problems(problems: Sequence[Problem]) -> None:
    """What to mend first, then what to know."""
    for each in sorted(problems, key=lambda problem: not problem.fatal):
        typer.echo(f"{'MEND' if each.fatal else 'note'}  {each.what}")
    if not problems:
        typer.echo("no problem found")
