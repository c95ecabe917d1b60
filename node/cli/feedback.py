"""Commands about what others sent about our results: list it, export it for training."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.table import as_cells
from node.cli.common import open_ledger
from node.cli.options import Config, Json
from node.storage.records import Feedback


def list_feedback(config: Config = None, as_json: Json = False) -> None:
    """Reports, corrections and rejection notes that others sent about studies this node answered.

    Example: mome-node feedback list
    """
    found = open_ledger(config).reading.feedback()
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
        return
    for each in found:
        moment = datetime.fromtimestamp(each.received_at, UTC).strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{moment}  {each.calling_ae_title:<16}  {each.study_instance_uid}  {each.path}")
    if not found:
        typer.echo("nobody has sent feedback yet")


def export_feedback(
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")], config: Config = None
) -> None:
    """Write the feedback as CSV, with provenance, for the trainer's labels.

    Example: mome-node feedback export --out feedback.csv
    """
    found = open_ledger(config).reading.feedback()
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([each.name for each in fields(Feedback)])
        writer.writerows(as_cells(asdict(each).values()) for each in found)
    typer.echo(f"wrote {len(found)} documents to {out}")
