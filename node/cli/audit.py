"""Commands around the audit trail."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from node.audit import AuditHead
from node.audit_messages import AuditSubject, message
from node.cli.common import counted, open_ledger
from node.cli.options import Config, Json
from node.settings import load_settings
from node.storage.audit_heads import AuditHeads
from node.words import local_time

_Since = Annotated[str, typer.Option(metavar="HEAD", help="A head that was printed or logged before, N:DIGEST.")]


def verify(since: _Since = "", config: Config = None, as_json: Json = False) -> None:
    """Check that no entry of the audit trail was changed, removed, added or swapped; exit code 1 if one was.

    It is compared with the heads that this node has noted each hour, and with one that you kept elsewhere (--since).

    Example: mome-node audit verify --config mome-node.toml
    """
    try:
        kept = (AuditHead.of(since),) if since else ()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None
    noted = AuditHeads(load_settings(config).storage.root).noted()
    head = open_ledger(config).audit.verify((*noted, *kept))
    if as_json:
        typer.echo(json.dumps({**asdict(head), "noted": len(noted), "whole": True}))
        return
    known = counted(len(noted), "noted head")
    typer.echo(f"{counted(head.entries, 'entry', 'entries')}, the chain is whole and holds {known}")
    typer.echo(f"head: {head}")


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
