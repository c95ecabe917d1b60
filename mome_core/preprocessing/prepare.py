"""Turns a Case into the arrays the network sees, and maps of the network back into patient coordinates.

The order is the paper's (Methods, image preprocessing): find the breasts on the fat-suppressed T1, bring that mask to
each grid, crop every subtraction phase, interpolate the phases in time, standardise; T2 is resized before it is
cropped; the DWI is only standardised. Decisions where the paper is silent are in docs/preprocessing.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mome_core.case import FIELD_OF_TWO_MM, Case, Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.intensity import Statistics, phase_weights, standardise
from mome_core.preprocessing.motion import Motion
from mome_core.preprocessing.pad import Axes, Offset, fit_factor, flip, unpad
from mome_core.preprocessing.recipe import Recipe, UnitOfAnalysis
from mome_core.preprocessing.resample import Sampling
from mome_core.preprocessing.structure import has_structure
from mome_core.preprocessing.survey import grid_of
from mome_core.preprocessing.surveyed import SurveyedCase, survey_case
from mome_core.volume import Affine, Dynamic, Volume, Voxels

_Array = NDArray[np.float32]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedCase:
    """What the network sees of one case, and the way back.

    Parameters
    ----------
    arrays
        (channel, axis0, axis1, slice) float32 of each modality, standardised, rounded to float16, not padded, never
        larger than the recipe's size; axis0 runs to the patient's left, axis1 to posterior, slices to superior.
    samplings
        How each array was taken from its source grid.
    masks
        Voxels of each array that were kept; elsewhere the array is zero.
    statistics
        Mean and sigma of each modality before they were taken out.
    breasts
        The breast mask; None when the case holds nothing it can be found on.
    enhancement
        Strongest uptake of each post-contrast phase as a share of the signal before it; empty without DCE.
    motion
        Measured on the DCE; None without one, or where the recipe does not ask.
    without_structure
        Modalities that were left out because they hold noise (structure.has_structure).
    """

    arrays: Mapping[Modality, _Array]
    samplings: Mapping[Modality, Sampling]
    masks: Mapping[Modality, _Mask]
    statistics: Mapping[Modality, Statistics]
    breasts: BreastMask | None
    enhancement: tuple[float, ...] = ()
    motion: Motion | None = None
    without_structure: tuple[Modality, ...] = ()

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that have an array, in the network's order."""
        return tuple(modality for modality in Modality if modality in self.arrays)

    def affine(self, modality: Modality) -> Affine:
        """(4, 4) from an index (axis0, axis1, slice) of the unpadded array to LPS mm."""
        return self.samplings[modality].affine

    def to_patient(self, modality: Modality, values: Voxels, offset: Offset = (0, 0, 0), flipped: Axes = ()) -> Volume:
        """A map of the padded, flipped array on the grid of the source images (DCE: of one phase).

        The mapping back is the transpose of the sampling: a voxel's value is distributed over the source voxels it was
        made of, so sums are kept (what fell on the padding is left out); source voxels that were not used get zero.

        Parameters
        ----------
        values
            (axis0, axis1, slice), or with a leading channel axis that is summed over.
        offset
            Where the array began in its padding.
        flipped
            The axes mirrored after padding.
        """
        total = values.sum(axis=0) if values.ndim == 4 else values
        sampling = self.samplings[modality]
        return sampling.give_back(unpad(flip(total, flipped), sampling.shape, offset))


def prepare(case: Case, recipe: Recipe, surveyed: SurveyedCase | None = None) -> PreparedCase:
    """Arrays of every modality that shows the breasts; StudyIneligible where none does.

    A modality with no voxel in a breast, at the recipe's size, would be all zeros: it is not used. Nor is one of noise.

    Parameters
    ----------
    surveyed
        The case as it was surveyed before; by other rules than the recipe's, or without its noise, it is surveyed anew.
    """
    if not case.modalities:
        raise StudyIneligible(
            "the study holds neither a DCE nor a T2 nor a diffusion series that can be analysed", Ineligibility.NO_INPUT
        )
    _require_post_contrast(case.dce)
    case, noise = _without_noise(case)
    if surveyed is None or noise or not surveyed.by(recipe.breast, recipe.motion):
        surveyed = survey_case(case, recipe.breast, recipe.motion)
    breasts = surveyed.breasts
    _require_one_breast(case, breasts, recipe)
    arrays: dict[Modality, _Array] = {}
    samplings: dict[Modality, Sampling] = {}
    masks: dict[Modality, _Mask] = {}
    statistics: dict[Modality, Statistics] = {}
    for modality, source in replace(case, dce=surveyed.dynamic).sources.items():
        if not has_structure(source, breasts):
            noise += (modality,)
            continue
        sampling = _sampling_of(source, modality, breasts, recipe)
        if sampling is None:
            continue
        kept = _kept(sampling, modality, breasts, recipe)
        if not kept.any():
            continue
        samplings[modality], masks[modality] = sampling, kept
        arrays[modality] = _channels_of(source, sampling, recipe)
        statistics[modality] = standardise(arrays[modality], masks[modality], recipe)
        arrays[modality] = _as_kept(arrays[modality])
    if not arrays and noise:
        raise StudyIneligible(f"no series shows the breasts: {' and '.join(noise)} hold noise", Ineligibility.NO_BREAST)
    if not arrays:
        raise StudyIneligible("no series shows the breasts at the size that the network sees", Ineligibility.NO_BREAST)
    return PreparedCase(arrays, samplings, masks, statistics, breasts, surveyed.enhancement, surveyed.motion, noise)


