"""`mome-node phantom`: a synthetic breast MRI study on disk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.options import StudyOptions, TransferSyntax, Trap
from dicom_io.phantom.spec import (
    Anatomy,
    Breasts,
    Lesion,
    PhantomSpec,
    Position,
    Presentation,
    Size,
    SliceOrientation,
)
from dicom_io.phantom.vendors import study_of, write_study, write_truth
from mome_core.case import Modality

_LAYOUTS = "one-series, series-per-phase, xa-classic, enhanced, instance-only or vframe; vendor's habit"
_Out = Annotated[Path, typer.Option(help="Folder for the DICOM files; it must be empty or not exist.")]
_VendorName = Annotated[
    Literal["siemens", "ge", "philips", "uih"], typer.Option(help="Whose scanner's habits the files follow.")
]
_LesionName = Annotated[Literal["malignant", "benign", "none"], typer.Option(help="What the simulated patient has.")]
_AnatomyName = Annotated[
    Literal["simple", "detailed"],
    typer.Option(help="simple: the patient that the demo model knows; detailed: lesions that overlap as published."),
]
_PresentationName = Annotated[
    Literal["clinical", "textbook"],
    typer.Option(help="Of a detailed patient's lesion; textbook: one conspicuous mass, typical of its kind."),
]
_Seed = Annotated[int, typer.Option(min=0, help="Another seed is another patient.")]
_Layout = Annotated[str | None, typer.Option(help=_LAYOUTS)]
_SizeName = Annotated[
    Literal["tiny", "small", "demo", "paper"], typer.Option(help="tiny: 64x64x16 voxels; paper: 384x384x128.")
]
_OrientationName = Annotated[
    Literal["axial", "axial-turned", "sagittal", "oblique"], typer.Option(help="How the slices lie.")
]
_PositionName = Annotated[Literal["prone", "supine"], typer.Option(help="How the patient lies.")]
_BreastsName = Annotated[Literal["both", "left", "right"], typer.Option(help="Which breasts are there.")]
_PostPhases = Annotated[int, typer.Option(min=1, help="Phases after the pre-contrast one.")]
_PhaseSeconds = Annotated[float, typer.Option(help="From one post-contrast phase to the next.")]
_FieldStrength = Annotated[float, typer.Option(help="Tesla.")]
_MotionMm = Annotated[float, typer.Option(help="How far the patient moves during the dynamic.")]
_LesionScale = Annotated[float, typer.Option(help="Multiplies the lesion's radius; the patient stays the same.")]
_NoContrast = Annotated[bool, typer.Option("--no-contrast", help="The bolus never arrives.")]
_Without = Annotated[
    list[str] | None, typer.Option(help="A modality that was not acquired: DCE, DWI or T2; repeatable.")
]
_Traps = Annotated[
    list[str] | None, typer.Option(help="A habit of real studies, e.g. duplicates, split-series; repeatable.")
]
_TransferSyntaxName = Annotated[
    Literal["explicit", "implicit", "deflated", "big-endian", "rle", "jpeg-ls", "jpeg-2000"],
    typer.Option(help="How the files are encoded."),
]
_PatientName = Annotated[str, typer.Option(help="PatientName of the synthetic patient.")]
_AccessionNumber = Annotated[str, typer.Option(help="AccessionNumber; from the seed if empty.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")]


def phantom(
    *,
    out: _Out,
    vendor: _VendorName = "siemens",
    lesion: _LesionName = "malignant",
    anatomy: _AnatomyName = "simple",
    presentation: _PresentationName = "clinical",
    seed: _Seed = 1,
    layout: _Layout = None,
    size: _SizeName = "demo",
    orientation: _OrientationName = "axial",
    position: _PositionName = "prone",
    breasts: _BreastsName = "both",
    post_phases: _PostPhases = 5,
    phase_seconds: _PhaseSeconds = 75.0,
    field_strength: _FieldStrength = 3.0,
    motion_mm: _MotionMm = 0.0,
    lesion_scale: _LesionScale = 1.0,
    no_contrast: _NoContrast = False,
    without: _Without = None,
    trap: _Traps = None,
    transfer_syntax: _TransferSyntaxName = "explicit",
    patient_name: _PatientName = "PHANTOM^BREAST",
    accession_number: _AccessionNumber = "",
    as_json: _AsJson = False,
) -> None:
    """Write a synthetic breast MRI study as a vendor's scanner would, and the truth about it beside the folder.

    No patient is in it: research use only, for tests, training and demonstrations.

    Example: mome-node phantom --out study1 --vendor ge --lesion benign --seed 7 --layout series-per-phase
    """
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
        lesion_scale=lesion_scale,
        anatomy=Anatomy(anatomy),
        presentation=Presentation(presentation),
    )
    syntax = TransferSyntax[transfer_syntax.replace("-", "_").upper()]
    traps = frozenset(Trap(name) for name in trap or ())
    options = StudyOptions(
        patient_name=patient_name, accession_number=accession_number, transfer_syntax=syntax, traps=traps
    )
    _write(spec, vendor, layout, options, out, as_json=as_json)


def _write(
    spec: PhantomSpec, vendor: str, layout: str | None, options: StudyOptions, out: Path, *, as_json: bool
) -> None:
    """Write study and truth, and print what was written; raises ValueError for a folder that is not empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is not an empty folder; name another one with --out")
    examination = simulate(spec)
    study = study_of(examination, vendor, layout, options)
    paths = write_study(examination, study.vendor, study.layout, out, options)
    truth = out.with_name(f"{out.name}.truth.json")
    write_truth(study, truth)
    if as_json:
        payload = {"study_instance_uid": study.uid("study"), "folder": str(out), "instances": len(paths)}
        typer.echo(json.dumps(payload | {"series": _instances_by_series(paths), "truth": str(truth)}))
        return
    for name, count in _instances_by_series(paths).items():
        typer.echo(f"{count:5d}  {name}")
    typer.echo(f"{len(paths):5d}  instances of a synthetic study in {out} (research use only); truth in {truth}")


def _instances_by_series(paths: Sequence[Path]) -> dict[str, int]:
    return dict(Counter(path.parent.name for path in paths))
