"""The NIfTI files of one study, each with the part it plays by its name or by mome.json."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mome_core.case import Modality, Role
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.image import NiftiImage, read_image, refuse
from mome_core.nifti.names import NiftiFile, files_in_order, is_nifti, named_file
from mome_core.nifti.sidecar import (
    ADC,
    STUDY_SIDECAR,
    FileSidecar,
    StudySidecar,
    read_file_sidecar,
    read_study_sidecar,
)

DCE_ROLES = (Role.DCE_MULTI, Role.DCE_PHASE)
NAME_THEM = f"name the files of each part in {STUDY_SIDECAR}"
_NO_IMAGES = {"derivatives", "segmentations", "segmentation", "masks"}  # of BIDS, of MAMA-MIA
_ROLE_OF = {Modality.T2.value: Role.T2, Modality.DWI.value: Role.DWI, ADC: Role.ADC}


@dataclass(frozen=True, slots=True)
class NiftiFiles:
    """The files of one study, what lies beside each, and mome.json."""

    files: tuple[NiftiFile, ...]
    beside: Mapping[Path, FileSidecar]
    sidecar: StudySidecar

    def of(self, *roles: Role) -> list[NiftiFile]:
        """The files of these roles, phases in order."""
        return [each for role in roles for each in files_in_order(self.files, role)]

    def beside_of(self, file: NiftiFile) -> FileSidecar:
        """What the JSON and the `.bval` beside a file say."""
        return self.beside[file.path]

    @property
    def has_subtractions_only(self) -> bool:
        """Whether what there is of the DCE are subtractions, without the phases they are computed from."""
        declared = self.sidecar.part(Modality.DCE).subtraction and bool(self.of(*DCE_ROLES))
        return declared or bool(self.of(Role.SUBTRACTION) and not self.of(*DCE_ROLES))

    def single(self, role: Role) -> NiftiImage | None:
        """The one volume of a role; None without a file, StudyIneligible where several could be it."""
        files = self.of(role)
        if not files:
            return None
        if len(files) > 1:
            refuse(files[1].shown, f"it could be the {role} as well as {files[0].shown}", NAME_THEM)
        image = read_image(files[0].path, files[0].shown)
        if len(image.voxels) > 1:
            refuse(image.shown, f"it holds {len(image.voxels)} volumes", f"a {role} is one volume")
        return image


def nifti_under(folder: Path) -> Iterator[Path]:
    """NIfTI files in a folder and the folders inside it, by name; not hidden ones, masks and derivatives."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each.lower() not in _NO_IMAGES)
        yield from (Path(base) / name for name in sorted(names) if is_nifti(Path(name)))


def holds_nifti(folder: Path) -> bool:
    """Whether a NIfTI file lies anywhere in a folder."""
    return next(nifti_under(folder), None) is not None


def files_of(folder: Path) -> NiftiFiles:
    """Every NIfTI file of a study with the part it plays; StudyIneligible where names or sidecars contradict."""
    sidecar = read_study_sidecar(folder)
    found = list(nifti_under(folder))
    if not found:
        raise StudyIneligible("the folder holds no NIfTI file", Ineligibility.NO_MR_IMAGE)
    declared = list(_declared(folder, sidecar, found))
    paths = {each.path for each in declared}
    decided = {role for part, said in sidecar.parts.items() if said.files for role in _roles_of(part)}
    others = [named_file(path) for path in found if path not in paths]
    others = [replace(each, role=Role.OTHER) if each.role in decided else each for each in others]
    known = [each for each in (*declared, *others) if each.role is not Role.OTHER]
    beside = {each.path: read_file_sidecar(each.path, each.shown) for each in known}
    files = tuple(
        replace(each, role=Role.SUBTRACTION) if each in known and beside[each.path].is_subtraction else each
        for each in (*declared, *others)
    )
    _require_one_patient(files)
    return NiftiFiles(files, beside, sidecar)


def _declared(folder: Path, sidecar: StudySidecar, found: list[Path]) -> Iterator[NiftiFile]:
    """The files that mome.json names; messages call them by their place there."""
    seen: set[Path] = set()
    for part, said in sidecar.parts.items():
        for number, name in enumerate(said.files):
            path, shown = folder / name, f"{part} file {number + 1} of {STUDY_SIDECAR}"
            if path not in found:
                refuse(shown, "there is no such NIfTI file in the folder", "mend the name")
            if path in seen:
                refuse(shown, "the file is named twice", "each file is one part")
            seen.add(path)
            single = Role.DCE_PHASE if len(said.files) > 1 else Role.DCE_MULTI
            yield NiftiFile(path, _ROLE_OF.get(part, single), shown, number if part == Modality.DCE else None)


def _roles_of(part: str) -> tuple[Role, ...]:
    return (_ROLE_OF[part],) if part in _ROLE_OF else DCE_ROLES


def _require_one_patient(files: tuple[NiftiFile, ...]) -> None:
    """Refuse files whose names bear several patients' IDs, or several sessions' (BIDS)."""
    if len({each.study for each in files if each.study}) > 1:
        words = "the names of the NIfTI files are of several patients or sessions: each is a case of its own folder"
        raise StudyIneligible(words, Ineligibility.SEVERAL_STUDIES)
