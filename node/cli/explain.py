"""The command that says which role each series of a stored study plays."""

from __future__ import annotations

import json

import typer

from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from node.cli.common import open_ledger
from node.cli.options import Config, Json, StudyUid
from node.cli.tables import print_rows
from node.settings import load_settings


def explain(uid: StudyUid, config: Config = None, as_json: Json = False) -> None:
    """Say which role each series of a stored study plays, and why, whether or not it could be analysed.

    Example: mome-node studies explain 1.2.840.113619.2.1
    """
    settings = load_settings(config)
    paths = [settings.storage.root / path for _, _, path in open_ledger(config).reading.instances(uid)]
    if not paths:
        raise LookupError("no study with this Study Instance UID; see: mome-node studies list")
    explained = [
        {
            "series_number": each.series.number,
            "series_instance_uid": each.series.series_uid,
            "description": each.series.description,
            "role": str(each.role),
            "confidence": each.confidence,
            "why": each.refused or each.why,
        }
        for each in assign_roles(read_series_headers(paths), settings.series.role_rules()).roles
    ]
    if as_json:
        typer.echo(json.dumps(explained))
    else:
        shown = ("series_number", "role", "description", "why")
        print_rows(list(shown), [[str(each[key]) for key in shown] for each in explained])
