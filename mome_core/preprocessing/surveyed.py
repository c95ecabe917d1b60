"""A case surveyed once for all who ask: where the breasts are, and the dynamic after motion was taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mome_core.case import Case
from mome_core.preprocessing.breast_mask import BreastMask, find_breasts
from mome_core.preprocessing.motion import Motion, correct_motion
from mome_core.preprocessing.recipe import BreastRules, MotionRules
from mome_core.preprocessing.survey import Survey, enhancement, survey_of
from mome_core.volume import Dynamic


@dataclass(frozen=True, slots=True, eq=False)
class SurveyedCase:
    """The breasts of a case, and its dynamic corrected for motion; without DCE the T2 shows the breasts.

    Parameters
    ----------
    breasts
        None when the case holds nothing they can be found on.
    survey
        Small copies of the dynamic's phases, or of the T2, on the grid of the breast mask.
    enhancement
        Strongest uptake of each post-contrast phase as a share of the signal before it; empty without DCE.
    motion
        Measured on the DCE; None without one, or where the rules do not ask.
    breast_rules, motion_rules
        What it was surveyed by.
    """

    breasts: BreastMask | None
    dynamic: Dynamic | None
    survey: Survey | None
    enhancement: tuple[float, ...]
    motion: Motion | None
    breast_rules: BreastRules
    motion_rules: MotionRules | None

    def by(self, breast_rules: BreastRules, motion_rules: MotionRules | None) -> bool:
        """Whether these rules would give the same."""
        return self.breast_rules == breast_rules and self.motion_rules == motion_rules


def survey_case(case: Case, breast_rules: BreastRules, motion_rules: MotionRules | None) -> SurveyedCase:
    """Find the breasts and correct the dynamic; StudyIneligible where no breast is found."""
    source = case.dce or case.t2
    if source is None:
        return SurveyedCase(None, None, None, (), None, breast_rules, motion_rules)
    survey = survey_of(source, breast_rules.working_mm)
    found = find_breasts(survey.phases[0], survey.affine, breast_rules)
    breasts = replace(found, frame_of_reference_uid=source.frame_of_reference_uid)
    if case.dce is None:
        return SurveyedCase(breasts, None, survey, (), None, breast_rules, motion_rules)
    dynamic, motion = case.dce, None
    if motion_rules is not None:
        dynamic, survey, motion = correct_motion(case.dce, survey, breasts, motion_rules)
    uptake = enhancement(survey, breasts)
    return SurveyedCase(breasts, dynamic, survey, uptake, motion, breast_rules, motion_rules)
