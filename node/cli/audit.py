"""Commands around the audit trail."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from node.audit_messages import AuditSubject, message
from node.cli.common import counted, open_ledger
from node.cli.options import Config, Json
from node.settings import load_settings
from node.words import local_time


def verify(config: Config = None) -> None:
    """Check that no entry of the audit trail was changed, removed, added or swapped; exit code 1 if one was.

    Example: mome-node audit verify --config mome-node.toml
    """
    entries = counted(open_ledger(config).audit.verify(), "entry", "entries")
    typer.echo(f"{entries}, the chain is whole")


def list_entries(config: Config = None, as_json: Json = False) -> None:
    """Print the audit trail, oldest first; with --json one object on each line.

    Example: mome-node audit list --json
    """
    for entry, study in open_ledger(config).audit.entries():
        if as_json:
            typer.echo(json.dumps({**asdict(entry), "study_instance_uid": study}))
        else:
            words = (entry.event, entry.to_state and f"-> {entry.to_state}", study, entry.detail)
            typer.echo(f"{local_time(entry.at)}  {'  '.join(word for word in words if word)}")


def export(config: Config = None) -> None:
    """Print the audit trail as messages of PS3.15 A.5 (XML), one on each line and without a patient.

    With [audit_repository] in the settings the node sends them by itself, over TLS and with the patient.

    Example: mome-node audit export > audit.xml.txt
    """
    ae_title = load_settings(config).dicom.ae_title
    for entry, study in open_ledger(config).audit.entries():
        typer.echo(message(entry, ae_title, AuditSubject(study)))
