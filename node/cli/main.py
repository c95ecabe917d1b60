"""The command `mome-node`: loads the one command that is meant, runs it, and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from dicom_io.errors import DicomError, PeerUnreachable
from mome_core.errors import MomeError
from node.cli.commands import COMMANDS, GROUPS, CommandInfo
from node.errors import NodeError
from node.exit_codes import Exit
from node.states import ImpossibleTransition
from sr_templates.errors import ObjectsError

_HELP = """Radiology AI node for breast MRI: studies in over DICOM, MOME's answer explained and back in the PACS.

RESEARCH USE ONLY - not for clinical use. Start with: mome-node demo
"""


def _print_version(wanted: bool) -> None:
    """Program and version, and nothing else."""
    if wanted:
        typer.echo(f"mome-node {installed_version('mome-node')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """What stands before a command."""


def command_meant(arguments: Sequence[str]) -> str | None:
    """The command that these arguments begin with, of one word or two; None where there is none."""
    given = [each for each in arguments if each != "--"]
    return next((words for n in (2, 1) if (words := " ".join(given[:n])) in COMMANDS), None)


def _build_app(meant: str | None) -> typer.Typer:
    """The Typer application with the command that is meant; if none is, with the summary of every command."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help=_HELP)(_options)
    commands: Mapping[str, CommandInfo] = COMMANDS if meant is None else {meant: COMMANDS[meant]}
    groups: dict[str, typer.Typer] = {}
    for name, help_text in GROUPS.items():
        if any(words.startswith(f"{name} ") for words in commands):
            groups[name] = typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[name], name=name)
    for words, info in commands.items():
        group, _, command = words.rpartition(" ")
        owner = groups[group] if group else app
        owner.command(command, help=info.summary if meant is None else None)(
            _unloaded if meant is None else info.load()
        )
    return app


def _unloaded() -> None:
    """Stands for every command in a list of them; it is never run."""


def _completed_line() -> list[str]:
    """The arguments of the line that a shell asks to complete; empty when none does."""
    if "_MOME_NODE_COMPLETE" not in os.environ:
        return []
    return (os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")).split()[1:]


def exit_code(error: Exception) -> Exit | None:
    """The exit code of an error that we raised on purpose; None for anything else (a defect: let it be seen)."""
    match error:
        case NodeError():
            return error.exit_code
        case PeerUnreachable():
            return Exit.PEER_UNREACHABLE
        case ImpossibleTransition() | MomeError() | DicomError() | ObjectsError():
            return Exit.FAILURE
        case OSError() | LookupError() | ValueError():
            return Exit.FAILURE
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: runs one command and turns our errors into one line on stderr and an exit code."""
    if arguments is None:  # a process of our own: what it writes is for its user alone
        os.umask(0o077)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _build_app(command_meant(_completed_line() or given))(args=given, prog_name="mome-node")
    except Exception as error:  # the last stop before the user
        code = exit_code(error)
        if code is None:
            raise
        typer.echo(f"mome-node: {error}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
