"""`mome-node phantom`: a synthetic breast MRI study on disk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.options import Encoding, StudyOptions, Trap
from dicom_io.phantom.spec import Breasts, Lesion, PhantomSpec, Position, Size, SliceOrientation
from dicom_io.phantom.vendors import study_of, write_study, write_truth
from mome_core.case import Modality

LAYOUTS = "one-series, series-per-phase, xa-classic, enhanced, instance-only or vframe; vendor's habit"
Out = Annotated[Path, typer.Option(help="Folder for the DICOM files; it must be empty or not exist.")]
VendorName = Annotated[
    Literal["siemens", "ge", "philips", "uih"], typer.Option(help="Whose scanner's habits the files follow.")
]
LesionName = Annotated[Literal["malignant", "benign", "none"], typer.Option(help="What the simulated patient has.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed is another patient.")]
Layout = Annotated[str | None, typer.Option(help=LAYOUTS)]
SizeName = Annotated[
    Literal["tiny", "small", "demo", "paper"], typer.Option(help="tiny: 64x64x16 voxels; paper: 384x384x128.")
]
OrientationName = Annotated[
    Literal["axial", "axial-turned", "sagittal", "oblique"], typer.Option(help="How the slices lie.")
]
PositionName = Annotated[Literal["prone", "supine"], typer.Option(help="How the patient lies.")]
BreastsName = Annotated[Literal["both", "left", "right"], typer.Option(help="Which breasts are there.")]
PostPhases = Annotated[int, typer.Option(min=1, help="Phases after the pre-contrast one.")]
PhaseSeconds = Annotated[float, typer.Option(help="From one post-contrast phase to the next.")]
FieldStrength = Annotated[float, typer.Option(help="Tesla.")]
MotionMm = Annotated[float, typer.Option(help="How far the patient moves during the dynamic.")]
NoContrast = Annotated[bool, typer.Option("--no-contrast", help="The bolus never arrives.")]
Without = Annotated[
    list[str] | None, typer.Option(help="A modality that was not acquired: DCE, DWI or T2; repeatable.")
]
Traps = Annotated[
    list[str] | None, typer.Option(help="A habit of real studies, e.g. duplicates, split-series; repeatable.")
]
TransferSyntaxName = Annotated[
    Literal["explicit", "implicit", "deflated", "big-endian", "rle", "jpeg-ls", "jpeg-2000"],
    typer.Option(help="How the files are encoded."),
]
PatientName = Annotated[str, typer.Option(help="PatientName of the synthetic patient.")]
AccessionNumber = Annotated[str, typer.Option(help="AccessionNumber; from the seed if empty.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")]


def phantom(
    *,
    out: Out,
    vendor: VendorName = "siemens",
    lesion: LesionName = "malignant",
    seed: Seed = 1,
    layout: Layout = None,
    size: SizeName = "demo",
    orientation: OrientationName = "axial",
    position: PositionName = "prone",
    breasts: BreastsName = "both",
    post_phases: PostPhases = 5,
    phase_seconds: PhaseSeconds = 75.0,
    field_strength: FieldStrength = 3.0,
    motion_mm: MotionMm = 0.0,
    no_contrast: NoContrast = False,
    without: Without = None,
    trap: Traps = None,
    transfer_syntax: TransferSyntaxName = "explicit",
    patient_name: PatientName = "PHANTOM^BREAST",
    accession_number: AccessionNumber = "",
    as_json: AsJson = False,
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
    )
    encoding = Encoding[transfer_syntax.replace("-", "_").upper()]
    traps = frozenset(Trap(name) for name in trap or ())
    options = StudyOptions(patient_name=patient_name, accession_number=accession_number, encoding=encoding, traps=traps)
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
