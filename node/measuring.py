"""What the images prove beside what the model says: measured where the saliency peaks, or where uptake is strongest."""

from __future__ import annotations

from dataclasses import replace

from mome_core.case import Case
from mome_core.errors import StudyIneligible
from mome_core.measure.study import measure, survey_to_measure
from mome_core.measurements import Measurand, NotMeasured, NotMeasuredCode
from mome_core.preprocessing.structure import has_structure
from mome_core.preprocessing.surveyed import SurveyedCase
from mome_core.results import Result
from sr_templates.dicom.evidence import Evidence
from sr_templates.saliency.placed import place_saliency, region_without_images


def surveyed_case(case: Case) -> SurveyedCase | NotMeasured:
    """The case surveyed by the rules of the measurements, or why nothing on it can be measured."""
    if case.dce is None:
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_DCE, "the study has no usable DCE")
    if case.dce.phase_count < 2:
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.POST_CONTRAST_MISSING, "the DCE has one phase only")
    noise = NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_STRUCTURE, "the DCE holds noise instead of an image")
    if not has_structure(case.dce, None):
        return noise
    try:
        surveyed = survey_to_measure(case)
    except StudyIneligible as reason:  # the model's own preparation decides by its own rules
        return NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_BREAST, str(reason))
    return surveyed if has_structure(case.dce, surveyed.breasts) else noise


def measured(
    result: Result, case: Case, surveyed: SurveyedCase | NotMeasured, evidence: Evidence | None, *, maps: bool = True
) -> Result:
    """The result with its measurements, at the peak of the saliency that is shown; with maps where they are wanted.

    Parameters
    ----------
    evidence
        None for a study without source images (NIfTI).
    """
    found = measure(case, surveyed, _peak_mm(result, evidence), maps=maps)
    return replace(result, measurements=found.measurements, kinetics=found.maps)


def _peak_mm(result: Result, evidence: Evidence | None) -> tuple[float, float, float] | None:
    """LPS point where the shown saliency is highest; None where none is shown."""
    if result.withheld:
        return None
    if evidence is None:
        found = region_without_images(result)
        region = None if found is None else found[1]
    else:
        placed = place_saliency(result, evidence)
        region = None if placed is None else placed.region
    if region is None:
        return None
    x, y, z = region.peak_mm.tolist()
    return x, y, z
