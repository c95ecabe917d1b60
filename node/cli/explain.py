"""The command that says which role each series of a stored study plays, and what its protocol lacks."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.markup import escape

from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from dicom_io.study.protocol import check_protocol
from node.cli.common import open_ledger, uid_of
from node.cli.options import Config, Json, StudyName
from node.cli.tables import print_protocol, print_rows
from node.hosts import archive_uuid, require_images_here
from node.series_roles import numbered, why_of
from node.settings import load_settings


def explain(study: StudyName, config: Config = None, as_json: Json = False) -> None:
    """Say which role each series of a stored study plays and what its protocol lacks, analysed or not.

    Example: mome-node studies explain 812
    """
    settings, ledger = load_settings(config), open_ledger(config)
    uid = uid_of(ledger, study)
    if next(ledger.reading.instances(uid), None) is None:
        raise LookupError("no study with this number or Study Instance UID; see: mome-node studies list")
    archive = archive_uuid(settings)
    require_images_here(ledger, archive, uid)
    paths = [settings.storage.root / path for _, _, path in ledger.reading.instances(uid, archive)]
    assignment = assign_roles(read_series_headers(paths), settings.series.role_rules())
    explained = [
        {
            "series_number": each.series.number,
            "series_instance_uid": each.series.series_uid,
            "description": each.series.description,
            "role": str(each.role),
            "confidence": each.confidence,
            "why": why_of(each),
        }
        for each in numbered(assignment)
    ]
    protocol = check_protocol(assignment)
    if as_json:
        typer.echo(json.dumps({"series": explained, "protocol": [asdict(each) for each in protocol]}))
        return
    console = Console()
    if reason := ledger.reading.study(uid).study.reason:
        console.print(f"[bold yellow]{escape(reason)}[/]")
    print_protocol(protocol, console)
    shown = ("series_number", "role", "description", "why")
    print_rows(list(shown), [[str(each[key]) for key in shown] for each in explained])
