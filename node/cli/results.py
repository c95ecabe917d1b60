"""Commands about results that exist: withdraw them, and repeat the analysis that gave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from node.cli.common import counted, uid_of
from node.cli.options import Config, Json, StudyName
from node.errors import NodeError
from node.hosts import open_storage
from node.reproduction import Reproduction, reproduce_report
from node.settings import load_settings
from node.withdrawal import WithdrawalReason, withdraw, words_untold


def retract(
    study: StudyName,
    reason: Annotated[str, typer.Option(help="quality, safety or wrong-patient.")] = "quality",
    config: Config = None,
) -> None:
    """Withdraw the results of a study: a rejection note goes to all who got them (IHE IOCM).

    Archives that honour it hide or delete the results. Example: mome-node retract 812 --reason safety
    """
    if reason not in list(WithdrawalReason):
        raise typer.BadParameter(f"one of {', '.join(WithdrawalReason)}", param_hint="--reason")
    settings = load_settings(config)
    archive, ledger = open_storage(settings)
    untold = withdraw(settings, archive, ledger, uid_of(ledger, study), WithdrawalReason(reason))
    typer.echo(f"withdrawn for {reason}; watch the delivery with: mome-node studies show {study}")
    if untold:
        typer.echo(words_untold(untold), err=True)


def reproduce(
    report: Annotated[Path, typer.Argument(help="A structured report that this node made.", exists=True)],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Find the inputs of a report, analyse them again, and compare every number; exit code 1 when one differs.

    Example: mome-node reproduce report.dcm --config mome-node.toml
    """
    found = reproduce_report(load_settings(config), report)
    if as_json:
        typer.echo(json.dumps({"numbers": dict(found.found), "different": list(found.different)}))
    else:
        _print_numbers(found)
    if found.different:
        numbers = f"{len(found.different)} of {counted(len(found.found), 'number')}"
        raise NodeError(f"{numbers} differ: another model, settings or inputs")


def _print_numbers(reproduction: Reproduction) -> None:
    for name, value in reproduction.found.items():
        stated = reproduction.stated.get(name, "nothing")
        word = f"differs from {stated}" if name in reproduction.different else "equal"
        typer.echo(f"{value:>10}  {word:<12}  {name}")
