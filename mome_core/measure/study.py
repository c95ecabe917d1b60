"""All measurements of one case, by rules of their own: no bundle can change them, and a withheld score does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mome_core.case import Case, PreContrast
from mome_core.measure.adc import adc_in
from mome_core.measure.edge import ConnectedTissue, connected_tissue
from mome_core.measure.enhancement import Enhancement, Mask, enhancement_of
from mome_core.measure.extent import (
    extents_mm,
    leaks_of,
    nearest_mm,
    seed_near,
    strongest_point_mm,
)
from mome_core.measure.kinetics import around, curve_in, delayed_change_percent, kinetic_maps, types_of, worst_place
from mome_core.measurements import (
    TYPE_NUMBERS,
    CurveType,
    DiffusionMeasure,
    EnhancingTissue,
    KineticMaps,
    Measurand,
    MeasuredAt,
    Measurements,
    NotMeasured,
    NotMeasuredCode,
)
from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.recipe import BreastRules, MotionRules, QualityLimits
from mome_core.preprocessing.survey import Survey
from mome_core.preprocessing.surveyed import SurveyedCase, survey_case

_Point = tuple[float, float, float]

_LEAST_DELAY_S = 120.0
"""From the first post-contrast phase to the last: BI-RADS calls the phase after two minutes delayed."""
_FEWEST_VOXELS = 4
"""Fewer that brighten are noise, or a vessel that crosses the slice."""
_LIMITS = QualityLimits()
_EDGE_UNCLEAR = NotMeasured(
    Measurand.SIZE,
    NotMeasuredCode.EDGE_UNCLEAR,
    "the images do not show where the tissue ends: what is around it takes up contrast too, or a vessel leads to it",
)


@dataclass(frozen=True, slots=True, eq=False)
class StudyMeasures:
    """The measurements of one case, and the maps behind them; no maps where nothing of the DCE could be measured."""

    measurements: Measurements
    maps: KineticMaps | None = None


def survey_to_measure(case: Case) -> SurveyedCase:
    """The case surveyed by the rules of the measurements; StudyIneligible where no breast is found."""
    return survey_case(case, BreastRules(), MotionRules())


def measure(
    case: Case, surveyed: SurveyedCase | NotMeasured, point_mm: _Point | None = None, *, maps: bool = True
) -> StudyMeasures:
    """Kinetics, size and diffusion of the enhancing tissue at a point.

    Parameters
    ----------
    surveyed
        Or why the case could not be surveyed, which is then why nothing is measured.
    point_mm
        LPS; the peak of the saliency that is shown. None for the strongest enhancement in the breasts.
    maps
        Whether the maps are wanted: they are as large as the DCE, and only objects that are off by default hold them.
    """
    reason = surveyed if isinstance(surveyed, NotMeasured) else _why_nothing(case, surveyed)
    if reason is not None or isinstance(surveyed, NotMeasured):
        return StudyMeasures(Measurements(not_measured=() if reason is None else (reason,)))
    dynamic, survey, breasts = surveyed.dynamic, surveyed.survey, surveyed.breasts
    enhancement = None if dynamic is None or breasts is None else enhancement_of(dynamic, breasts)
    if survey is None or breasts is None or enhancement is None:
        words = "the DCE does not reach the breasts"
        return StudyMeasures(
            Measurements(not_measured=(NotMeasured(Measurand.KINETICS, NotMeasuredCode.NOT_COVERED, words),))
        )
    return _Measuring(case, surveyed, survey, breasts, enhancement).all_at(point_mm, maps=maps)


def _why_nothing(case: Case, surveyed: SurveyedCase) -> NotMeasured | None:
    """Why neither kinetics nor size can be measured; None where they can."""
    if case.dce is None:
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_DCE, "the study has no usable DCE")
    if surveyed.breasts is None:
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_BREAST, "no breast was found")
    said, first = case.acquisition.get("pre_contrast"), surveyed.enhancement[0]
    if said == PreContrast.REFUTED or (said == PreContrast.UNKNOWN and first < _LIMITS.least_first_enhancement):
        words = "nothing shows that the first phase of the DCE is the one before contrast"
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.PRE_CONTRAST_UNPROVEN, words)
    if surveyed.motion is not None and max(surveyed.motion.left_mm) > _LIMITS.most_motion_mm:
        words = "the patient moved between the phases, and that could not be corrected"
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.MOTION_LEFT, words)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _Measuring:
    """A case whose DCE can be measured."""

    case: Case
    surveyed: SurveyedCase
    survey: Survey
    breasts: BreastMask
    enhancement: Enhancement

    @property
    def times_s(self) -> tuple[float, ...]:
        return () if self.surveyed.dynamic is None else self.surveyed.dynamic.times_s

    @property
    def delayed(self) -> NotMeasured | None:
        """Why there is no delayed change; None where there is one."""
        if not self.times_s:
            words = "the phases of the DCE have an order but no times"
            return NotMeasured(Measurand.DELAYED_CHANGE, NotMeasuredCode.TIMES_UNKNOWN, words)
        if self.times_s[-1] - self.times_s[1] < _LEAST_DELAY_S:
            words = "the last phase of the DCE is less than two minutes after the first one with contrast"
            return NotMeasured(Measurand.DELAYED_CHANGE, NotMeasuredCode.DELAYED_PHASE_MISSING, words)
        return None

    def all_at(self, point_mm: _Point | None, *, maps: bool) -> StudyMeasures:
        """The measurements at a point, or where the uptake is strongest."""
        measured_at = MeasuredAt.STRONGEST_ENHANCEMENT if point_mm is None else MeasuredAt.SALIENCY_PEAK
        at = self._tissue(point_mm or strongest_point_mm(self.survey, self.breasts), measured_at)
        mask, tissue = (None, None) if isinstance(at, NotMeasured) else (at[0].mask, at[1])
        edge = None if isinstance(at, NotMeasured) or at[0].edge_is_clear else _EDGE_UNCLEAR
        diffusion = None if mask is None else adc_in(self.case, self.enhancement, mask)
        found = Measurements(
            times_s=self.times_s,
            tissue=tissue,
            diffusion=diffusion if isinstance(diffusion, DiffusionMeasure) else None,
            not_measured=tuple(each for each in (at, self.delayed, edge, diffusion) if isinstance(each, NotMeasured)),
        )
        times_s = () if self.delayed else self.times_s
        return StudyMeasures(found, kinetic_maps(self.enhancement, times_s, mask) if maps else None)

    def _tissue(
        self, point_mm: _Point | None, measured_at: MeasuredAt
    ) -> tuple[ConnectedTissue, EnhancingTissue] | NotMeasured:
        """The enhancing tissue at a point with its numbers, or why there are none."""
        seed = None if point_mm is None else seed_near(self.enhancement, point_mm)
        if seed is None:
            words = "no tissue there takes up contrast by half of its signal or more"
            return NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_ENHANCEMENT, words)
        connected, known = connected_tissue(self.enhancement, seed), self.delayed is None
        mask, sized = connected.mask, connected.edge_is_clear
        if connected.joined_voxels < _FEWEST_VOXELS:
            words = f"fewer than {_FEWEST_VOXELS} connected voxels there take up contrast, as noise or a vessel does"
            return NotMeasured(Measurand.KINETICS, NotMeasuredCode.TOO_FEW_VOXELS, words)
        extent = extents_mm(self.enhancement, mask)
        skin, wall = (
            nearest_mm(self.enhancement, mask, distance, self.breasts)
            for distance in (self.breasts.to_skin_mm(), self.breasts.to_chest_wall_mm())
        )
        place = worst_place(self.enhancement, mask)
        return connected, EnhancingTissue(
            measured_at=measured_at,
            point_mm=self.enhancement.point_mm(seed),
            side=self._side_of(seed),
            at_point=curve_in(self.enhancement, around(self.enhancement, seed) & mask, delayed=known),
            whole=curve_in(self.enhancement, mask, delayed=known),
            worst=curve_in(self.enhancement, place, delayed=known),
            type_shares=self._type_shares(mask) if known else {},
            volume_ml=float(mask.sum() * self.enhancement.voxel_ml) if sized else None,
            extents_mm=extent if sized else None,
            leaks=leaks_of(self.enhancement, mask, extent, skin, wall),
            skin_mm=skin,
            chest_wall_mm=wall,
        )

    def _side_of(self, seed: tuple[int, int, int]) -> str:
        """L or R: of the breast that the voxel lies in."""
        index = np.linalg.inv(self.breasts.affine) @ (*self.enhancement.point_mm(seed), 1)
        i, j, k = np.clip(np.rint(index[:3]), 0, np.array(self.breasts.left.shape) - 1).astype(int)
        return "L" if self.breasts.left[i, j, k] else "R"

    def _type_shares(self, mask: Mask) -> dict[CurveType, float]:
        """Share of the tissue's voxels of each curve type."""
        types = types_of(delayed_change_percent(self.enhancement, mask), mask)[mask]
        return {each: float((types == number).mean()) for each, number in TYPE_NUMBERS.items()}
