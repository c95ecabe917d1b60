"""From roles to a Case: which series become the network's inputs, their voxels, and the images that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from dicom_io.errors import NoPhaseOrder, PixelsUnreadable
from dicom_io.headers.records import Instance, Omission, Plane
from dicom_io.pixels.native import read_voxels
from dicom_io.study.geometry import Stack
from dicom_io.study.measurements import FIRST, choose_dynamic
from dicom_io.study.measurements import Dynamic as ChosenDynamic
from dicom_io.study.phases import Slices, b_value_of, order_diffusion
from dicom_io.study.roles import RoleAssignment, SeriesRole
from dicom_io.vendors.base import Direction
from mome_core.case import Case, Modality, Role
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.volume import Dynamic, Volume, Voxels

USUAL_B_VALUES = (600.0, 1200.0)  # the paper takes the highest b-value, 1000 or 800; 1500 and more is another contrast
MOST_PHASES = 12  # more is an ultrafast dynamic, of which pre and six post-contrast phases are kept
KEPT_POST_PHASES = 6
ALIKE_B = 0.1  # b-values within 10 % are one: scanners write the actual value of each direction


@dataclass(frozen=True, slots=True, eq=False)
class SourceImage:
    """One image that a slice came from.

    frame : frame number from 1 inside an Enhanced instance, None in a classic one.
    """

    instance: Instance
    frame: int | None

    @property
    def header(self) -> Dataset:
        """Its data set without pixels, private and bulky elements."""
        return self.instance.header

    @property
    def path(self) -> Path:
        """The file."""
        return self.instance.path


SourceSlices = tuple[SourceImage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """What a study gave: the case, the images behind every slice of it, and what was left out.

    roles : the part of every series, with the reason.
    dce : phases x slices, in the order of the Dynamic's first and last axes.
    t2, dwi : one image per slice; of a mean over directions the image of the first one.
    dwi_all : every image of the DWI, those of the lower b-values too.
    dce_times_s : as in Case.dce.
    dce_order, dce_pre : what ordered the phases, and why the first is pre-contrast.
    b_values : all b-values of the DWI series, ascending, s/mm2.
    used : the series behind each modality.
    left_out : every series and file that takes no part, with the reason.
    warnings : doubts about what is used.
    """

    case: Case
    roles: RoleAssignment
    dce: tuple[SourceSlices, ...] = ()
    t2: SourceSlices = ()
    dwi: SourceSlices = ()
    dwi_all: SourceSlices = ()
    dce_times_s: tuple[float, ...] = ()
    dce_order: str = ""
    dce_pre: str = ""
    b_values: tuple[float, ...] = ()
    used: tuple[tuple[Modality, tuple[str, ...]], ...] = ()
    left_out: tuple[Omission, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ChosenVolume:
    """One T2 or DWI volume before its pixels are read; `repeats` are averaged.

    doubt : larger is worse; why the volume is not what the network was trained on, in words.
    """

    item: SeriesRole
    stack: Stack
    repeats: tuple[Slices, ...]
    b_value: float | None = None
    b_values: tuple[float, ...] = ()
    warning: str = ""


def read_case(assignment: RoleAssignment) -> Assembly:
    """Read the voxels of a study's dynamic, T2 and DWI.

    Raises StudyIneligible when there is no dynamic whose phases can be read and ordered; T2 and DWI may be missing.
    """
    require_one_study(assignment)
    chosen = choose_dynamic(assignment.roles)
    dynamic = thinned(chosen)
    warnings = [*chosen.notes]
    if len(dynamic.phases) < len(chosen.phases):
        warnings.append(f"of {len(chosen.phases)} phases {len(dynamic.phases)} are used, evenly spread in time")
    dce = read_dynamic(dynamic)
    t2, t2_volume = read_first(t2_choices(assignment, chosen.stack), warnings)
    dwi, dwi_volume = read_first(dwi_choices(assignment, chosen.stack), warnings)
    warnings += [] if t2 else why_unused(assignment.of(Role.T2, Role.T2_IR))
    warnings += [] if dwi else why_unused(assignment.of(Role.DWI))
    first = chosen.phases[0][0]
    case = Case(
        dce=dce,
        t2=t2_volume,
        dwi=dwi_volume,
        dwi_b_value=dwi.b_value if dwi else None,
        acquisition=acquisition_facts(first),
    )
    used = {Modality.DCE: tuple(dict.fromkeys(item.series.series_uid for item in dynamic.sources))}
    used |= {Modality.T2: (t2.item.series.series_uid,)} if t2 else {}
    used |= {Modality.DWI: (dwi.item.series.series_uid,)} if dwi else {}
    return Assembly(
        case=case,
        roles=assignment,
        dce=tuple(sources_of(phase) for phase in dynamic.phases),
        t2=sources_of(t2.repeats[0]) if t2 else (),
        dwi=sources_of(dwi.repeats[0]) if dwi else (),
        dwi_all=sources_of(tuple(dwi.stack.planes)) if dwi else (),
        dce_times_s=dce.times_s,
        dce_order=str(chosen.clue or ""),
        dce_pre=chosen.evidence or FIRST,
        b_values=dwi.b_values if dwi else (),
        used=tuple(used.items()),
        left_out=left_out(assignment, {uid for uids in used.values() for uid in uids}),
        warnings=tuple(warnings),
    )


def require_one_study(assignment: RoleAssignment) -> None:
    """Raise StudyIneligible when there is no image, or images of several studies."""
    studies = {item.series.study_uid for item in assignment.roles}
    if len(studies) > 1:
        raise StudyIneligible(
            f"the images belong to {len(studies)} studies; each is analysed by itself", Ineligibility.SEVERAL_STUDIES
        )
    if not studies:
        files = f"; {len(assignment.excluded)} files could not be read" if assignment.excluded else ""
        raise StudyIneligible(f"there is no MR image{files}", Ineligibility.NO_MR_IMAGE)


def thinned(dynamic: ChosenDynamic) -> ChosenDynamic:
    """An ultrafast dynamic reduced to its pre-contrast phase and six later ones, evenly spread in time."""
    count = len(dynamic.phases)
    if count <= MOST_PHASES:
        return dynamic
    times = np.array(dynamic.times_s or range(count), dtype=float)
    wanted = np.linspace(times[1], times[-1], KEPT_POST_PHASES)
    kept = [0, *sorted({int(np.argmin(np.abs(times[1:] - t))) + 1 for t in wanted})]
    return ChosenDynamic(
        phases=tuple(dynamic.phases[i] for i in kept),
        sources=tuple(dynamic.sources[i] for i in kept),
        stack=dynamic.stack,
        times_s=tuple(dynamic.times_s[i] for i in kept) if dynamic.times_s else (),
        clue=dynamic.clue,
        evidence=dynamic.evidence,
        notes=dynamic.notes,
    )


def read_dynamic(dynamic: ChosenDynamic) -> Dynamic:
    """The voxels of all phases; times count from the first post-contrast phase.

    Raises StudyIneligible when the pixels cannot be decoded.
    """
    try:
        voxels = read_voxels(dynamic.phases)
    except PixelsUnreadable as error:
        raise StudyIneligible(f"the DCE images cannot be read: {error}", Ineligibility.UNREADABLE) from error
    times = tuple(round(time - dynamic.times_s[1], 3) for time in dynamic.times_s)
    return Dynamic(voxels, dynamic.stack.affine, dynamic.sources[0].series.frame_of_reference_uid, times)


def t2_choices(assignment: RoleAssignment, dce: Stack) -> list[ChosenVolume]:
    """T2 volumes, best first: fat suppressed or TIRM, oriented as the dynamic, many voxels."""
    choices = []
    for item in assignment.of(Role.T2, Role.T2_IR):
        single = [stack for stack in item.stacks if stack.repeats == 1 and stack.slabs == 1]
        if single:  # of several echoes the longest weighs T2 most
            stack = max(single, key=lambda stack: stack.locations[0][0].acquisition.echo_ms or 0.0)
            choices.append(ChosenVolume(item, stack, (tuple(there[0] for there in stack.locations),)))
    return sorted(choices, key=lambda choice: t2_merit(choice, dce), reverse=True)


def t2_merit(choice: ChosenVolume, dce: Stack) -> tuple[float, ...]:
    """What makes one T2 better than another; the paper's T2 is fat suppressed."""
    suppressed = choice.item.series.acquisition.fat_suppressed
    if choice.item.role is Role.T2_IR:
        suppressed = True
    elif suppressed is None:
        suppressed = choice.item.name.fat_suppressed
    columns, rows, slices = choice.stack.shape
    return (
        {True: 2.0, None: 1.0, False: 0.0}[suppressed],
        float(parallel(choice.stack, dce)),
        float(choice.item.is_original),
        float(columns * rows * slices),
        -float(choice.item.series.number or 0),
    )


