"""A Case becomes arrays of the network and a map of the network comes back to the patient, by the recipe's numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.spec import PhantomSpec, SliceOrientation
from mome_core.case import Case, Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.intensity import phase_weights
from mome_core.preprocessing.pad import FLIPS, PLACEMENTS, fit, flip, offset_of, pad
from mome_core.preprocessing.prepare import PreparedCase, prepare
from mome_core.preprocessing.quality import training_range
from mome_core.preprocessing.recipe import (
    MotionRules,
    Recipe,
    StatisticsOver,
)
from mome_core.training.dataset import keep_arrays, read_arrays
from mome_core.volume import Dynamic, Volume

pytestmark = pytest.mark.slow

QUICK = Recipe(motion=None)
SMALL = replace(
    QUICK, dce_size=(96, 64, 32), dwi_size=(64, 32, 16), t2_size=(96, 64, 16), t2_resize=(96, 96, 16), antialias=True
)

COARSE_T2 = replace(SMALL, t2_resize=(96, 96, 2))
MOVING = replace(SMALL, motion=MotionRules())


@cache
def phantom(**spec: Any) -> Phantom:
    return simulate(PhantomSpec(**{"seed": 31} | spec))


@cache
def prepared(recipe: Recipe = QUICK, **spec: Any) -> PreparedCase:
    return prepare(phantom(**spec).case(), recipe)


def dce_of(case: Case) -> Dynamic:
    assert case.dce is not None
    return case.dce


@pytest.mark.parametrize("recipe", [QUICK, SMALL], ids=["paper", "small"])
def test_every_modality_becomes_float32_channels_no_larger_than_the_recipe(recipe: Recipe) -> None:
    ready = prepared(recipe)
    assert ready.modalities == tuple(Modality)
    for modality, array in ready.arrays.items():
        assert array.dtype == np.float32 and array.flags.c_contiguous
        assert len(array) == recipe.channels(modality)
        assert all(n <= target for n, target in zip(array.shape[1:], recipe.size(modality), strict=True))
        assert fit(array, recipe.size(modality)) is array


def test_kept_voxels_have_mean_0_and_sigma_1_over_all_phases_and_the_rest_is_zero() -> None:
    ready = prepared()
    for modality, array in ready.arrays.items():
        kept = array[:, ready.masks[modality]]
        assert abs(kept.mean(dtype=float)) < 1e-4 and abs(kept.std(dtype=float) - 1) < 1e-4
        assert not array[:, ~ready.masks[modality]].any()
    assert ready.masks[Modality.DWI].all()
    assert 0.1 < ready.masks[Modality.DCE].mean() < 0.9


def test_phases_may_be_standardised_one_by_one_and_over_the_crop() -> None:
    recipe = replace(QUICK, statistics_per_phase=True, statistics_over=StatisticsOver.CROP, masked=())
    array = prepared(recipe).arrays[Modality.DCE]
    assert np.allclose(array.mean(axis=(1, 2, 3), dtype=float), 0, atol=1e-4)
    assert np.allclose(array.std(axis=(1, 2, 3), dtype=float), 1, atol=1e-4)


def test_five_phases_become_six_by_linear_interpolation_with_end_points_kept() -> None:
    phases = np.array([1.0, 3.0, 2.0, 7.0, 4.0])
    assert np.allclose(phase_weights(5, 6) @ phases, ndimage.zoom(phases, 6 / 5, order=1, mode="grid-constant"))
    assert np.array_equal(phase_weights(6, 6), np.eye(6))
    assert np.allclose(phase_weights(1, 6) @ [2.0], 2.0)
    assert np.allclose(phase_weights(9, 1) @ np.arange(9.0), 0.0)


def test_the_channels_are_differences_to_the_pre_contrast_phase() -> None:
    recipe = replace(QUICK, dce_phases=5, masked=(), statistics_over=StatisticsOver.CROP)
    ready, dce = prepare(phantom().case(), recipe), dce_of(phantom().case())
    sampling, found = ready.samplings[Modality.DCE], ready.statistics[Modality.DCE]
    third = sampling.take(dce.voxels[3]) - sampling.take(dce.voxels[0])
    again = ready.arrays[Modality.DCE][2] * found.sigmas[0] + found.means[0]
    assert np.allclose(again, third, rtol=2**-11, atol=0.05)  # arrays are rounded to float16


def test_a_cohort_keeps_the_very_arrays_that_the_node_answers(tmp_path: Path) -> None:
    ready = prepared()
    keep_arrays(tmp_path / "kept", ready.arrays, training_range([phantom().case()]))
    kept = read_arrays(tmp_path / "kept")
    assert kept.keys() == ready.arrays.keys()
    assert all(np.array_equal(kept[modality], array) for modality, array in ready.arrays.items())


def test_rescaled_values_of_any_dtype_give_the_same_arrays() -> None:
    case = phantom().case()
    other = replace(case, dce=replace(dce_of(case), voxels=dce_of(case).voxels.astype(np.float32) * 0.25))
    assert np.allclose(prepare(other, SMALL).arrays[Modality.DCE], prepared(SMALL).arrays[Modality.DCE], atol=2e-3)


def test_t2_is_resized_before_it_is_cropped_and_lies_on_the_same_breasts_as_the_dce() -> None:
    ready = prepared()
    assert np.isclose(ready.samplings[Modality.T2].axes[0].step, (64 - 1) / (384 - 1))
    dce, t2 = (ready.affine(modality) for modality in (Modality.DCE, Modality.T2))
    shapes = [ready.arrays[modality].shape[1:] for modality in (Modality.DCE, Modality.T2)]
    for corner in (0, 1):
        ends = [a @ [*((np.array(shape) - 1) * corner), 1] for a, shape in zip((dce, t2), shapes, strict=True)]
        assert (np.abs(ends[0] - ends[1])[:3] < (8, 8, 16)).all()


def test_the_dce_may_be_given_a_voxel_size() -> None:
    ready = prepared(replace(SMALL, dce_voxel_mm=(6.0, 6.0, 8.0)))
    assert np.allclose(np.linalg.norm(ready.affine(Modality.DCE)[:3, :3], axis=0), (6.0, 6.0, 8.0))


@pytest.mark.parametrize("orientation", list(SliceOrientation))
@pytest.mark.parametrize("recipe", [QUICK, SMALL], ids=["paper", "small"])
def test_a_map_of_the_lesion_comes_back_to_the_lesion_in_every_orientation(
    orientation: SliceOrientation, recipe: Recipe
) -> None:
    """The lesion, marked in the padded and flipped array, lies on the lesion of the DCE grid after the way back."""
    ready, truth = prepared(recipe, orientation=orientation), phantom(orientation=orientation).truth
    marked = ready.samplings[Modality.DCE].take(truth.lesion)
    size = recipe.dce_size
    offset = offset_of(PLACEMENTS[4], ready.samplings[Modality.DCE].shape, size)
    version = flip(pad(marked, size, PLACEMENTS[4]), FLIPS[4])
    back = ready.to_patient(Modality.DCE, version, offset, FLIPS[4])
    dce = dce_of(phantom(orientation=orientation).case())
    assert back.voxels.shape == dce.voxels.shape[1:] and np.array_equal(back.affine, dce.affine)
    assert np.isclose(back.voxels.sum(), marked.sum(), rtol=1e-4)
    centre = (dce.affine @ [*ndimage.center_of_mass(back.voxels), 1])[:3]
    expected = (dce.affine @ [*ndimage.center_of_mass(truth.lesion), 1])[:3]
    voxel_mm = np.abs(ready.affine(Modality.DCE)[:3, :3]).sum(axis=1)
    assert (np.abs(centre - expected) <= voxel_mm / 2).all()


@pytest.mark.parametrize("orientation", list(SliceOrientation))
def test_array_coordinates_agree_between_modalities_in_every_orientation(orientation: SliceOrientation) -> None:
    """Axes run to left, posterior and superior, and the values lie where the affine says."""
    ready, case = prepared(QUICK, orientation=orientation), phantom(orientation=orientation).case()
    for modality, source in ((Modality.T2, case.t2), (Modality.DWI, case.dwi)):
        assert source is not None
        affine = ready.affine(modality)
        assert (np.diag(affine)[:3] > 0.7 * np.linalg.norm(affine[:3, :3], axis=0)).all()
        sampling = ready.samplings[modality]
        index = np.array(sampling.shape) // 2
        there = np.linalg.inv(source.affine) @ affine @ [*index, 1]
        ramp = np.einsum("a,aijk->ijk", [1.0, 0.1, 0.01], np.indices(source.voxels.shape))
        assert np.isclose(sampling.take(ramp)[tuple(index)], there[:3] @ [1.0, 0.1, 0.01], atol=1e-3)


def test_a_map_with_channels_is_summed_over_them() -> None:
    ready = prepared(SMALL)
    values = np.ones((6, *ready.samplings[Modality.DCE].shape), np.float32)
    assert np.isclose(ready.to_patient(Modality.DCE, values).voxels.sum(), values.sum(), rtol=1e-4)


def test_motion_is_measured_and_corrected_above_the_limit() -> None:
    still, moved = (prepared(MOVING, seed=33, motion_mm=mm, post_phases=2).motion for mm in (0.0, 8.0))
    assert still is not None and not any(still.corrected)
    assert moved is not None and moved.corrected[-1]
    assert abs(moved.found_mm[-1] - 8.0) < 1.5
    assert moved.left_mm[-1] < 1.0


def test_an_ultrafast_dynamic_and_a_single_post_contrast_phase_are_prepared() -> None:
    case = phantom().case()
    dce = dce_of(case)
    many = Dynamic(np.concatenate([dce.voxels[:1], *[dce.voxels[1:]] * 4]), dce.affine, dce.frame_of_reference_uid)
    one = Dynamic(dce.voxels[:2], dce.affine, dce.frame_of_reference_uid)
    assert len(prepare(Case(many), SMALL).arrays[Modality.DCE]) == 6
    array = prepare(Case(one), SMALL).arrays[Modality.DCE]
    assert np.array_equal(array[0], array[5])


def test_without_dce_the_t2_shows_the_breasts_and_a_dwi_alone_stays_whole() -> None:
    case = phantom().case()
    t2 = prepare(Case(t2=case.t2), SMALL)
    assert t2.breasts is not None and 0.1 < t2.masks[Modality.T2].mean() < 0.9
    dwi = prepare(Case(dwi=case.dwi, dwi_b_value=1000.0), SMALL)
    assert dwi.breasts is None and dwi.masks[Modality.DWI].all() and dwi.motion is None and dwi.enhancement == ()


def test_a_t2_beside_the_breasts_is_left_out() -> None:
    case = phantom().case()
    assert case.t2 is not None
    far = case.t2.affine.copy()
    far[2, 3] += 5000.0
    ready = prepare(replace(case, t2=replace(case.t2, affine=far)), SMALL)
    assert Modality.T2 not in ready.arrays and Modality.DCE in ready.arrays


def test_a_modality_without_a_voxel_in_the_breasts_at_the_recipes_size_is_not_used() -> None:
    """The first and the last slice of the T2 miss the breasts: that would be zeros, not an image of one value."""
    ready = prepared(COARSE_T2)
    assert ready.modalities == (Modality.DCE, Modality.DWI) and Modality.T2 not in ready.statistics


def test_a_study_of_which_no_modality_has_a_voxel_in_the_breasts_is_ineligible() -> None:
    with pytest.raises(StudyIneligible, match="no series shows the breasts") as found:
        prepare(Case(t2=phantom().case().t2), COARSE_T2)
    assert found.value.code is Ineligibility.NO_BREAST


def test_values_that_are_not_finite_become_zero_and_are_told() -> None:
    case = phantom().case()
    assert case.t2 is not None
    voxels = case.t2.voxels.astype(np.float32)
    voxels[30:34, 20:30, 4:8] = np.nan
    ready = prepare(replace(case, t2=replace(case.t2, voxels=voxels)), SMALL)
    assert np.isfinite(ready.arrays[Modality.T2]).all()
    assert not ready.statistics[Modality.T2].finite and ready.statistics[Modality.DCE].finite


def test_preparing_again_gives_the_same_bits_and_leaves_the_source_as_it_was() -> None:
    spec = {"seed": 33, "motion_mm": 8.0, "post_phases": 2}
    first, case = prepared(MOVING, **spec), phantom(**spec).case()
    before = dce_of(case).voxels.copy()
    second = prepare(case, MOVING)
    assert second.motion is not None and any(second.motion.corrected)
    assert np.array_equal(dce_of(case).voxels, before)
    assert all(np.array_equal(first.arrays[m], second.arrays[m]) for m in Modality)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (Case(), "neither a DCE nor a T2 nor a diffusion"),
        (Case(Dynamic(np.ones((1, 4, 4, 4)), np.eye(4), "")), "one phase only"),
        (Case(Dynamic(np.ones((3, 40, 40, 20)), np.diag([8.0, 8, 8, 1]), "")), "no breast was found"),
        (Case(t2=Volume(np.zeros((40, 40, 20)), np.diag([8.0, 8, 8, 1]), "")), "no breast was found"),
    ],
    ids=["empty", "one phase", "constant DCE", "empty T2"],
)
def test_a_study_that_cannot_be_analysed_is_refused_with_a_reason(case: Case, reason: str) -> None:
    with pytest.raises(StudyIneligible, match=reason):
        prepare(case, QUICK)
