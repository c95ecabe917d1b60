"""The numbers of preprocessing: a manifest gives them back, and what cannot be is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mome_core.preprocessing.recipe import (
    BreastRules,
    QualityLimits,
    Recipe,
    StatisticsOver,
    TrainingRange,
    UnitOfAnalysis,
)

QUICK = Recipe(motion=None)
SMALL = replace(
    QUICK, dce_size=(96, 64, 32), dwi_size=(64, 32, 16), t2_size=(96, 64, 16), t2_resize=(96, 96, 16), antialias=True
)


def test_a_recipe_survives_the_manifest() -> None:
    recipe = replace(
        SMALL,
        dce_voxel_mm=(1.0, 1.0, 2.0),
        statistics_over=StatisticsOver.CROP,
        breast=BreastRules(opening_mm=6.0),
        quality=QualityLimits(trained_on=TrainingRange(("GE",), field_strength_t=(1.5, 3.0))),
    )
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert Recipe.from_json({}) == Recipe()
    assert Recipe.from_json({"motion": None}).motion is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"dce_size": [100, 64, 32]},
        {"margin": 3},
        {"margin_mm": -1.0},
        {"dce_phases": 0},
        {"dce_voxel_mm": [0, 1, 1]},
        {"t2_resize": [1, 1, 1]},
        {"breast": {"working_mm": 0}},
        {"motion": {"samples": 2}},
        {"quality": {"trained_on": {"dce_slice_mm": [3, 1]}}},
        {"masked": ["CT"]},
    ],
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Recipe.from_json(wrong)


def test_a_recipe_of_patients_is_written_as_before_and_one_of_breasts_says_so() -> None:
    assert "unit" not in Recipe().to_json() and Recipe.from_json(Recipe().to_json()).unit is UnitOfAnalysis.PATIENT
    breasts = Recipe(unit=UnitOfAnalysis.BREAST)
    assert Recipe.from_json(json.loads(json.dumps(breasts.to_json()))) == breasts
    with pytest.raises(ValueError, match="lesion"):
        Recipe.from_json({"unit": "lesion"})
