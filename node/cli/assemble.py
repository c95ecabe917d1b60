"""The command that shows what the node understands of a study, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.options import Config, Json

if TYPE_CHECKING:
    from dicom_io.volumes import Assembly


def assemble(
    folder: Annotated[Path, typer.Argument(help="Folder with one study.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option("--out", help="New folder for the volumes and case.json.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write what the network would be given: each role's volume as NIfTI, and case.json with every reason.

    Example: mome-node assemble ./study --out ./case
    """
    import json

    from dicom_io.classify import assign_roles
    from dicom_io.headers import read_series_headers
    from dicom_io.volumes import read_case
    from mome_core.case_file import CASE_JSON, write_case
    from node.analysis import role_rules
    from node.cli.peers import dicom_files
    from node.settings import load_settings

    rules = role_rules(load_settings(config).series.rules)
    assembly = read_case(assign_roles(read_series_headers(dicom_files(folder)), rules))
    write_case(assembly.case, out)
    file = out / CASE_JSON
    file.write_text(json.dumps({**json.loads(file.read_text()), **reasons(assembly)}, indent=2) + "\n", "utf-8")
    if as_json:
        typer.echo(file.read_text(), nl=False)
    else:
        print_assembly(assembly, out)


def reasons(assembly: Assembly) -> dict[str, Any]:
    """Every role and why, what ordered the phases, the b-values, and what was left out."""
    return {
        "roles": [
            {
                "series_instance_uid": each.series.series_uid,
                "series_description": each.series.description,
                "role": each.role,
                "confidence": round(each.confidence, 3),
                "why": each.why,
            }
            for each in assembly.roles.roles
        ],
        "used": {modality: list(series) for modality, series in assembly.used},
        "phases": {"times_s": list(assembly.dce_times_s), "order": assembly.dce_order, "pre": assembly.dce_pre},
        "b_values": list(assembly.b_values),
        "left_out": [{"name": each.name, "why": each.why} for each in assembly.left_out],
        "warnings": list(assembly.warnings),
    }


def print_assembly(assembly: Assembly, out: Path) -> None:
    """The same for a person at a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table("role", "sure", "series", "why", box=None, header_style="bold")
    for each in assembly.roles.roles:
        table.add_row(each.role, f"{each.confidence:.0%}", escape(each.series.description), escape(each.why))
    console.print(table)
    times = ", ".join(f"{seconds:+.0f}" for seconds in assembly.dce_times_s) or "unknown"
    console.print(f"\nphases: ordered by {escape(assembly.dce_order)}; seconds from the first post phase: {times}")
    console.print(f"b-values: {', '.join(f'{b:.0f}' for b in assembly.b_values) or 'none'} s/mm2")
    for warning in assembly.warnings:
        console.print(f"[yellow]{escape(warning)}[/]")
    console.print(f"wrote {out}: NIfTI volumes and case.json")
