"""Commands that show what the reader makes of a folder of images, or of a list of series names."""

from __future__ import annotations

import csv
import gc
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from dicom_io.errors import PixelsUnreadable
from dicom_io.export import Exported, describe_assembly, export_series
from dicom_io.files import files_under
from dicom_io.headers.read import no_garbage_collection, read_series_headers
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from dicom_io.study.names import read_name
from dicom_io.study.roles import RoleAssignment, RoleRule
from mome_core.case import Modality
from mome_core.case_file import CASE_JSON, describe, sources_of, write_nifti
from node.cli.options import Config, Json
from node.cli.tables import print_rows


def assemble(
    folder: Annotated[Path, typer.Argument(help="Folder with DICOM files.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for NIfTI and JSON files.")],
    all_series: Annotated[bool, typer.Option("--all-series", help="Write every series that forms a volume.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Turn one study into volumes and say why: DCE, T2 and DWI as NIfTI with case.json, or every series by itself.

    Example: mome-node assemble ./study --out ./volumes
    """
    with no_garbage_collection():
        assignment = assign_roles(read_series_headers(files_under(folder)), site_rules(config))
        out.mkdir(parents=True, exist_ok=True)
        told = write_all_series(assignment, out) if all_series else write_case_files(assignment, out)
        gc.freeze()  # or Python would look for cycles once more before it ends
    if as_json:
        typer.echo(json.dumps(told))
    elif all_series:
        print_rows(["file", "role", "shape", "why"], [series_row(entry) for entry in told["series"]])
    else:
        rows = sorted(told["roles"], key=lambda entry: entry["series_number"] or 0)
        print_rows(["series", "role", "description", "why"], [role_row(entry) for entry in rows])
        for warning in told["warnings"]:
            typer.echo(f"note: {warning}")
        typer.echo(
            f"phases ordered by {told['phases_ordered_by']}; the first is pre-contrast: {told['pre_contrast_because']}"
        )
        typer.echo(f"wrote {', '.join(part['file'] for part in told['modalities'].values())} and case.json to {out}")


def roles(
    names: Annotated[Path, typer.Option("--names", help="CSV with a column series_description.", exists=True)],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say which role each series name suggests by itself, so that a site can try its names and rules.

    Example: mome-node roles --names names.csv --json
    """
    with names.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if "series_description" not in (reader.fieldnames or ()):
            raise ValueError(f"{names} has no column series_description; its columns: {reader.fieldnames}")
        rules = site_rules(config)
        told = [name_role(row["series_description"] or "", rules) for row in reader]
    if as_json:
        typer.echo(json.dumps(told))
    else:
        print_rows(
            ["name", "role", "confidence", "because of"],
            [[each["series_description"], each["role"], f"{each['confidence']:.2f}", each["why"]] for each in told],
        )


def site_rules(config: Path | None) -> tuple[RoleRule, ...]:
    """The site's own words for its series, from the settings; without any, neither they nor the model are loaded."""
    if config is None:
        return ()
    from node.settings import load_settings  # pydantic would cost every other call 0.1 s (benchmarks/assemble.py)

    return load_settings(config).series.role_rules()


def write_case_files(assignment: RoleAssignment, out: Path) -> dict[str, Any]:
    """Write the case of one study: a NIfTI file for each modality, and case.json with what was used and why."""
    assembly = read_case(assignment)
    volumes = sources_of(assembly.case)
    for modality in Modality:
        (out / f"{modality.lower()}.nii").unlink(missing_ok=True)  # of an earlier study
    for modality, volume in volumes.items():
        write_nifti(volume, out / f"{modality.lower()}.nii")
    told = describe(assembly.case) | describe_assembly(assembly)
    (out / CASE_JSON).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return told


def write_all_series(assignment: RoleAssignment, out: Path) -> dict[str, Any]:
    """Write every series that forms a volume, one after the other, each with a JSON file beside it."""
    told = []
    for index, exported in enumerate(export_series(assignment), start=1):
        stem = f"{index:03d}_{exported.role.lower()}"
        entry = write_one(exported, out, stem)
        (out / f"{stem}.json").write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
        told.append(entry)
    excluded = [{"name": item.name, "why": item.why} for item in assignment.excluded]
    return {"series": told, "excluded": excluded}


def write_one(exported: Exported, out: Path, stem: str) -> dict[str, Any]:
    """Write one volume; pixels that cannot be decoded become the reason in its description."""
    try:
        volumes = exported.read()
        if volumes is not None:
            write_nifti(volumes, out / f"{stem}.nii")
    except PixelsUnreadable as error:
        return exported.describe() | {"file": None, "refused": str(error)}
    return exported.describe() | {"file": None if volumes is None else f"{stem}.nii"}


def name_role(name: str, rules: Iterable[RoleRule]) -> dict[str, Any]:
    """The role of one name alone; a rule of the site comes first."""
    reading = read_name(name)
    rule = next((rule for rule in rules if rule.fits_name(name)), None)
    return {
        "series_description": name,
        "role": str(rule.role if rule else reading.role),
        "confidence": 1.0 if rule else reading.confidence,
        "why": f"rule '{rule.pattern}'" if rule else reading.word,
        "phase": reading.phase_number,
        "moment": reading.moment,
        "fat_suppressed": reading.fat_suppressed,
    }


def role_row(entry: dict[str, Any]) -> list[str]:
    return [str(entry["series_number"]), entry["role"], entry["series_description"], entry["refused"] or entry["why"]]


def series_row(entry: dict[str, Any]) -> list[str]:
    shape = " x ".join(map(str, entry["shape"])) if entry["shape"] else "-"
    return [entry["file"] or "refused", entry["role"], shape, entry["refused"] or entry["why"]]
