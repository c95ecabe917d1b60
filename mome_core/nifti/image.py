# mypy: disable-error-code="no-untyped-call"
# nibabel annotates some of its methods only.
"""One NIfTI file, read strictly: voxels and their place in the patient. What would have to be guessed is refused.

NIfTI-1 and -2, `.nii` and `.nii.gz` (https://nifti.nimh.nih.gov/nifti-1). Its text fields (`descrip`, `db_name`,
`intent_name`, extensions) may name a patient: they are never looked at.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import nibabel
import numpy as np

from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.volume import Affine, Voxels, corners_of, spacing_of

_RAS_TO_LPS = np.array([[-1.0], [-1.0], [1.0], [1.0]])  # of the rows of an affine
_MM, _SECONDS_OF_UNIT = 2, {8: 1.0, 16: 1e-3, 24: 1e-6}  # xyzt_units
_UNIT_WORDS = {1: "metres", 3: "micrometres"}
_SCANNER, _ALIGNED = 1, 2  # sform_code, qform_code: the patient in the scanner; the same, of another image of that day
_MOST_BYTES = 8 << 30
_SPACING_MM = (0.01, 100.0)
_MOST_SHEAR = 1e-3  # cosine between two axes
_MOST_DISAGREEMENT_MM = 0.1
_LEAST_STEP_S = 2.0  # below lies the repetition time that dcm2niix writes there, or the 1 that stands for not knowing
_UNREADABLE = (
    OSError,
    ValueError,
    OverflowError,
    EOFError,
    MemoryError,
    zlib.error,
    nibabel.filebasedimages.ImageFileError,
    nibabel.spatialimages.HeaderDataError,
)


@dataclass(frozen=True, slots=True, eq=False)
class NiftiImage:
    """Volumes of one NIfTI file on one grid.

    Parameters
    ----------
    shown
        What messages call it: never a name that could be a patient's.
    voxels
        (volumes, columns, rows, slices): integers as they are stored, or float32 where they are scaled or floats.
    affine
        (4, 4); from (column, row, slice, 1) to LPS mm.
    step_s
        Seconds from one volume to the next; None where the header does not say.
    notes
        Doubts that were decided.
    """

    shown: str
    voxels: Voxels
    affine: Affine
    step_s: float | None = None
    notes: tuple[str, ...] = ()

    def require_same_grid(self, other: NiftiImage) -> None:
        """Raise StudyIneligible unless both lie on one grid: same matrix, corners within 0.05 mm."""
        here, there = self.voxels.shape[1:], other.voxels.shape[1:]
        if here != there:
            refuse(self.shown, f"its matrix is {_words(here)}, that of {other.shown} {_words(there)}", _RESAMPLE)
        apart = _corners_apart_mm(self.affine, other.affine, here)
        if apart > 0.05:
            refuse(self.shown, f"its corners lie up to {apart:.3g} mm from those of {other.shown}", _RESAMPLE)


_RESAMPLE = "phases share one grid: resample them to the first, or name other files in mome.json"


def refuse(shown: str, broken: str, way_out: str, code: Ineligibility = Ineligibility.UNREADABLE) -> NoReturn:
    """Raise StudyIneligible: which file, what is wrong with it, what to do."""
    raise StudyIneligible(f"{shown}: {broken} ({way_out})", code)


def read_image(path: Path, shown: str) -> NiftiImage:
    """The volumes of a NIfTI file; StudyIneligible names file, broken rule and way out.

    Refused are: another unit than mm, no place in the patient or two that differ, a sheared or singular affine, more
    than four axes, colours and complex numbers, values that are not finite, damaged files.
    """
    image, header = _opened(path, shown)
    shape = _shape_of(image, shown)
    notes = _require_mm(header, shown)
    affine = _affine_of(header, shown, shape[:3])
    _require_slope(header, shown)
    voxels = _voxels_of(image, shown).reshape(shape, order="F")
    ordered = np.array(np.moveaxis(voxels, -1, 0), order="K")  # into memory: nibabel maps the file
    return NiftiImage(shown, ordered, affine, _step_s(header) if shape[3] > 1 else None, notes)


def read_place(path: Path, shown: str) -> tuple[Affine, tuple[int, int, int]]:
    """Where the voxels of a file lie, from its header alone: affine to LPS mm, and (columns, rows, slices).

    StudyIneligible as `read_image`.
    """
    image, header = _opened(path, shown)
    columns, rows, slices, _ = _shape_of(image, shown)
    return _affine_of(header, shown, (columns, rows, slices)), (columns, rows, slices)


def _opened(path: Path, shown: str) -> tuple[nibabel.Nifti1Image, nibabel.Nifti1Header]:
    """The file, whose voxels are not read yet, and its header as it was written: nibabel's own copy is mended."""
    try:
        with nibabel.imageglobals.LoggingOutputSuppressor():
            image: Any = nibabel.load(path)
            if not isinstance(image, nibabel.Nifti1Image):
                refuse(shown, "it is no NIfTI file of one piece", "convert it to .nii.gz")
            with nibabel.openers.ImageOpener(str(path)) as file:
                return image, type(image.header).from_fileobj(file, check=False)
    except _UNREADABLE:
        refuse(shown, "it cannot be read as NIfTI", "is it damaged, or still being copied?")


