"""The command `mome-node`: every command is named here; each loads what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from node.exit_codes import Exit

HELP = """Radiology AI node for breast MRI: studies in over DICOM, MOME's answer explained and back in the PACS.

RESEARCH USE ONLY - not for clinical use. Start with: mome-node demo
"""

# command (or "group command") -> module:function. The order is the order of `--help`.
COMMANDS: dict[str, str] = {
    "demo": "node.cli.demo:demo",
    "serve": "node.cli.serve:serve",
    "check": "node.cli.check:check",
    "doctor": "node.cli.doctor:doctor",
    "infer": "node.cli.infer:infer",
    "assemble": "node.cli.assemble:assemble",
    "roles": "node.cli.assemble:roles",
    "phantom": "node.cli.phantom:phantom",
    "config init": "node.cli.config:init",
    "config check": "node.cli.config:check",
    "config show": "node.cli.config:show",
    "top": "node.cli.studies:top",
    "studies list": "node.cli.studies:list_studies",
    "studies show": "node.cli.studies:show",
    "studies explain": "node.cli.studies:explain",
    "studies fetch": "node.cli.studies:fetch",
    "studies force": "node.cli.studies:force",
    "studies reprocess": "node.cli.studies:reprocess",
    "studies redeliver": "node.cli.studies:redeliver",
    "instances list": "node.cli.studies:list_instances",
    "cohort init": "node.cli.cohort:init",
    "cohort add": "node.cli.cohort:add",
    "cohort show": "node.cli.cohort:show",
    "cohort check": "node.cli.cohort:check",
    "cohort export": "node.cli.cohort:export",
    "train": "node.cli.train:train",
    "evaluate": "node.cli.train:evaluate",
    "retract": "node.cli.results:retract",
    "reproduce": "node.cli.results:reproduce",
    "feedback list": "node.cli.results:list_feedback",
    "feedback export": "node.cli.results:export_feedback",
    "model list": "node.cli.registry:list_models",
    "model lock": "node.cli.registry:lock",
    "model promote": "node.cli.registry:promote",
    "model rollback": "node.cli.registry:rollback",
    "model shadow": "node.cli.registry:shadow",
    "model report": "node.cli.registry:report",
    "model import": "node.cli.model:import_",
    "model show": "node.cli.model:show",
    "model verify": "node.cli.model:verify",
    "model run": "node.cli.model:run",
    "backup": "node.cli.maintenance:backup",
    "restore": "node.cli.maintenance:restore",
    "recover": "node.cli.maintenance:recover",
    "audit verify": "node.cli.audit:verify",
    "audit list": "node.cli.audit:list_entries",
    "audit export": "node.cli.audit:export",
    "conformance": "node.cli.conformance:conformance",
    "access invite": "node.cli.access:invite",
    "access key": "node.cli.access:key",
    "access list": "node.cli.access:list_accounts",
    "access remove": "node.cli.access:remove",
    "peers list": "node.cli.peers:list_peers",
    "peers allow": "node.cli.peers:allow",
    "ingest": "node.cli.peers:ingest",
    "send": "node.cli.peers:send",
    "echo": "node.cli.peers:echo",
}
GROUPS: dict[str, str] = {
    "config": "The settings file: write, check, show.",
    "studies": "Studies: list, show, explain, fetch, force, reprocess, redeliver.",
    "instances": "Instances that are safely stored.",
    "audit": "The audit trail: verify, list, export.",
    "access": "Who may use dashboard and API: invite, key, list, remove.",
    "peers": "Who we talk to: list, and allow a caller that was turned away.",
    "cohort": "Studies to train and measure on: begin a list, join labels, check it, hand it on.",
    "feedback": "What others sent about our results: list, export for training.",
    "model": "Models: which one answers, promote, roll back, shadow, report; bring published weights in, show, verify.",
}


def say_version(wanted: bool) -> None:
    """Program and version, and nothing else."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mome-node {version('mome-node')}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=say_version, help="Print the version.")
    ] = False,
) -> None:
    """What stands before a command."""


def meant_by(arguments: Sequence[str]) -> dict[str, str]:
    """The command that these arguments begin with, which alone is loaded then; all of them where there is none."""
    for words in (" ".join(arguments[:2]), " ".join(arguments[:1])):
        if words in COMMANDS:
            return {words: COMMANDS[words]}
    return COMMANDS


def build_app(commands: Mapping[str, str] = COMMANDS) -> typer.Typer:
    """The Typer application with these commands; their modules import only the standard library and Typer."""
    app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help=HELP)(options)
    groups: dict[str, typer.Typer] = {}
    used = {words.split(" ")[0] for words in commands}
    for name, help_text in GROUPS.items():
        if name in used:
            groups[name] = typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[name], name=name)
    for words, target in commands.items():
        *group, command = words.split(" ")
        module, function = target.split(":")
        owner = groups[group[0]] if group else app
        owner.command(command)(getattr(import_module(module), function))
    return app


def exit_code(error: Exception) -> Exit | None:
    """The exit code of an error that we raised on purpose; None for anything else (a defect: let it be seen)."""
    from dicom_io.errors import DicomError
    from mome_core.errors import MomeError
    from node.errors import NodeError
    from sr_templates.errors import ObjectsError

    if isinstance(error, NodeError):
        return error.exit_code
    if getattr(error, "peer_unreachable", False):
        return Exit.PEER_UNREACHABLE
    if isinstance(error, MomeError | DicomError | ObjectsError | OSError | LookupError | ValueError):
        return Exit.FAILURE
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: runs one command and turns our errors into one line on stderr and an exit code."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        build_app(meant_by(given))(args=given, prog_name="mome-node")
    except Exception as error:  # the last stop before the user
        code = exit_code(error)
        if code is None:
            raise
        typer.echo(f"mome-node: {error}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
