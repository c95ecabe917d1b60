"""`mome-node cohort ...`: the list of studies that a model is trained and measured on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dicom_io.deidentification.image import Hindrance
from mome_core.training.cohort import read_manifest
from node.cli.common import counted, open_ledger
from node.cli.options import Config, Json
from node.cli.progress import study_progress
from node.cohort_export import ExportedCohort, export_cohort
from node.cohort_sides import write_breasts
from node.cohorts import CohortCheck, add_to_cohort, archived_study, begin_cohort, check_cohort, look_at_manifest
from node.errors import NodeError
from node.settings import load_settings
from node.verdict_labels import add_verdicts
from node.verdicts import reader_labels

_Manifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="The manifest: CSV or Parquet.")]
_StudyFolders = Annotated[
    Path, typer.Argument(help="Folder with a folder of DICOM or NIfTI files for each study.", exists=True)
]
_NewManifest = Annotated[Path, typer.Option("--out", help="Manifest to write, .csv or .parquet; it must not exist.")]
_Labels = Annotated[
    Path | None, typer.Option("--labels", help="CSV or Parquet file whose columns are joined.", exists=True)
]
_Studies = Annotated[list[str] | None, typer.Option("--study", help="Study Instance UID in the node's archive.")]
_Verdicts = Annotated[
    bool, typer.Option("--verdicts", help="Add the studies that readers judged, with the label that they give.")
]
HINDRANCE_WORDS = {
    Hindrance.NO_DICOM: "no DICOM file",
    Hindrance.NO_IMAGE: "no image, or a damaged one",
    Hindrance.NO_MR_IMAGE: "no MR image; text may be burned into others",
    Hindrance.TEXT_DECLARED: "the header says that text is burned into the pixels",
    Hindrance.NO_GREY_VALUES: "the pixels are no grey values",
    Hindrance.PIXELS_UNREADABLE: "the pixels cannot be read",
    Hindrance.TEXT_FOUND: "text was found in the pixels",
    Hindrance.NOT_WRITABLE: "a library failed with it",
}


def init(folder: _StudyFolders, out: _NewManifest = Path("cohort.csv"), as_json: Json = False) -> None:
    """Begin a manifest: a row for each study, patients as pseudonyms, vendor and field strength from the headers.

    NIfTI names no patient: a study's folder does (BIDS: the subject; ODELIA: without the side of the breast). Where it
    lies deeper (visits of one patient?) or its name is there twice, the column `patient` is left empty for you to fill
    in. Where a patient has several folders beside each other, mend the column, or training and test may share them.
    The pseudonyms come from a secret beside the manifest (COHORT.key): who has it and a patient ID can find the row.

    Example: mome-node cohort init ./studies --out cohort.csv
    """
    begun = begin_cohort(folder, out)
    if as_json:
        typer.echo(json.dumps(asdict(begun)))
    else:
        typer.echo(f"{out}: {counted(begun.cases, 'case')} of {counted(begun.patients, 'patient')}, no label yet")
        if begun.without_patient:
            cases = counted(begun.without_patient, "case")
            typer.echo(f"the folders do not tell the patient of {cases}: fill in the column patient of {out}")


def add(
    manifest: _Manifest,
    labels: _Labels = None,
    study: _Studies = None,
    verdicts: _Verdicts = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Join labels from a table (pathology) or from readers' verdicts, or add studies of this node's archive.

    The table names each row by `case`, by `patient` (the pseudonym) or by `patient_id` (as the hospital writes it; it
    is turned into the pseudonym and not kept). Its other columns replace those of the manifest. A verdict gives a label
    where all readers of a study agree or disagree with a call; it never replaces one, and `label_source` names it.

    Example: mome-node cohort add cohort.csv --labels pathology.csv
    """
    if labels is None and not study and not verdicts:
        raise typer.BadParameter("give --labels, --study or --verdicts", param_hint="--labels")
    found = reader_labels(open_ledger(config).assessments.since() if verdicts else ())
    wanted = dict.fromkeys((*(study or ()), *(each.study_instance_uid for each in found.labels)))
    archived = {uid: archived_study(load_settings(config), uid) for uid in wanted}
    addition = add_to_cohort(manifest, labels, {uid: archived[uid] for uid in study or ()})
    verdict_labels = add_verdicts(manifest, found, archived) if verdicts else None
    if as_json:
        typer.echo(json.dumps(asdict(addition) | ({"verdicts": asdict(verdict_labels)} if verdict_labels else {})))
        return
    if labels is not None or study:
        typer.echo(f"{manifest}: labels of {counted(addition.joined, 'case')} joined, {addition.added} added")
    if verdict_labels is not None:
        typer.echo(f"{manifest}: {verdict_labels}")


