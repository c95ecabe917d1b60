"""Motion between the phases of a dynamic: a body that is shifted by a known distance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual name

from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.motion import Motion, correct_motion, displacements_mm, image_of, resampled_to_pre_contrast
from mome_core.preprocessing.recipe import MotionRules
from mome_core.preprocessing.survey import Survey, survey_of
from mome_core.volume import Dynamic

VOXEL_MM = 5.0
AFFINE = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
RULES = MotionRules(working_mm=5.0)


def body(shift_mm: float) -> np.ndarray:
    """Two round breasts that lie shifted to the left, with a gradient inside, so that turning shows too."""
    x, y, z = np.mgrid[:40, :30, :20] * VOXEL_MM
    voxels = np.zeros(x.shape)
    for centre in (60.0, 135.0):
        inside = ((x - centre - shift_mm) / 32) ** 2 + ((y - 75) / 45) ** 2 + ((z - 50) / 38) ** 2
        voxels += 400.0 / (1 + np.exp(8 * (inside - 1))) * (1 + 0.002 * (y + z))
    return voxels


def breasts() -> BreastMask:
    share = (body(0.0) > 150.0).astype(np.float32)
    left = np.arange(40)[:, None, None] > np.full(share.shape, 19)
    return BreastMask(share, left, share > 0, np.zeros(share.shape, bool), AFFINE)


@cache
def corrected(shift_mm: float) -> tuple[Dynamic, Dynamic, Survey, Motion]:
    """Of two phases: the dynamic before, the dynamic after, the survey after, and what was found."""
    dynamic = Dynamic(np.stack([body(0.0), body(shift_mm)]).astype(np.int16), AFFINE, "1.2.3")
    survey = survey_of(dynamic, VOXEL_MM)
    return dynamic, *correct_motion(dynamic, survey, breasts(), RULES)


def test_a_shift_above_the_limit_is_measured_and_taken_back() -> None:
    before, after, survey, motion = corrected(10.0)
    assert motion.corrected == (True,)
    assert motion.found_mm[0] == pytest.approx(10.0, abs=1.5)
    assert motion.left_mm[0] < 1.5
    inside = breasts().mask
    missed = [np.abs(each.voxels[1][inside] - before.voxels[0][inside]).mean() for each in (before, after)]
    assert missed[1] < missed[0] / 3
    assert after.voxels.dtype == np.int16 and np.array_equal(after.voxels[0], before.voxels[0])
    assert survey.phases.shape == (2, 40, 30, 20)


def test_a_patient_who_lies_still_keeps_every_voxel() -> None:
    before, after, _, motion = corrected(0.0)
    assert motion.corrected == (False,) and motion.found_mm == motion.left_mm
    assert motion.found_mm[0] < 1.0
    assert after is before


def test_a_displacement_is_the_95th_percentile_over_the_breasts() -> None:
    moved = sitk.TranslationTransform(3, (3.0, 0.0, -4.0))
    assert displacements_mm([moved, sitk.TranslationTransform(3)], breasts()) == pytest.approx((5.0, 0.0))


def test_an_image_of_simpleitk_lies_where_the_voxels_lie() -> None:
    turned = np.array([[0.0, -2.0, 0.0, 7.0], [1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 3.0, 11.0], [0, 0, 0, 1]])
    voxels = np.arange(24.0).reshape(2, 3, 4)
    image = image_of(voxels, turned)
    assert image.GetPixel((1, 2, 3)) == voxels[1, 2, 3]
    assert image.TransformIndexToPhysicalPoint((1, 2, 3)) == pytest.approx((turned @ (1, 2, 3, 1))[:3].tolist())


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_phase_is_read_where_the_transform_points_and_keeps_its_type(dtype: type) -> None:
    voxels = np.arange(5 * 4 * 3, dtype=dtype).reshape(5, 4, 3)
    by_one_voxel = sitk.TranslationTransform(3, (VOXEL_MM, 0.0, 0.0))
    moved = resampled_to_pre_contrast(voxels, AFFINE, by_one_voxel)
    assert moved.dtype == dtype
    np.testing.assert_array_equal(moved[:-1], voxels[1:])
    assert not moved[-1].any()


def test_motion_that_is_allowed_is_left() -> None:
    dynamic = corrected(10.0)[0]
    lenient = replace(RULES, limit_mm=50.0)
    after, _, motion = correct_motion(dynamic, survey_of(dynamic, VOXEL_MM), breasts(), lenient)
    assert after is dynamic and not any(motion.corrected)
