"""Commands about results that exist: withdraw them, and repeat the analysis that gave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from node.analysis import analyze_study, encoded, open_context
from node.cli.options import Config, Json, StudyUid
from node.errors import NodeError
from node.models import Registry, bundle_in_use
from node.settings import load_settings
from node.storage.archive import Archive
from node.storage.decisions import ModelDecisions
from node.storage.ledger.ledger import Ledger
from node.withdrawal import WithdrawalReason, withdraw
from sr_templates.reading.report_numbers import read_numbers


def retract(
    uid: StudyUid,
    reason: Annotated[str, typer.Option(help="quality, safety or wrong-patient.")] = "quality",
    config: Config = None,
) -> None:
    """Withdraw the results of a study: a rejection note goes to every destination (IHE IOCM).

    Archives that honour it hide or delete the results. Example: mome-node retract 1.2.840.113619.2.1 --reason safety
    """
    if reason not in list(WithdrawalReason):
        raise typer.BadParameter(f"one of {', '.join(WithdrawalReason)}", param_hint="--reason")
    settings = load_settings(config)
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    withdraw(settings, archive, ledger, uid, WithdrawalReason(reason))
    typer.echo(f"withdrawn for {reason}; watch the delivery with: mome-node studies show {uid}")


def reproduce(
    report: Annotated[Path, typer.Argument(help="A structured report that this node made.", exists=True)],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Find the inputs of a report, analyse them again, and compare every number; exit code 1 when one differs.

    Example: mome-node reproduce report.dcm --config mome-node.toml
    """
    settings = load_settings(config)
    stated = read_numbers(report.read_bytes())
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    stored = list(ledger.reading.instances(stated.study_instance_uid))
    if not stored:
        raise NodeError("the study of this report is not in this node's archive; ingest or retrieve it first")
    paths = [archive.verified(path, sha256) for _, sha256, path in stored]
    in_use = bundle_in_use(settings, ModelDecisions(ledger.engine))
    bundle = Registry(settings.storage.root).with_weights(stated.weights) or in_use
    findings = analyze_study(paths, open_context(settings, bundle))
    again = next(content for kind, *_, content in encoded(findings.objects) if kind == "report")
    found = read_numbers(again).numbers
    different = {name for name in stated.numbers.keys() | found.keys() if stated.numbers.get(name) != found.get(name)}
    if as_json:
        typer.echo(json.dumps({"numbers": found, "different": sorted(different)}))
    else:
        for name, value in found.items():
            word = "differs from " + stated.numbers.get(name, "nothing") if name in different else "equal"
            typer.echo(f"{value:>10}  {word:<12}  {name}")
    if different:
        raise NodeError(f"{len(different)} of {len(found)} numbers differ: another model, settings or inputs")
