"""Each doubt about the input has a phantom that raises its flag, and a clean study within the range raises none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks.adding_up import shuffled
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Breasts, PhantomSpec
from mome_core.case import Case, Modality, PreContrast
from mome_core.preprocessing.input_facts import InputFacts, facts_of
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.quality import assess, training_range
from mome_core.preprocessing.recipe import QualityLimits, Recipe
from mome_core.results import QualityFlag, Severity

pytestmark = pytest.mark.slow

SMALL = Recipe(
    dce_size=(96, 64, 32), dwi_size=(64, 32, 16), t2_size=(96, 64, 16), t2_resize=(96, 96, 16), antialias=True
)


@cache
def case_of(**spec: Any) -> Case:
    return simulate(PhantomSpec(**{"seed": 41} | spec)).case()


@cache
def trained() -> Recipe:
    return replace(SMALL, quality=QualityLimits(trained_on=training_range([case_of()])))


def flags(case: Case, recipe: Recipe | None = None) -> tuple[QualityFlag, ...]:
    """The flags of a case; motion, which takes most of the time, is looked for by the recipe that is given only."""
    recipe = recipe or replace(trained(), motion=None)
    facts = facts_of(case, prepare(case, recipe))
    assert InputFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    return assess(facts, recipe)


def codes(case: Case, recipe: Recipe | None = None) -> set[str]:
    return {flag.code for flag in flags(case, recipe)}


def test_a_clean_study_within_the_training_range_raises_no_flag() -> None:
    assert flags(case_of(), trained()) == ()


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"contrast": False}, "NO_CONTRAST_UPTAKE"),
        ({"breasts": Breasts.LEFT}, "BREAST_NOT_FOUND_RIGHT"),
        ({"breasts": Breasts.RIGHT}, "BREAST_NOT_FOUND_LEFT"),
        ({"post_phases": 2}, "PHASES_FEW"),
        ({"phase_seconds": 400.0}, "TIMES_IMPLAUSIBLE"),
        ({"first_gap_seconds": 2000.0}, "TIMES_IMPLAUSIBLE"),
        ({"field_strength_t": 1.0}, "OUTSIDE_TRAINING_FIELD_STRENGTH"),
        ({"spacing_scale": (1.0, 1.0, 1.5)}, "OUTSIDE_TRAINING_SPACING"),
        ({"spacing_scale": (0.8, 0.8, 1.0)}, "OUTSIDE_TRAINING_MATRIX"),
        ({"post_phases": 7}, "OUTSIDE_TRAINING_PHASES"),
        ({"b_values": (0.0, 400.0)}, "OUTSIDE_TRAINING_B_VALUE"),
        ({"without": frozenset({Modality.T2})}, "MISSING_T2"),
        ({"without": frozenset({Modality.DWI})}, "MISSING_DWI"),
        ({"without": frozenset({Modality.DCE})}, "MISSING_DCE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_phantom_raises_each_flag(spec: dict[str, Any], code: str) -> None:
    assert code in codes(case_of(**spec))


def test_motion_that_was_corrected_is_noted() -> None:
    assert "MOTION_CORRECTED" in codes(case_of(motion_mm=8.0, post_phases=2), trained())


def with_t2(change: Callable[[np.ndarray[Any, Any]], None]) -> Case:
    case = case_of()
    assert case.t2 is not None
    voxels = case.t2.voxels.astype(np.float32)
    change(voxels)
    return replace(case, t2=replace(case.t2, voxels=voxels))


def test_values_that_are_no_numbers_withhold_the_score() -> None:
    case = with_t2(lambda voxels: voxels[:, :, 4:6].fill(np.nan))
    assert ("INTENSITY_NOT_FINITE", Severity.WITHHOLD) in {(flag.code, flag.severity) for flag in flags(case)}


def test_a_volume_of_one_value_withholds_the_score() -> None:
    case = with_t2(lambda voxels: voxels.fill(7.0))
    assert ("INTENSITY_CONSTANT", Severity.WITHHOLD) in {(flag.code, flag.severity) for flag in flags(case)}


def test_post_contrast_phases_that_repeat_the_pre_contrast_phase_show_no_uptake() -> None:
    case = case_of()
    assert case.dce is not None
    same = replace(case.dce, voxels=np.repeat(case.dce.voxels[:1], 6, axis=0))
    assert "NO_CONTRAST_UPTAKE" in codes(replace(case, dce=same))


@pytest.mark.parametrize("lesion", ["malignant", "benign", "none"])
def test_a_first_phase_that_only_the_images_can_judge_is_believed_when_the_breasts_brighten_after_it(
    lesion: str,
) -> None:
    case = case_of(lesion=lesion)
    assert case.dce is not None
    unknown = replace(case, acquisition={**case.acquisition, "pre_contrast": PreContrast.UNKNOWN})
    assert "PRE_CONTRAST_UNPROVEN" not in codes(unknown)
    cut = replace(case.dce, voxels=case.dce.voxels[1:], times_s=case.dce.times_s[1:])
    found = {(flag.code, flag.severity) for flag in flags(replace(unknown, dce=cut))}
    assert ("PRE_CONTRAST_UNPROVEN", Severity.WITHHOLD) in found
    assert "PRE_CONTRAST_UNPROVEN" not in codes(replace(case, dce=cut)), "a header proves more than the images"


def test_motion_that_is_left_withholds_the_score() -> None:
    strict = replace(SMALL, quality=QualityLimits(most_motion_mm=0.1))
    assert ("MOTION_LEFT", Severity.WITHHOLD) in {(f.code, f.severity) for f in flags(case_of(), strict)}


@pytest.mark.parametrize("modality", ["t2", "dwi"])
def test_a_series_beside_the_breasts_is_flagged(modality: str) -> None:
    case = case_of()
    source = getattr(case, modality)
    far = source.affine.copy()
    far[2, 3] += 5000.0
    assert f"BESIDE_BREASTS_{modality.upper()}" in codes(replace(case, **{modality: replace(source, affine=far)}))


@pytest.mark.parametrize("modality", Modality)
def test_a_series_of_noise_is_flagged(modality: Modality) -> None:
    assert f"NO_STRUCTURE_{modality}" in codes(shuffled(case_of(), modality))


def test_different_frames_of_reference_are_flagged() -> None:
    case = case_of()
    assert case.t2 is not None
    assert "FRAMES_DIFFER" in codes(replace(case, t2=replace(case.t2, frame_of_reference_uid="1.2.3")))


def test_phases_without_times_are_noted() -> None:
    case = case_of()
    assert case.dce is not None
    assert "TIMES_UNKNOWN" in codes(replace(case, dce=replace(case.dce, times_s=())))


def test_an_unknown_vendor_is_flagged_and_a_longer_name_of_a_known_one_is_not() -> None:
    case = case_of()
    other = replace(case, acquisition={**case.acquisition, "vendor": "GE MEDICAL SYSTEMS"})
    assert "OUTSIDE_TRAINING_VENDOR" in codes(other)
    longer = replace(case, acquisition={**case.acquisition, "vendor": "mome Phantom Systems"})
    assert codes(longer) == set()


def test_without_a_stated_range_nothing_lies_outside() -> None:
    assert codes(case_of(field_strength_t=1.0), SMALL) == set()


def test_a_site_chooses_which_flags_withhold() -> None:
    lenient = replace(trained(), quality=replace(trained().quality, withhold=()))
    (flag,) = flags(case_of(contrast=False), lenient)
    assert flag.code == "NO_CONTRAST_UPTAKE" and flag.severity is Severity.WARNING
    (strict,) = flags(case_of(contrast=False))
    assert strict.severity is Severity.WITHHOLD and "No contrast uptake" in strict.message