def parallel(a: Stack, b: Stack) -> bool:
    """Whether the slices of two stacks lie in nearly the same plane."""
    normal_a, normal_b = (np.cross(stack.affine[:3, 0], stack.affine[:3, 1]) for stack in (a, b))
    return bool(abs(normal_a @ normal_b) > 0.8 * np.linalg.norm(normal_a) * np.linalg.norm(normal_b))


def dwi_choices(assignment: RoleAssignment, dce: Stack) -> list[ChosenVolume]:
    """DWI volumes, best first: the highest usual b-value, trace before the mean over directions."""
    choices = []
    for item in assignment.of(Role.DWI):
        for stack in item.stacks:
            if stack.slabs > 1:
                continue
            try:
                choice = highest_b_volume(item, stack)
            except NoPhaseOrder:
                continue
            if choice is not None:
                choices.append(choice)
    return sorted(choices, key=lambda choice: dwi_merit(choice, dce), reverse=True)


def highest_b_volume(item: SeriesRole, stack: Stack) -> ChosenVolume | None:
    """The volume of the highest usual b-value of one stack, None when it has no weighted image.

    Raises NoPhaseOrder when slices differ in their b-values.
    """
    repeats = order_diffusion(stack, item.series.vendor)
    by_volume = [b_value_of(volume[0]) for volume in repeats.volumes]
    weighted = [b for b in by_volume if b >= 100]
    if not weighted:
        return None
    low, high = USUAL_B_VALUES
    usual = [b for b in weighted if low <= b <= high]
    wanted = max(usual) if usual else min(weighted, key=lambda b: abs(b - 1000))
    volumes = [v for v, b in zip(repeats.volumes, by_volume, strict=True) if abs(b - wanted) <= ALIKE_B * wanted]
    trace = [v for v in volumes if is_trace(v)]
    warning = "" if usual else f"the DWI has no b-value of 800 or 1000; b = {wanted:g} is used"
    return ChosenVolume(item, stack, tuple(trace or volumes), float(wanted), tuple(sorted(set(by_volume))), warning)


