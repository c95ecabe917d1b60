"""What a NIfTI file's name says of it: MAMA-MIA, ODELIA, BIDS, and what `mome-node assemble` writes.

    DUKE_001_0000.nii.gz            MAMA-MIA: phase 0 (before contrast), 1, 2 ...
    Pre.nii.gz, Post_1.nii.gz       ODELIA: phases; Sub_1.nii.gz is Post_1 less Pre; T2.nii.gz
    sub-01_ses-1_dce.nii.gz         BIDS-like: all phases; _T2w, _dwi (with .bval), _ADC
    sub-01_acq-post1_dce.nii.gz     BIDS-like: one phase (acq-pre, acq-post1; phase-0, phase-1; run-1, run-2)

Such a name may hold a patient's: `shown` is what messages may say, the rest is a star.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mome_core.case import Role

_SUFFIXES = (".nii", ".nii.gz")
_NUMBERED = re.compile(r"(?P<study>.+)_(?P<phase>00[0-2]\d)", re.IGNORECASE)  # a higher number is a patient's
_BIDS = re.compile(
    r"(?P<study>sub-[a-z0-9]+(?:_ses-[a-z0-9]+)?)(?P<entities>(?:_[a-z]+-[a-z0-9]+)*)_(?P<suffix>[a-z0-9]+)", re.I
)
_PHASE = re.compile(r"(?P<pre>pre(?:contrast)?)|post[-_]?(?P<post>\d{1,3})|(?:phase[-_]?)?(?P<phase>\d{1,3})", re.I)
_SUBTRACTION = re.compile(r"sub(?:traction)?s?_?\d{0,2}", re.IGNORECASE)  # "sub-01" is a subject of BIDS
_B_VALUE = re.compile(r"dwi[-_]b(?P<b>\d{1,5})", re.IGNORECASE)
_ROLES = {
    "dce": Role.DCE_MULTI,
    "t2": Role.T2,
    "t2w": Role.T2,
    "dwi": Role.DWI,
    "adc": Role.ADC,
    "adcmap": Role.ADC,
    "mask": Role.SEG,
    "seg": Role.SEG,
    "dseg": Role.SEG,
}
_ORDERING = ("phase", "acq", "run")  # entities of BIDS that may number the phases
_NO_MAGNITUDE = {"phase", "real", "imag"}  # values of the entity "part"
_COUNTING = {"run", "b"}  # entities that tell files of one acquisition apart


@dataclass(frozen=True, slots=True)
class NiftiFile:
    """One file, and what its name or mome.json says of it.

    Parameters
    ----------
    role
        DCE_MULTI: all phases; DCE_PHASE: one; OTHER: the name says nothing.
    shown
        What messages call it: without what could name a patient.
    phase
        From 0, before contrast; None where there is none.
    says_pre
        Whether the name says in words that this phase is before contrast (True) or after it (False); None: neither.
    b_value
        s/mm2; None where the name does not say.
    study, acquisition
        What the name calls patient and session, and the acquisition (BIDS entities but run and b-value), for
        comparison; never shown.
    """

    path: Path
    role: Role
    shown: str
    phase: int | None = None
    says_pre: bool | None = None
    b_value: float | None = None
    study: str = field(default="", repr=False)
    acquisition: tuple[str, ...] = field(default=(), repr=False)


def is_nifti(path: Path) -> bool:
    """Whether a file is called as NIfTI files are."""
    return path.name.lower().endswith(_SUFFIXES) and not path.name.startswith(".")


def stem_of(path: Path) -> str:
    """The name without `.nii` or `.nii.gz`."""
    return re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.IGNORECASE)


def named_file(path: Path) -> NiftiFile:
    """What a file's name says."""
    stem = stem_of(path)
    ending = path.name[len(stem) :]
    if found := _BIDS.fullmatch(stem):
        return _bids_file(path, found, ending)
    if found := _NUMBERED.fullmatch(stem):
        shown = f"*_{found['phase']}{ending}"
        return NiftiFile(path, Role.DCE_PHASE, shown, int(found["phase"]), study=found["study"].lower())
    return _plainly_named(path, stem, path.name)


def _plainly_named(path: Path, word: str, shown: str) -> NiftiFile:
    """A file whose whole name, or the part of it that matters, is a word of the vocabulary."""
    if role := _ROLES.get(word.lower()):
        return NiftiFile(path, role, shown)
    if _SUBTRACTION.fullmatch(word):
        return NiftiFile(path, Role.SUBTRACTION, shown)
    if found := _B_VALUE.fullmatch(word):
        return NiftiFile(path, Role.DWI, shown, b_value=float(found["b"]))
    if (found := _PHASE.fullmatch(word)) and not word.isdigit():
        return NiftiFile(path, Role.DCE_PHASE, shown, _number_of(found), _said_of(found))
    return NiftiFile(path, Role.OTHER, "a file with a name of its own")


def _bids_file(path: Path, found: re.Match[str], ending: str) -> NiftiFile:
    """A file of BIDS: the suffix says what it is, an entity which phase."""
    entities = dict(each.split("-", 1) for each in found["entities"].lower().split("_") if each)
    suffix, study = found["suffix"], found["study"].lower()
    role = _ROLES.get(suffix.lower(), Role.OTHER)
    if role is Role.OTHER:
        return NiftiFile(path, role, f"sub-*_{suffix}{ending}" if suffix == "T1w" else "a file with a name of its own")
    if entities.get("part") in _NO_MAGNITUDE:
        return NiftiFile(path, Role.OTHER, f"sub-*_part-{entities['part']}_{suffix}{ending}")
    if any(_SUBTRACTION.fullmatch(each) for each in entities.values()):
        return NiftiFile(path, Role.SUBTRACTION, f"sub-*_{suffix}{ending}", study=study)
    if role is Role.DCE_MULTI:
        for key in _ORDERING:
            if (value := _PHASE.fullmatch(entities.get(key, ""))) is not None:
                shown = f"sub-*_{key}-{value.group()}_{suffix}{ending}"
                number = _number_of(value) - (key == "run")  # runs count from 1
                return NiftiFile(path, Role.DCE_PHASE, shown, number, _said_of(value), study=study)
    acquisition = tuple(sorted(f"{key}-{value}" for key, value in entities.items() if key not in _COUNTING))
    return NiftiFile(path, role, f"sub-*_{suffix}{ending}", study=study, acquisition=acquisition)


def _number_of(found: re.Match[str]) -> int:
    """The phase that a word numbers: "pre" is 0."""
    return 0 if found["pre"] else int(found["post"] or found["phase"])


def _said_of(found: re.Match[str]) -> bool | None:
    """Before contrast, after it, or nothing."""
    return True if found["pre"] else False if found["post"] else None


def name_without_patient(path: Path) -> str:
    """What a file is called but for the patient, for comparing the contents of folders; never shown.

    A sidecar is called as the file that it lies beside.
    """
    stem = re.sub(r"\.(nii|nii\.gz|json|bval|bvec)$", "", path.name, flags=re.IGNORECASE)
    found = named_file(path.with_name(f"{stem}.nii"))
    return path.name if found.role is Role.OTHER else path.name.replace(stem, found.shown)


def files_in_order(files: Sequence[NiftiFile], role: Role) -> list[NiftiFile]:
    """The files of a role, phases by their number."""
    return sorted((each for each in files if each.role is role), key=lambda each: each.phase or 0)
