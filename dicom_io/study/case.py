"""From roles to a Case: the voxels of the dynamic, T2 and DWI, and the images that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from dicom_io.errors import PixelsUnreadable
from dicom_io.headers.records import Instance, Omission, Plane
from dicom_io.pixels.native import read_voxels
from dicom_io.study.choices import ChosenVolume, dwi_choices, t2_choices, why_unused
from dicom_io.study.diffusion import read_diffusion
from dicom_io.study.dynamic import ChosenDynamic, choose_dynamic
from dicom_io.study.geometry import Stack
from dicom_io.study.phases import Slices
from dicom_io.study.pre_contrast import PreContrastFinding
from dicom_io.study.roles import RoleAssignment
from mome_core.acquired import kept_phases
from mome_core.case import Case, Modality, Role
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.volume import Dynamic, Volume, Voxels


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame:
    """One image that a slice came from: a classic instance, or a frame of an Enhanced one.

    Parameters
    ----------
    frame
        Frame number from 1 inside an Enhanced instance, None in a classic one.
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


_SourceSlices = tuple[SourceFrame, ...]
_UsedSeries = tuple[tuple[Modality, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """What a study gave: the case, the images behind every slice of it, and what was left out.

    Parameters
    ----------
    roles
        The role of every series, with the reason.
    dce
        Phases x slices, in the order of the Dynamic's first and last axes.
    t2, dwi
        One image per slice; of a mean over directions the image of the first one.
    dwi_all
        Every image of the DWI, those of the lower b-values too.
    adc
        One image per slice of the scanner's ADC map, where it was asked for.
    dce_times_s
        As in Case.dce.
    dce_order
        What ordered the phases; empty without a dynamic.
    dce_pre
        Why the first phase is the one before contrast; None without a dynamic.
    without_dce
        Why there is no dynamic, where the rest was read all the same; None with one.
    b_values
        All b-values of the DWI series, ascending, s/mm2.
    used
        The series behind each modality.
    left_out
        Every series and file that is not used, with the reason.
    warnings
        Doubts about what is used.
    """

    case: Case
    roles: RoleAssignment
    dce: tuple[_SourceSlices, ...] = ()
    dce_order: str = ""
    dce_pre: PreContrastFinding | None = None
    without_dce: StudyIneligible | None = None
    dce_times_s: tuple[float, ...] = ()
    t2: _SourceSlices = ()
    dwi: _SourceSlices = ()
    dwi_all: _SourceSlices = ()
    adc: _SourceSlices = ()
    b_values: tuple[float, ...] = ()
    used: _UsedSeries = ()
    left_out: tuple[Omission, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _ReadVolume:
    """A T2 or DWI with its voxels."""

    choice: ChosenVolume
    volume: Volume

    @property
    def sources(self) -> _SourceSlices:
        """The images behind its slices; of a mean over several those of the first."""
        return _sources_of(self.choice.repeats[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Others:
    """The T2 and the DWI that were read, beside a dynamic or without one."""

    t2: _ReadVolume | None
    dwi: _ReadVolume | None
    unusable: dict[Modality, str]

    @property
    def used(self) -> _UsedSeries:
        """The UID of the series behind each."""
        found = ((Modality.T2, self.t2), (Modality.DWI, self.dwi))
        return tuple((modality, (read.choice.item.series.series_uid,)) for modality, read in found if read)

    def assembly(self, case: Case, roles: RoleAssignment, used: _UsedSeries, warnings: Sequence[str]) -> Assembly:
        """All of an assembly that does not come from a dynamic."""
        return Assembly(
            case=replace(
                case,
                t2=self.t2.volume if self.t2 else None,
                dwi=self.dwi.volume if self.dwi else None,
                dwi_b_value=self.dwi.choice.b_value if self.dwi else None,
                unusable={**case.unusable, **self.unusable},
            ),
            roles=roles,
            t2=self.t2.sources if self.t2 else (),
            dwi=self.dwi.sources if self.dwi else (),
            dwi_all=_sources_of(tuple(self.dwi.choice.stack.planes)) if self.dwi else (),
            b_values=self.dwi.choice.b_values if self.dwi else (),
            used=used,
            left_out=_left_out(roles, used),
            warnings=tuple(warnings),
        )


def read_case(assignment: RoleAssignment, *, dce_required: bool = True, diffusion: bool = False) -> Assembly:
    """Read the voxels of a study's dynamic, T2 and DWI.

    Raises StudyIneligible when there is no dynamic whose phases can be read and ordered; T2 and DWI may be missing.

    Parameters
    ----------
    dce_required
        False: without a dynamic the T2 and the DWI are read, and the assembly says why it has no DCE; only a study with
        neither is ineligible. Whether a model may answer such a case is for its bundle to say.
    diffusion
        True: what the ADC of a dynamic's lesion is measured on is read too.
    """
    require_one_study(assignment)
    try:
        chosen = choose_dynamic(assignment.roles)
        dynamic = thinned(chosen)
        dce = _read_dynamic(dynamic)
    except StudyIneligible as refusal:
        if dce_required:
            raise
        return _without_dynamic(assignment, refusal)
    warnings = [*chosen.notes]
    if len(dynamic.phases) < len(chosen.phases):
        warnings.append(f"of {len(chosen.phases)} phases {len(dynamic.phases)} are used, evenly spread in time")
    others = _read_others(assignment, chosen.stack, warnings)
    measured = read_diffusion(assignment, others.dwi.choice if others.dwi else None) if diffusion else None
    series = tuple(dict.fromkeys(item.series.series_uid for item in dynamic.sources))
    facts = acquisition_facts(dynamic.phases[0][0]) | {"pre_contrast": dynamic.pre_contrast.verdict}
    case = Case(dce=dce, acquisition=facts)
    if measured is not None:
        case = replace(case, adc=measured.adc, dwi_by_b_value=measured.by_b_value)
    return replace(
        others.assembly(case, assignment, ((Modality.DCE, series), *others.used), warnings),
        dce=tuple(_sources_of(phase) for phase in dynamic.phases),
        dce_order=str(dynamic.clue or ""),
        dce_pre=dynamic.pre_contrast,
        dce_times_s=dce.times_s,
        adc=_sources_of(measured.adc_slices) if measured is not None else (),
    )


def _without_dynamic(assignment: RoleAssignment, refusal: StudyIneligible) -> Assembly:
    """The T2 and the DWI of a study whose dynamic is refused; the refusal itself when it has neither."""
    warnings = [f"there is no usable DCE: {refusal}"]
    others = _read_others(assignment, None, warnings)
    first = others.t2 or others.dwi
    if first is None:
        raise refusal
    absent = refusal.code is Ineligibility.NO_DYNAMIC
    unusable = {} if absent else {Modality.DCE: str(refusal)}
    case = Case(acquisition=acquisition_facts(first.choice.repeats[0][0]), unusable=unusable)
    return replace(others.assembly(case, assignment, others.used, warnings), without_dce=refusal)


def _read_others(assignment: RoleAssignment, dce: Stack | None, warnings: list[str]) -> _Others:
    """The T2 and the DWI that go best with a dynamic on this grid; what cannot be used is added to the warnings."""
    found = {
        Modality.T2: _read_first(t2_choices(assignment, dce), warnings),
        Modality.DWI: _read_first(dwi_choices(assignment, dce), warnings),
    }
    series = {Modality.T2: assignment.of(Role.T2, Role.T2_IR), Modality.DWI: assignment.of(Role.DWI)}
    faults = {modality: why_unused(series[modality]) for modality, read in found.items() if read is None}
    warnings += [each for some in faults.values() for each in some]
    unusable = {modality: "; ".join(some) for modality, some in faults.items() if some}
    return _Others(found[Modality.T2], found[Modality.DWI], unusable)


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
    kept = kept_phases(len(dynamic.phases), dynamic.times_s)
    if len(kept) == len(dynamic.phases):
        return dynamic
    return replace(
        dynamic,
        phases=tuple(dynamic.phases[i] for i in kept),
        sources=tuple(dynamic.sources[i] for i in kept),
        times_s=tuple(dynamic.times_s[i] for i in kept) if dynamic.times_s else (),
    )


def _read_dynamic(dynamic: ChosenDynamic) -> Dynamic:
    """The voxels of all phases; times count from the first post-contrast phase.

    Raises StudyIneligible when the pixels cannot be decoded.
    """
    try:
        voxels = read_voxels(dynamic.phases)
    except PixelsUnreadable as error:
        raise StudyIneligible(f"the DCE images cannot be read: {error}", Ineligibility.UNREADABLE) from error
    times = tuple(round(time - dynamic.times_s[1], 3) for time in dynamic.times_s)
    return Dynamic(voxels, dynamic.stack.affine, dynamic.sources[0].series.frame_of_reference_uid, times)


def _read_first(choices: Sequence[ChosenVolume], warnings: list[str]) -> _ReadVolume | None:
    """The first choice whose pixels can be read; what could not is added to the warnings."""
    for choice in choices:
        try:
            voxels = _mean_voxels(choice.repeats)
        except PixelsUnreadable as error:
            warnings.append(f"series {choice.item.series.number} ({choice.item.role}) cannot be read: {error}")
            continue
        if choice.warning:
            warnings.append(choice.warning)
        frame_of_reference_uid = choice.item.series.frame_of_reference_uid
        return _ReadVolume(choice, Volume(voxels, choice.stack.affine, frame_of_reference_uid))
    return None


def _mean_voxels(repeats: Sequence[Slices]) -> Voxels:
    """The mean of some volumes, read one after the other; a single one stays as it is stored."""
    voxels: Voxels = read_voxels(repeats[:1])[0]
    if len(repeats) == 1:
        return voxels
    total = voxels.astype(np.float32)
    for volume in repeats[1:]:
        total += read_voxels([volume])[0]
    total /= np.float32(len(repeats))
    return total


def _sources_of(slices: Slices) -> _SourceSlices:
    """The images behind the slices of one volume."""
    return tuple(SourceFrame(p.instance, p.frame) for p in slices)


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


def _left_out(assignment: RoleAssignment, used: _UsedSeries) -> tuple[Omission, ...]:
    """Every series that is not used, with the reason, and the files that were left out before."""
    uids = {uid for _, series_uids in used for uid in series_uids}
    series = tuple(
        Omission(f"series {item.series.number}", f"{item.role}: {item.refused or item.why}")
        for item in assignment.roles
        if item.series.series_uid not in uids
    )
    return series + assignment.excluded