def _shape_of(image: nibabel.Nifti1Image, shown: str) -> tuple[int, int, int, int]:
    """(columns, rows, slices, volumes)."""
    shape = tuple(int(size) for size in image.shape)
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    if not 3 <= len(shape) <= 4 or min(shape) < 1:
        refuse(shown, f"its axes are {_words(shape)}", "a volume has three axes, several phases or b-values four")
    dtype = image.get_data_dtype()
    if dtype.kind not in "iuf":
        refuse(shown, "its values are colours or complex numbers", "give the grey values of the magnitude image")
    columns, rows, slices, volumes = (*shape, 1)[:4]
    if columns * rows * slices * volumes * dtype.itemsize > _MOST_BYTES:
        refuse(shown, f"its header announces {_words(shape)} voxels", "more than 8 GiB are not read: give one study")
    return columns, rows, slices, volumes


def _require_mm(header: nibabel.Nifti1Header, shown: str) -> tuple[str, ...]:
    """Refuse another unit than mm; none at all is noted and taken for mm."""
    unit = int(header["xyzt_units"]) & 0x07
    if unit in _UNIT_WORDS:
        refuse(shown, f"its unit is {_UNIT_WORDS[unit]} (xyzt_units)", "write it in mm")
    return () if unit == _MM else (f"{shown} names no unit; mm were taken",)


def _affine_of(header: nibabel.Nifti1Header, shown: str, shape: tuple[int, ...]) -> Affine:
    """The transform to the patient, in LPS; of the scanner's coordinates before those aligned to another image."""
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            found = {code: get() for code, get in ((qform, header.get_qform), (sform, header.get_sform)) if code > 0}
            twice = sform == qform and sform in (_SCANNER, _ALIGNED)
            apart = _corners_apart_mm(header.get_qform(), header.get_sform(), shape) if twice else 0.0
    except (ValueError, nibabel.spatialimages.HeaderDataError):
        refuse(shown, "its transform to the patient cannot be read", "write qform and sform again")
    chosen = found.get(_SCANNER, found.get(_ALIGNED))
    if chosen is None:
        words = f"it does not say where in the patient it lies (sform_code {sform}, qform_code {qform})"
        refuse(shown, words, "convert it again from DICOM; a template's coordinates are no patient's")
    if apart > _MOST_DISAGREEMENT_MM:
        refuse(shown, f"its sform and qform lie {apart:.3g} mm apart", "remove the wrong one (set its code to 0)")
    affine = np.asarray(_RAS_TO_LPS * chosen, dtype=np.float64)
    _require_sound(affine, shown)
    return affine


def _require_sound(affine: Affine, shown: str) -> None:
    """Refuse an affine that no scanner's grid has."""
    with np.errstate(invalid="ignore", over="ignore"):
        spacing = np.array(spacing_of(affine))
    low, high = _SPACING_MM
    if not np.isfinite(affine).all() or not ((spacing >= low) & (spacing <= high)).all():
        refuse(
            shown, f"its voxels are {_words(spacing)} mm large", f"{low} to {high:g} mm are possible: mend the affine"
        )
    axes = affine[:3, :3] / spacing
    shear = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if shear > _MOST_SHEAR:
        refuse(shown, f"its affine is sheared (cosine {shear:.3g} between axes)", "resample it to a right-angled grid")


def _require_slope(header: nibabel.Nifti1Header, shown: str) -> None:
    """Refuse a slope or intercept that is no number: the phases of other files would be in another unit."""
    if not np.isfinite([header["scl_slope"], header["scl_inter"]]).all():
        refuse(shown, "its scl_slope or scl_inter is not finite", "write the file again with its scale")


def _voxels_of(image: nibabel.Nifti1Image, shown: str) -> Voxels:
    """The real values, slope and intercept applied, all of them finite."""
    try:
        voxels = np.asanyarray(image.dataobj)
    except _UNREADABLE:
        refuse(shown, "its voxels cannot be read", "is it damaged, or still being copied?")
    voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
    if voxels.dtype.kind == "f" or voxels.dtype.itemsize > 4:
        with np.errstate(over="ignore"):
            voxels = voxels.astype(np.float32, copy=False)
    if voxels.dtype.kind == "f" and (bad := int(voxels.size - np.isfinite(voxels).sum())):
        refuse(shown, f"{bad} of its voxels are not finite numbers", "replace NaN and infinity, e.g. by 0")
    return np.asarray(voxels)


def _step_s(header: nibabel.Nifti1Header) -> float | None:
    """The time step, s; None where there is no unit, none, or one that no two phases lie apart."""
    unit = _SECONDS_OF_UNIT.get(int(header["xyzt_units"]) & 0x38, 0.0)
    step = float(header["pixdim"][4]) * unit
    return step if np.isfinite(step) and step >= _LEAST_STEP_S else None


def _corners_apart_mm(one: Affine, other: Affine, shape: tuple[int, ...]) -> float:
    """How far the corners of two grids of this shape lie apart at most, mm."""
    return float(np.linalg.norm(corners_of(one, shape) - corners_of(other, shape), axis=0).max())


def _words(numbers: Any) -> str:
    return " x ".join(f"{each:g}" for each in numbers)
