"""Commands that show what the reader makes of a folder of images, or of a list of series names."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dicom_io.files import files_under
from dicom_io.headers.read import no_garbage_collection, read_series_headers
from dicom_io.study.classify import assign_roles
from dicom_io.study.listed import ListedParts, parts_of
from dicom_io.study.roles import RoleRule, SeriesRole
from node.cli.options import Config, Json
from node.cli.tables import print_rows
from node.nifti_folders import is_nifti_study
from node.series_lists import NameRole, read_names, read_studies, role_of_name
from node.volumes import CaseFiles, SeriesFile, write_all_series, write_case_files, write_nifti_case

_Folder = Annotated[
    Path, typer.Argument(help="Folder with the DICOM or NIfTI files of one study.", exists=True, file_okay=False)
]
_Out = Annotated[Path, typer.Option("--out", help="Folder for NIfTI and JSON files.")]
_AllSeries = Annotated[bool, typer.Option("--all-series", help="Write every series that forms a volume (DICOM).")]
_Names = Annotated[Path | None, typer.Option("--names", help="CSV with a column series_description.", exists=True)]
_Studies = Annotated[
    Path | None,
    typer.Option(
        "--studies",
        help="JSON lines, a study each: series with number, description, instances.",
        exists=True,
        dir_okay=False,
    ),
]


def assemble(
    folder: _Folder, out: _Out, all_series: _AllSeries = False, config: Config = None, as_json: Json = False
) -> None:
    """Turn one study into volumes and say why: DCE, T2 and DWI as NIfTI with case.json, or every series by itself.

    The study is a folder of DICOM files, or of NIfTI files as MAMA-MIA, ODELIA and BIDS lay them out, or under any
    names that a mome.json explains (docs/nifti.md).

    Example: mome-node assemble ./study --out ./volumes
    """
    if is_nifti_study(folder):
        if all_series:
            raise typer.BadParameter("series are DICOM's; this folder holds NIfTI", param_hint="--all-series")
        _assemble_nifti(folder, out, as_json)
        return
    with no_garbage_collection():
        assignment = assign_roles(read_series_headers(files_under(folder)), _site_rules(config))
        out.mkdir(parents=True, exist_ok=True)
        if all_series:
            written = write_all_series(assignment, out)
            if as_json:
                typer.echo(json.dumps(written.to_json()))
            else:
                print_rows(["file", "role", "shape", "why"], [_series_row(each) for each in written.series])
        else:
            case = write_case_files(assignment, out)
            typer.echo(json.dumps(case.description)) if as_json else _print_case(case, out)
        gc.freeze()  # or Python would look for cycles once more before it ends


def _assemble_nifti(folder: Path, out: Path, as_json: bool) -> None:
    """The case of a NIfTI study, and what each of its files was taken for."""
    written = write_nifti_case(folder, out)
    if as_json:
        typer.echo(json.dumps(written.description))
        return
    study = written.study
    rows = [[name, modality, ""] for modality, names in study.used.items() for name in names]
    print_rows(["file", "used as", "why not"], [*rows, *([name, "-", why] for name, why in study.left_out)])
    for note in (*study.notes, *([str(study.without_dce)] if study.without_dce else [])):
        typer.echo(f"note: {note}")
    if study.case.dce is not None:
        typer.echo(f"times of the phases: {study.times_from or 'unknown, their order is known'}")
        typer.echo(f"the first phase is pre-contrast: {study.pre_contrast_from or 'nothing says so, the images must'}")
    typer.echo(f"wrote {', '.join(written.files)} and case.json to {out}")


def roles(names: _Names = None, studies: _Studies = None, config: Config = None, as_json: Json = False) -> None:
    """Say which role each series name suggests, or which series of listed studies are DCE, T2 and DWI.

    A study is read as a whole, by names, numbers and image counts: it needs no images, only the index of an archive.

    Example: mome-node roles --names names.csv --json
    """
    if (names is None) == (studies is None):
        raise typer.BadParameter("give --names or --studies, one of them")
    rules = _site_rules(config)
    if studies is not None:
        _print_listed([(index, parts_of(series, rules)) for index, series in read_studies(studies)], as_json)
    elif names is not None:
        _print_names([role_of_name(each, rules) for each in read_names(names)], as_json)


def _print_names(suggested: Sequence[NameRole], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([each.to_json() for each in suggested]))
    else:
        print_rows(
            ["name", "role", "confidence", "because of"],
            [[each.series_description, each.role, f"{each.confidence:.2f}", each.why] for each in suggested],
        )


def _print_listed(found: Sequence[tuple[str | int, ListedParts]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([{"index": index, **parts.to_json()} for index, parts in found]))
        return
    rows = [
        [
            "" if each is None else str(each)
            for each in (index, " ".join(map(str, parts.dce)), parts.phases, parts.t2, parts.dwi)
        ]
        for index, parts in found
    ]
    print_rows(["study", "DCE", "phases", "T2", "DWI"], rows)


def _site_rules(config: Path | None) -> tuple[RoleRule, ...]:
    """The site's own words for its series, from the settings; none without settings."""
    if config is None:
        return ()
    from node.settings import load_settings  # pydantic would cost every other call 0.1 s (benchmarks/assemble.py)

    return load_settings(config).series.role_rules()


def _print_case(case: CaseFiles, out: Path) -> None:
    """The role of every series, doubts, and what the order of the phases rests on."""
    assembly = case.assembly
    rows = sorted(assembly.roles.roles, key=lambda each: each.series.number or 0)
    print_rows(["series", "role", "description", "why"], [_role_row(each) for each in rows])
    for warning in assembly.warnings:
        typer.echo(f"note: {warning}")
    if assembly.dce_pre is not None:
        typer.echo(f"phases ordered by {assembly.dce_order}; the first is pre-contrast: {assembly.dce_pre.words}")
    typer.echo(f"wrote {', '.join(case.files)} and case.json to {out}")


def _role_row(item: SeriesRole) -> list[str]:
    return [str(item.series.number), item.role, item.series.description, item.refused or item.why]


def _series_row(file: SeriesFile) -> list[str]:
    stack, volumes = file.exported.stack, len(file.exported.volumes)
    shape = " x ".join(map(str, (*stack.shape, volumes))) if stack else "-"
    return [file.file or "refused", file.exported.role, shape, file.refused or file.exported.why]
