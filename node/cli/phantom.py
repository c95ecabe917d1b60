"""`mome-node phantom`: a synthetic breast MRI study on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.options import Encoding, StudyOptions, Trap
from dicom_io.phantom.spec import Breasts, Lesion, PhantomSpec, Position, Size, SliceOrientation
from dicom_io.phantom.vendors import study_of, write_study, write_truth
from mome_core.case import Modality


def phantom(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the DICOM files; it must be empty or not exist.")],
    vendor: Annotated[
        Literal["siemens", "ge", "philips", "uih"], typer.Option(help="Whose scanner's habits the files follow.")
    ] = "siemens",
    lesion: Annotated[
        Literal["malignant", "benign", "none"], typer.Option(help="What the simulated patient has.")
    ] = "malignant",
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another patient.")] = 1,
    layout: Annotated[
        str | None,
        typer.Option(
            help="one-series, series-per-phase, xa-classic, enhanced, instance-only or vframe; vendor's habit"
        ),
    ] = None,
    size: Annotated[
        Literal["tiny", "small", "demo", "paper"], typer.Option(help="tiny: 64x64x16 voxels; paper: 384x384x128.")
    ] = "demo",
    orientation: Annotated[
        Literal["axial", "axial-turned", "sagittal", "oblique"], typer.Option(help="How the slices lie.")
    ] = "axial",
    position: Annotated[Literal["prone", "supine"], typer.Option(help="How the patient lies.")] = "prone",
    breasts: Annotated[Literal["both", "left", "right"], typer.Option(help="Which breasts are there.")] = "both",
    post_phases: Annotated[int, typer.Option(min=1, help="Phases after the pre-contrast one.")] = 5,
    phase_seconds: Annotated[float, typer.Option(help="From one post-contrast phase to the next.")] = 75.0,
    field_strength: Annotated[float, typer.Option(help="Tesla.")] = 3.0,
    motion_mm: Annotated[float, typer.Option(help="How far the patient moves during the dynamic.")] = 0.0,
    no_contrast: Annotated[bool, typer.Option("--no-contrast", help="The bolus never arrives.")] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="A modality that was not acquired: DCE, DWI or T2; repeatable.")
    ] = None,
    trap: Annotated[
        list[str] | None, typer.Option(help="A habit of real studies, e.g. duplicates, split-series; repeatable.")
    ] = None,
    transfer_syntax: Annotated[
        Literal["explicit", "implicit", "deflated", "big-endian", "rle", "jpeg-ls", "jpeg-2000"],
        typer.Option(help="How the files are encoded."),
    ] = "explicit",
    patient_name: Annotated[str, typer.Option(help="PatientName of the synthetic patient.")] = "PHANTOM^BREAST",
    accession_number: Annotated[str, typer.Option(help="AccessionNumber; made from the seed if empty.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a synthetic breast MRI study as a vendor's scanner would, and the truth about it beside the folder.

    No patient is in it: research use only, for tests, training and demonstrations.

    Example: mome-node phantom --out study1 --vendor ge --lesion benign --seed 7 --layout series-per-phase
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is not an empty folder; name another one with --out")
    spec = PhantomSpec(
        seed=seed,
        lesion=Lesion(lesion),
        size=Size(size),
        post_phases=post_phases,
        field_strength_t=field_strength,
        orientation=SliceOrientation(orientation),
        position=Position[position.upper()],
        breasts=Breasts(breasts),
        phase_seconds=phase_seconds,
        without=frozenset(Modality(name) for name in without or ()),
        contrast=not no_contrast,
        motion_mm=motion_mm,
    )
    options = StudyOptions(
        patient_name=patient_name,
        accession_number=accession_number,
        encoding=Encoding[transfer_syntax.replace("-", "_").upper()],
        traps=frozenset(Trap(name) for name in trap or ()),
    )
    examination = simulate(spec)
    study = study_of(examination, vendor, layout, options)
    paths = write_study(examination, study.vendor, study.layout, out, options)
    truth = out.with_name(f"{out.name}.truth.json")
    write_truth(study, truth)
    report(study.uid("study"), out, paths, truth, as_json=as_json)


def report(study_instance_uid: str, out: Path, paths: list[Path], truth: Path, *, as_json: bool) -> None:
    """Say what was written, a line for each series."""
    series: dict[str, int] = {}
    for path in paths:
        series[path.parent.name] = series.get(path.parent.name, 0) + 1
    if as_json:
        written = {
            "study_instance_uid": study_instance_uid,
            "folder": str(out),
            "instances": len(paths),
            "series": series,
            "truth": str(truth),
        }
        typer.echo(json.dumps(written))
        return
    for name, count in series.items():
        typer.echo(f"{count:5d}  {name}")
    typer.echo(f"{len(paths):5d}  instances of a synthetic study in {out} (research use only); truth in {truth}")