def show(manifest: _Manifest, as_json: Json = False) -> None:
    """Cases, patients, and classes of every endpoint and split; nothing but the manifest is read.

    Example: mome-node cohort show cohort.csv
    """
    found = look_at_manifest(read_manifest(manifest))
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"problems": [each.what for each in found.problems]}))
    else:
        _print_check(found)


def check(
    manifest: _Manifest,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that read studies.")] = 1,
    as_json: Json = False,
) -> None:
    """Read every study and say what would go wrong before any hour is spent; exit code 1 for what forbids training.

    Example: mome-node cohort check cohort.csv --workers 2
    """
    found = check_cohort(read_manifest(manifest), workers, study_progress("read"))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        _print_check(found)
    if fatal := sum(each.fatal for each in found.problems):
        problems = counted(len(found.problems), "problem")
        raise NodeError(
            f"{fatal} of {problems} {'forbids' if fatal == 1 else 'forbid'} training with {manifest}; see above"
        )


def sides(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option("--out", help="Manifest of breasts to write, .csv or .parquet.")],
    as_json: Json = False,
) -> None:
    """From a manifest of studies one of breasts: a row for each breast that has a label of its own.

    Columns that end in `_left` or `_right` (malignancy_left, bi_rads_right) become those of the breast. Labels, BI-RADS
    and readers' ratings of the patient are left behind, except that both breasts of a patient without malignancy are
    without. What is trained on such rows is a model of single breasts (docs/training.md): `train` and `evaluate` cut
    each study at the patient's middle, and both breasts of a patient stay on one side of every split.

    Example: mome-node cohort sides cohort.csv --out breasts.csv
    """
    written = write_breasts(manifest, out)
    if as_json:
        typer.echo(json.dumps(asdict(written)))
        return
    typer.echo(f"{out}: {counted(written.breasts, 'breast')} of {counted(written.patients, 'patient')}")
    if written.without_label:
        typer.echo(f"left out: {counted(written.without_label, 'breast')} without a label")


def export(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not exist.")],
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that copy studies.")] = 1,
    text_search: Annotated[
        bool, typer.Option("--text-search/--no-text-search", help="Look for burned-in text, with the extra `text`.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Copy a cohort without its patients: the MR images de-identified (PS3.15), and a manifest of pseudonyms.

    Only listed elements and the stored pixel values leave (docs/deidentification.md); dates move, UIDs are replaced,
    what is no MR image stays behind, and so do images with text in their pixels where the extra `text` is installed to
    look for it. Every copy is read again: a study that would give the network other volumes is not exported.

    Example: mome-node cohort export cohort.csv --out for-the-referee --workers 2
    """
    exported = export_cohort(manifest, out, workers, study_progress("copied"), text_search=text_search)
    if as_json:
        typer.echo(json.dumps(exported.to_json()))
    else:
        _print_export(exported)


def _print_export(exported: ExportedCohort) -> None:
    """What was written, and what was not."""
    typer.echo(f"{exported.cohort}: {counted(exported.cases, 'case')}, {counted(exported.images, 'image')}")
    for each in exported.not_exported:
        typer.echo(f"not exported: case {each.name}: {each.reason}")
    for hindrance, count in sorted(exported.left_behind.items()):
        typer.echo(f"left behind: {counted(count, 'object')}: {HINDRANCE_WORDS[hindrance]}")
    if exported.elements_left_behind:
        typer.echo(f"left behind: elements of {counted(len(exported.elements_left_behind), 'tag')}; --json counts each")
    if exported.text_finder:
        typer.echo(f"burned-in text: {exported.text_finder} looked at every image that was copied")
    else:
        typer.echo(f"burned-in text: nobody looked: {exported.nobody_looked}")
    if exported.columns_left_behind:
        typer.echo(f"left behind: the columns {', '.join(exported.columns_left_behind)}")


def _print_check(found: CohortCheck) -> None:
    """Who is in the cohort; then what to mend, and what to know."""
    title = f"RESEARCH USE ONLY\n{counted(found.cases, 'case')} of {counted(found.patients, 'patient')}"
    table = Table("endpoint", "split", "class: cases", box=None, title=title, title_justify="left")
    for endpoint, splits in found.classes.items():
        for split, classes in sorted(splits.items()):
            counts = ", ".join(f"{label}: {count}" for label, count in sorted(classes.items()))
            table.add_row(endpoint, split or "-", counts)
    Console().print(table)
    for each in sorted(found.problems, key=lambda problem: not problem.fatal):
        typer.echo(f"{'MEND' if each.fatal else 'note'}  {each.what}")
    if not found.problems:
        typer.echo("no problem found")
