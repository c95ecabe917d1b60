"""Commands about what others say of our results: list it, export it for training."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.table import as_cells
from node.cli.common import counted, open_ledger
from node.cli.options import Config, Json
from node.search_key import SearchKey
from node.settings import load_settings
from node.storage.records import Feedback
from node.verdicts import ReaderLabel, all_feedback, reader_labels

_COLUMNS = (
    *("study_instance_uid", "sop_class_uid", "sop_instance_uid", "sha256", "path", "calling_ae_title", "received_at"),
    *("verdict", "endpoint", "revision", "reader", "label", "label_source"),
)


def list_feedback(config: Config = None, as_json: Json = False) -> None:
    """Readers' verdicts, and the documents that others sent about studies this node answered.

    A document is a verdict when it rejects, confirms or corrects a result of ours (docs/results.md).

    Example: mome-node feedback list
    """
    key = SearchKey.open(load_settings(config).storage.search_key_path)
    ledger = open_ledger(config)
    documents = all_feedback(ledger.reading.feedback(), ledger.assessments.since())
    found = [_in_clear(each, key) for each in documents]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        moment = datetime.fromtimestamp(each.received_at, UTC).strftime("%Y-%m-%d %H:%M")
        said = each.assessment
        who = said.by if said else each.calling_ae_title
        words = _plain(f"{said.verdict}  {said.comment}" if said else "says no verdict")
        typer.echo(f"{moment}  {who:<16}  {each.study_instance_uid}  {each.path}  {words}".rstrip())
    if not found:
        typer.echo("nobody has sent feedback yet")


def export_feedback(
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")], config: Config = None
) -> None:
    """Write the feedback as CSV, with provenance and the labels that verdicts give; without comments.

    A label is 0 or 1 where the standing verdicts of all readers agree or disagree with a call at its operating point;
    `label_source` says which. Nobody was blinded to the score. See also: mome-node cohort add --verdicts

    Example: mome-node feedback export --out feedback.csv
    """
    ledger = open_ledger(config)
    said = ledger.assessments.since()
    found, labels = all_feedback(ledger.reading.feedback(), said), reader_labels(said)
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(as_cells(_cells(each, labels.labels)) for each in found)
    typer.echo(f"wrote {counted(len(found), 'line')} to {out}; {counted(len(labels.labels), 'label')}")
    for uid, endpoint in labels.contradicted:
        typer.echo(f"no label of {endpoint.words}: readers contradict each other about study {uid}")


def _in_clear(each: Feedback, key: SearchKey) -> Feedback:
    """With the comment as its reader wrote it."""
    said = each.assessment
    return each if said is None else replace(each, assessment=replace(said, comment=key.unseal(said.comment)))


def _plain(text: str) -> str:
    """On one line, without control characters: a stranger wrote it."""
    return "".join(each if each.isprintable() else " " for each in text)


def _cells(each: Feedback, labels: Sequence[ReaderLabel]) -> list[object]:
    """One line of the file: the document, the verdict, and the label that stems from it."""
    source = [each.study_instance_uid, each.sop_class_uid, each.sop_instance_uid, each.sha256, each.path]
    source += [each.calling_ae_title, str(each.received_at)]
    said = each.assessment
    if said is None:
        return [*source, "", "", "", "", "", ""]
    ours = (one for one in labels if one.study_instance_uid == each.study_instance_uid and said in one.assessments)
    label = next(((one.label, one.source) for one in ours), ("", ""))
    return [*source, said.verdict, said.endpoint or "", said.revision, said.reader, *label]
