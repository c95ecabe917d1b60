"""A folder of NIfTI files as the same Case that DICOM gives.

files_of          names and sidecars: which file plays which part
read_dynamic      phases on one grid, in order of time
read_diffusion    the b-value that the network is given
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mome_core.case import Case, Modality, PreContrast, Role
from mome_core.case_file import CASE_JSON, CaseFileDamaged, read_acquisition, read_case
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.diffusion import read_diffusion
from mome_core.nifti.dynamic import read_dynamic
from mome_core.nifti.files import DCE_ROLES, NAME_THEM, NiftiFiles, files_of
from mome_core.nifti.folders import contradicted_side
from mome_core.nifti.image import NiftiImage
from mome_core.nifti.names import NiftiFile
from mome_core.nifti.sidecar import STUDY_SIDECAR
from mome_core.volume import Volume

_ROLES = {Modality.DCE: DCE_ROLES, Modality.T2: (Role.T2,), Modality.DWI: (Role.DWI,)}


@dataclass(frozen=True, slots=True, eq=False)
class NiftiStudy:
    """What a folder gave: the case, the files behind it, and what was left out.

    Parameters
    ----------
    used
        What messages call the files behind each modality, phases in order of time.
    left_out
        The same of other NIfTI files, and why.
    without_dce
        Why there is no dynamic; None with one.
    times_from, pre_contrast_from
        What said the times, and that the first phase is the one before contrast; empty where nothing did.
    notes
        Doubts about what is used.
    """

    case: Case
    used: Mapping[Modality, tuple[str, ...]]
    left_out: tuple[tuple[str, str], ...] = ()
    without_dce: StudyIneligible | None = None
    times_from: str = ""
    pre_contrast_from: str = ""
    notes: tuple[str, ...] = ()


def read_nifti_study(folder: Path, *, diffusion: bool = False) -> NiftiStudy:
    """The case of a folder of NIfTI files; StudyIneligible names file, broken rule and way out.

    Layouts: MAMA-MIA, ODELIA, BIDS-like, what `mome-node assemble` wrote, or any names with a mome.json. NIfTI knows no
    frame of reference: the files of one folder are taken to be in one, the scanner's.

    Parameters
    ----------
    diffusion
        True: the ADC map, or every b-value, is read too, for measuring.
    """
    if _is_assembled(folder):
        return _assembled(folder)
    study = files_of(folder)
    dce, t2, dwi = read_dynamic(study), study.single(Role.T2), read_diffusion(study)
    without_dce = None if dce else _why_no_dce(study)
    case = Case(
        dce=dce.dynamic if dce else None,
        t2=_volume_of(t2),
        dwi=dwi.volume if dwi else None,
        dwi_b_value=dwi.b_value if dwi else None,
        acquisition=_facts(study) | ({"pre_contrast": dce.pre_contrast} if dce else {}),
        unusable={Modality.DCE: str(without_dce)} if without_dce and study.has_subtractions_only else {},
    )
    if without_dce and not case.modalities:
        raise without_dce
    if diffusion:
        adc = _volume_of(study.single(Role.ADC))
        case = replace(case, adc=adc, dwi_by_b_value=dwi.by_b_value if dwi and adc is None else {})
    notes = [*(dce.notes if dce else ()), *(t2.notes if t2 else ()), *(dwi.notes if dwi else ())]
    if dce and (doubt := contradicted_side(folder, dce.dynamic.affine, dce.dynamic.voxels.shape[1:])):
        notes.append(doubt)
    return NiftiStudy(
        case=case,
        used={modality: tuple(each.shown for each in study.of(*_ROLES[modality])) for modality in case.modalities},
        left_out=tuple(_left_out(study, case)),
        without_dce=without_dce,
        times_from=dce.times_from if dce else "",
        pre_contrast_from=dce.pre_contrast_from if dce else "",
        notes=tuple(dict.fromkeys(notes)),
    )


def describe_nifti(study: NiftiStudy) -> dict[str, object]:
    """What was used for the case, what told it, and what was left out and why; plain values for JSON."""
    return {
        "source": "NIfTI",
        "used": {str(modality): list(files) for modality, files in study.used.items()},
        "times_from": study.times_from,
        "pre_contrast_because": study.pre_contrast_from,
        "left_out": [{"name": name, "why": why} for name, why in study.left_out],
        "warnings": [*study.notes, *([str(study.without_dce)] if study.without_dce else [])],
    }


def acquisition_of(folder: Path) -> dict[str, str | float]:
    """What the sidecars of a study say of the scanner, without reading a voxel; StudyIneligible as above."""
    return read_acquisition(folder) if _is_assembled(folder) else _facts(files_of(folder))


def _is_assembled(folder: Path) -> bool:
    """Whether a folder is a case that we wrote, and nobody says anything else of it."""
    return (folder / CASE_JSON).is_file() and not (folder / STUDY_SIDECAR).is_file()


def _assembled(folder: Path) -> NiftiStudy:
    """What `mome-node assemble` wrote, whose case.json is exact."""
    try:
        case = read_case(folder)
    except CaseFileDamaged as error:
        raise StudyIneligible(str(error), Ineligibility.UNREADABLE) from error
    used = {modality: (f"{modality.lower()}.nii",) for modality in case.modalities}
    if case.dce is None:
        return NiftiStudy(case, used, without_dce=StudyIneligible("the case has no DCE", Ineligibility.NO_DYNAMIC))
    proven = case.acquisition.get("pre_contrast") == PreContrast.PROVEN
    return NiftiStudy(
        case,
        used,
        times_from=CASE_JSON if case.dce.times_s else "",
        pre_contrast_from=CASE_JSON if proven else "",
    )


def _why_no_dce(study: NiftiFiles) -> StudyIneligible:
    """Why a study has no dynamic."""
    if study.has_subtractions_only:
        words = "there are only subtractions: breasts and uptake need the phases before and after contrast themselves"
        return StudyIneligible(words, Ineligibility.PRE_CONTRAST_MISSING)
    return StudyIneligible(f"no file is known as a phase of the DCE: {NAME_THEM}", Ineligibility.NO_DYNAMIC)


def _facts(study: NiftiFiles) -> dict[str, str | float]:
    """Of the scanner: what mome.json says before what lies beside the first file."""
    first = study.of(*DCE_ROLES, Role.T2, Role.DWI)[:1]
    beside = study.beside_of(first[0]).facts if first else {}
    return dict(beside) | dict(study.sidecar.acquisition)


def _left_out(study: NiftiFiles, case: Case) -> Iterator[tuple[str, str]]:
    """Every file that is not used, with the reason."""
    used = {role for modality in case.modalities for role in _ROLES[modality]}
    for each in study.files:
        if each.role not in used:
            yield each.shown, _why_left_out(each)


def _why_left_out(file: NiftiFile) -> str:
    if file.role in (Role.SUBTRACTION, *DCE_ROLES):
        return "a subtraction; the phases themselves are used"
    if file.role is Role.ADC:
        return "an ADC map is for measuring only"
    return "its name says nothing" if file.role is Role.OTHER else "a mask is no input"


def _volume_of(image: NiftiImage | None) -> Volume | None:
    return None if image is None else Volume(image.voxels[0], image.affine, "")