def _as_kept(array: _Array) -> _Array:
    """Rounded to float16, as a cohort keeps it: the node answers what was validated, bit for bit."""
    with np.errstate(over="ignore"):  # a value that is too large becomes infinite, which is refused where it is used
        return array.astype(np.float16).astype(np.float32)


def _without_noise(case: Case) -> tuple[Case, tuple[Modality, ...]]:
    """The case without series that are noise from edge to edge, on which no breast may be sought; and which ones."""
    noise = tuple(m for m, source in case.sources.items() if not has_structure(source, None))
    return replace(
        case,
        dce=None if Modality.DCE in noise else case.dce,
        dwi=None if Modality.DWI in noise else case.dwi,
        t2=None if Modality.T2 in noise else case.t2,
    ), noise


def _require_post_contrast(dynamic: Dynamic | None) -> None:
    """Refuse a dynamic without a phase after the contrast agent."""
    if dynamic is not None and dynamic.phase_count < 2:
        raise StudyIneligible(
            "the DCE holds one phase only; it needs one before and at least one after contrast",
            Ineligibility.POST_CONTRAST_MISSING,
        )


def _require_one_breast(case: Case, breasts: BreastMask | None, recipe: Recipe) -> None:
    """Refuse to a model of one breast a study of two, or one that may be: a field that nobody sought breasts in, as
    wide as two.
    """
    if recipe.unit is UnitOfAnalysis.PATIENT:
        return
    if breasts is not None and min(breasts.volumes_ml) >= recipe.breast.smallest_breast_ml:
        raise StudyIneligible(
            "this model was trained on single breasts, and the study shows both", Ineligibility.NO_INPUT
        )
    sought = 0.0 if breasts is None else _width_mm(breasts.affine, breasts.share.shape)
    widest = max(_width_mm(each.affine, each.voxels.shape[-3:]) for each in case.sources.values())
    if sought < FIELD_OF_TWO_MM <= widest:
        raise StudyIneligible(
            f"this model was trained on single breasts, and a series of {widest:.0f} mm may show both",
            Ineligibility.NO_INPUT,
        )


def _width_mm(affine: Affine, shape: tuple[int, ...]) -> float:
    """From right to left, along the axis that runs most so; `one_breast` leaves less than FIELD_OF_TWO_MM of it."""
    axis = int(np.argmax(np.abs(affine[0, :3])))
    return float(shape[axis] * abs(affine[0, axis]))


def _sampling_of(
    source: Dynamic | Volume, modality: Modality, breasts: BreastMask | None, recipe: Recipe
) -> Sampling | None:
    """Resize, crop and fit as one sampling of the source; None where the source has nothing of the breasts in it."""
    sampling = Sampling.whole(grid_of(source), antialias=recipe.antialias)
    if modality is Modality.T2:
        sampling = sampling.resized(recipe.t2_resize)
    if breasts is not None:
        box = breasts.box_on(sampling.affine, sampling.shape, recipe.margin_mm)
        if box is None:
            return None
        if modality in recipe.cropped:
            sampling = sampling.cropped(*box)
    if modality is Modality.DCE and recipe.dce_voxel_mm is not None:
        sampling = sampling.spaced(recipe.dce_voxel_mm)
    factor = fit_factor(sampling.shape, recipe.size(modality))
    i, j, k = (max(1, round(n * factor)) for n in sampling.shape)
    return sampling.resized((i, j, k))


def _kept(sampling: Sampling, modality: Modality, breasts: BreastMask | None, recipe: Recipe) -> _Mask:
    """Voxels of the array that are not set to zero."""
    if breasts is None or modality not in recipe.masked:
        return np.ones(sampling.shape, dtype=bool)
    return breasts.on(sampling.affine, sampling.shape)


def _channels_of(source: Dynamic | Volume, sampling: Sampling, recipe: Recipe) -> _Array:
    """(channel, axis0, axis1, slice): the subtraction phases interpolated in time, or the volume itself."""
    if isinstance(source, Volume):
        return np.ascontiguousarray(sampling.take(source.voxels)[None])
    before = sampling.take(source.voxels[0])
    weights = phase_weights(source.phase_count - 1, recipe.dce_phases).astype(np.float32)
    channels = np.zeros((recipe.dce_phases, *sampling.shape), dtype=np.float32)
    for phase, shares in zip(source.voxels[1:], weights.T, strict=True):
        if not shares.any():
            continue
        difference = sampling.take(phase)
        difference -= before
        for channel in np.flatnonzero(shares):
            channels[channel] += difference if shares[channel] == 1.0 else shares[channel] * difference
    return channels
