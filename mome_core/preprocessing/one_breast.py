"""One breast of a study as a case of its own: every volume is cut at the patient's middle.

The middle is sought on the images, not taken for the isocentre, for patients lie beside it. LPS: the left is +x. What
remains shows one side only, as a study of one breast does (`find_breasts`), so that everything after it is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mome_core.case import FIELD_OF_TWO_MM, Case
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.breast_mask import BreastMask, find_breasts
from mome_core.preprocessing.recipe import BreastRules
from mome_core.preprocessing.survey import survey_of
from mome_core.results import Laterality
from mome_core.volume import Dynamic, Volume

_Vector = NDArray[np.float64]
_AnyVolume = TypeVar("_AnyVolume", Dynamic, Volume)
_WORDS = {Laterality.LEFT: "left", Laterality.RIGHT: "right"}


def one_breast(case: Case, side: Laterality, rules: BreastRules | None = None) -> Case:
    """The case as if the scanner had taken one breast of it; a study of that breast alone stays as it is.

    Parameters
    ----------
    side
        The left or the right one.
    rules
        Numbers of the breast mask; the usual ones when None.

    Raises
    ------
    StudyIneligible
        Neither DCE nor T2 shows where the breasts are, or the breast of that side is not in them.
    ValueError
        Both breasts were asked for.
    """
    if side not in _WORDS:
        raise ValueError("one breast is the left or the right one")
    breasts = _breasts_of(case, rules or BreastRules())
    _require_shown(breasts, side, rules or BreastRules())
    if breasts.left.all() or not breasts.left.any():
        return case
    return _cut(case, _middle_of(breasts), side)


def _breasts_of(case: Case, rules: BreastRules) -> BreastMask:
    """Both breasts, on the phase before contrast or, without DCE, on the T2."""
    source = case.dce.phase(0) if case.dce is not None else case.t2
    if source is None:
        raise StudyIneligible("neither DCE nor T2 shows which breast is which", Ineligibility.NO_BREAST)
    survey = survey_of(source, rules.working_mm)
    return find_breasts(survey.phases[0], survey.affine, rules)


def _require_shown(breasts: BreastMask, side: Laterality, rules: BreastRules) -> None:
    left_ml, right_ml = breasts.volumes_ml
    if (left_ml if side is Laterality.LEFT else right_ml) < rules.smallest_breast_ml:
        raise StudyIneligible(f"the images do not show a {_WORDS[side]} breast", Ineligibility.NO_BREAST)


@dataclass(frozen=True, slots=True, eq=False)
class _MiddlePlane:
    """Between the breasts: a point in LPS mm, and the direction to the patient's left."""

    point: _Vector
    to_left: _Vector


def _middle_of(breasts: BreastMask) -> _MiddlePlane:
    """Where the breast mask parts left from right."""
    first_left = int(np.flatnonzero(breasts.left.any(axis=(1, 2)))[0])
    _, rows, slices = breasts.share.shape
    point = breasts.affine @ np.array([first_left - 0.5, (rows - 1) / 2, (slices - 1) / 2, 1.0])
    to_left = breasts.affine[:3, 0] / np.linalg.norm(breasts.affine[:3, 0])
    return _MiddlePlane(point[:3], to_left)


def _cut(case: Case, middle: _MiddlePlane, side: Laterality) -> Case:
    """Every volume on one side of the plane."""
    return replace(
        case,
        dce=None if case.dce is None else _cut_volume(case.dce, middle, side),
        t2=None if case.t2 is None else _cut_volume(case.t2, middle, side),
        dwi=None if case.dwi is None else _cut_volume(case.dwi, middle, side),
        adc=None if case.adc is None else _cut_volume(case.adc, middle, side),
        dwi_by_b_value={b: _cut_volume(volume, middle, side) for b, volume in case.dwi_by_b_value.items()},
    )


def _cut_volume(volume: _AnyVolume, middle: _MiddlePlane, side: Laterality) -> _AnyVolume:
    """The part of a volume on one side, cut across the axis that runs most from right to left.

    A field stays narrower than FIELD_OF_TWO_MM, by which `find_breasts` knows it as one of one side: no breast reaches
    so far from the middle.
    """
    axis = int(np.argmax(np.abs(middle.to_left @ volume.affine[:3, :3])))
    outwards = _beyond_middle_mm(volume, middle, axis) * (1.0 if side is Laterality.LEFT else -1.0)
    spacing = float(np.linalg.norm(volume.affine[:3, axis]))
    kept = np.flatnonzero((outwards > 0) & (outwards < FIELD_OF_TWO_MM - 2 * spacing))
    if not kept.size:
        raise StudyIneligible(f"a series shows nothing of the {_WORDS[side]} side", Ineligibility.NO_BREAST)
    first, end = int(kept[0]), int(kept[-1]) + 1
    affine = volume.affine.copy()
    affine[:3, 3] += first * affine[:3, axis]
    lead = volume.voxels.ndim - 3
    return replace(volume, voxels=np.take(volume.voxels, range(first, end), axis=lead + axis), affine=affine)


def _beyond_middle_mm(volume: Dynamic | Volume, middle: _MiddlePlane, axis: int) -> _Vector:
    """How far to the left of the plane each index of an axis lies, in the middle of the other two."""
    shape = volume.voxels.shape[-3:]
    index = np.array([[(size - 1) / 2] * shape[axis] for size in shape])
    index[axis] = np.arange(shape[axis])
    places = volume.affine[:3, :3] @ index + volume.affine[:3, 3:]
    beyond: _Vector = middle.to_left @ (places - middle.point[:, None])
    return beyond