def is_trace(volume: Slices) -> bool:
    """Whether a volume is already the mean over directions."""
    plane = volume[0]
    return plane.diffusion.direction is Direction.ISOTROPIC or bool(plane.words & {"TRACEW", "TRACE"})


def dwi_merit(choice: ChosenVolume, dce: Stack) -> tuple[float, ...]:
    """What makes one DWI better than another."""
    columns, rows, slices = choice.stack.shape
    return (
        float(not choice.warning),
        choice.b_value or 0.0,
        float(is_trace(choice.repeats[0])),
        float(parallel(choice.stack, dce)),
        float(columns * rows * slices),
        -float(choice.item.series.number or 0),
    )


def read_first(choices: Sequence[ChosenVolume], warnings: list[str]) -> tuple[ChosenVolume | None, Volume | None]:
    """The first choice whose pixels can be read; what could not is added to the warnings."""
    for choice in choices:
        try:
            voxels = mean_voxels(choice.repeats)
        except PixelsUnreadable as error:
            warnings.append(f"series {choice.item.series.number} ({choice.item.role}) cannot be read: {error}")
            continue
        if choice.warning:
            warnings.append(choice.warning)
        return choice, Volume(voxels, choice.stack.affine, choice.item.series.frame_of_reference_uid)
    return None, None


def why_unused(items: Sequence[SeriesRole]) -> list[str]:
    """For series of a modality that the case lacks all the same, what is wrong with each."""
    reasons = []
    for item in items:
        slabs = max((stack.slabs for stack in item.stacks), default=1)
        reason = item.refused or (f"it consists of {slabs} slabs" if slabs > 1 else "its images name no b-value")
        if item.role is not Role.DWI and not item.refused and slabs == 1:
            reason = "its slices are repeated"
        reasons.append(f"series {item.series.number} ({item.role}) is not used: {reason}")
    return reasons


def mean_voxels(repeats: Sequence[Slices]) -> Voxels:
    """The mean of some volumes, read one after the other; a single one stays as it is stored."""
    voxels: Voxels = read_voxels(repeats[:1])[0]
    if len(repeats) == 1:
        return voxels
    total = voxels.astype(np.float32)
    for volume in repeats[1:]:
        total += read_voxels([volume])[0]
    total /= np.float32(len(repeats))
    return total


def sources_of(slices: Slices) -> SourceSlices:
    """The images behind the slices of one volume."""
    return tuple(SourceImage(p.instance, p.frame) for p in slices)


def acquisition_facts(plane: Plane) -> dict[str, str | float]:
    """Plain facts for quality flags; no patient data."""
    header = plane.instance.public
    facts: dict[str, str | float | None] = {
        "vendor": header.text("Manufacturer"),
        "model": header.text("ManufacturerModelName"),
        "software": header.text("SoftwareVersions"),
        "field_strength_t": header.number("MagneticFieldStrength"),
        "contrast_agent": plane.contrast,
        "repetition_ms": plane.acquisition.repetition_ms,
        "echo_ms": plane.acquisition.echo_ms,
        "flip_degrees": plane.acquisition.flip_degrees,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def left_out(assignment: RoleAssignment, used: set[str]) -> tuple[Omission, ...]:
    """Every series that takes no part, with the reason, and the files that were left out before."""
    series = tuple(
        Omission(f"series {item.series.number}", f"{item.role}: {item.refused or item.why}")
        for item in assignment.roles
        if item.series.series_uid not in used
    )
    return series + assignment.excluded
