"""The phases of a DCE from NIfTI files: one grid, their order and times, and what proves the pre-contrast one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mome_core.acquired import kept_phases
from mome_core.case import Modality, PreContrast, Role
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.files import DCE_ROLES, NAME_THEM, NiftiFiles
from mome_core.nifti.image import NiftiImage, read_image, refuse
from mome_core.nifti.names import NiftiFile
from mome_core.nifti.sidecar import STUDY_SIDECAR, FileSidecar, SidecarPart
from mome_core.volume import Dynamic, Voxels

_NO_PRE = Ineligibility.PRE_CONTRAST_MISSING


@dataclass(frozen=True, slots=True, eq=False)
class NiftiDynamic:
    """A dynamic, and what told its times and that its first phase is the one before contrast (empty: nothing did)."""

    dynamic: Dynamic
    pre_contrast: PreContrast
    times_from: str
    pre_contrast_from: str
    notes: tuple[str, ...]


def read_dynamic(study: NiftiFiles) -> NiftiDynamic | None:
    """The phases on one grid, in order of time; None where no file is a phase.

    Of an ultrafast dynamic the phases are kept that of DICOM would be. Raises StudyIneligible for phases of different
    grids, with gaps, without an order, or for a file of four axes that nobody says the times of.
    """
    files = study.of(*DCE_ROLES)
    if not files or study.has_subtractions_only:
        return None
    _require_order(files)
    said = study.sidecar.part(Modality.DCE)
    verdict, why = _pre_contrast(said, files)
    images = [read_image(each.path, each.shown) for each in files]
    for image in images[1:]:
        image.require_same_grid(images[0])
    _require_single_phases(images, files)
    count = sum(len(image.voxels) for image in images)
    times_s, times_from = _times_of(said, [study.beside_of(each) for each in files], images, count)
    kept = kept_phases(count, times_s)
    after = [times_s[index] for index in kept] if times_s and count > 1 else []
    dynamic = Dynamic(
        _phases(images, kept, count), images[0].affine, "", tuple(round(time - after[1], 3) for time in after)
    )
    notes = [note for image in images for note in image.notes]
    if len(kept) < count:
        notes.append(f"of {count} phases {len(kept)} are used, evenly spread in time")
    return NiftiDynamic(dynamic, verdict, times_from, why, tuple(notes))


def _phases(images: Sequence[NiftiImage], kept: Sequence[int], count: int) -> Voxels:
    """The voxels of the phases that are kept, (phases, columns, rows, slices)."""
    if len(images) == 1 and len(kept) == count:
        return images[0].voxels
    every = [phase for image in images for phase in image.voxels]
    return np.stack([every[index] for index in kept])


def _require_order(files: Sequence[NiftiFile]) -> None:
    """Refuse phases of which it is not plain which comes when: gaps, doubles, a whole dynamic beside single phases."""
    roles = {each.role for each in files}
    if len(roles) > 1 or (Role.DCE_MULTI in roles and len(files) > 1):
        refuse(files[1].shown, f"it could be the DCE as well as {files[0].shown}", NAME_THEM)
    if Role.DCE_MULTI in roles:
        return
    if files[0].phase == 0 and files[0].says_pre is False:
        words = "it is called a phase after contrast and counted 0"
        refuse(files[0].shown, words, f"phases after contrast count from 1; or {NAME_THEM}", _NO_PRE)
    for expected, each in enumerate(files):
        if each.phase != expected:
            twice = expected > 0 and each.phase == files[expected - 1].phase
            words = f"phase {each.phase} is there twice" if twice else f"phase {expected} is missing"
            missing = Ineligibility.PHASE_MISSING if expected or twice else _NO_PRE
            refuse(each.shown, words, f"phases count from 0 (before contrast), each once; or {NAME_THEM}", missing)


def _require_single_phases(images: Sequence[NiftiImage], files: Sequence[NiftiFile]) -> None:
    """Refuse several volumes in a file that is one of several, or whose name says that it is before contrast."""
    for image, file in zip(images, files, strict=True):
        if len(image.voxels) > 1 and (len(images) > 1 or file.says_pre):
            words = f"it holds {len(image.voxels)} volumes"
            refuse(image.shown, words, f"a file of one phase holds one volume; or {NAME_THEM}")


def _times_of(
    said: SidecarPart, beside: Sequence[FileSidecar], images: Sequence[NiftiImage], count: int
) -> tuple[tuple[float, ...], str]:
    """The time of each phase from any zero, and what told it; none where single files give their order only.

    A file of four axes must tell its times, or mome.json that its first phase is before contrast: nothing else shows
    that its fourth axis is time.
    """
    shown = images[0].shown
    times, source = _told_times(said, beside, images, count)
    if not source:
        if len(images) == 1 and count > 1 and not said.pre_contrast:
            words = f"it holds {count} volumes, and nothing tells the time of any"
            ways = f"give DCE.times_s in {STUDY_SIDECAR}, or DCE.pre_contrast = true where only the order is known"
            refuse(shown, words, ways, Ineligibility.PHASE_ORDER_UNKNOWN)
        return (), ""
    if len(times) != count:
        words = f"{source} has {len(times)} times for {count} phases"
        refuse(shown, words, "give each phase one, or none", Ineligibility.PHASE_ORDER_UNKNOWN)
    if any(later <= sooner for sooner, later in pairwise(times)):
        refuse(shown, f"{source} does not ascend", "phases are in order of time", Ineligibility.PHASE_ORDER_UNKNOWN)
    return times, source


def _told_times(
    said: SidecarPart, beside: Sequence[FileSidecar], images: Sequence[NiftiImage], count: int
) -> tuple[tuple[float, ...], str]:
    """The times of the first that tells any, from any zero; both empty where nothing does."""
    if said.times_s:
        return said.times_s, f"DCE.times_s of {STUDY_SIDECAR}"
    if len(images) > 1:
        clocks = tuple(each.clock_s for each in beside if each.clock_s is not None)
        return clocks, "AcquisitionTime beside the files" if clocks else ""
    if beside[0].times_s:
        return beside[0].times_s, "VolumeTiming beside the file"
    step = images[0].step_s
    if step is not None:
        return tuple(step * index for index in range(count)), "the time step of the file's header"
    return (), ""


def _pre_contrast(said: SidecarPart, files: Sequence[NiftiFile]) -> tuple[PreContrast, str]:
    """Whether the first phase is the one before contrast, and what says so; a number alone proves nothing."""
    if said.pre_contrast is False:
        words = f"DCE.pre_contrast of {STUDY_SIDECAR} is false: the phase before contrast is needed"
        raise StudyIneligible(words, _NO_PRE)
    if said.pre_contrast:
        return PreContrast.PROVEN, f"DCE.pre_contrast of {STUDY_SIDECAR}"
    if files[0].says_pre:
        return PreContrast.PROVEN, f"the name {files[0].shown}"
    return PreContrast.UNKNOWN, ""
