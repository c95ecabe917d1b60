"""One breast of a phantom: cut at the patient's middle, where it was in the patient, and nothing of the other one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from dicom_io.phantom.anatomy import Phantom, simulate
from dicom_io.phantom.spec import Breasts, Lesion, PhantomSpec, Position, Size, SliceOrientation
from mome_core.case import Case, Modality, same_images
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.one_breast import one_breast
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import BreastRules, Recipe, UnitOfAnalysis
from mome_core.preprocessing.surveyed import survey_case
from mome_core.results import Laterality
from mome_core.volume import Dynamic, Volume

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT
RULES = BreastRules()
OF_BREASTS = Recipe(
    dce_size=(96, 64, 32),
    dwi_size=(64, 32, 16),
    t2_size=(96, 64, 16),
    t2_resize=(96, 96, 16),
    motion=None,
    unit=UnitOfAnalysis.BREAST,
)


@cache
def phantom(**spec: Any) -> Phantom:
    return simulate(PhantomSpec(**{"seed": 3} | spec))


def moved(volume: Any, left_mm: float) -> Any:
    affine = volume.affine.copy()
    affine[0, 3] += left_mm
    return replace(volume, affine=affine)


def x_of(volume: Dynamic | Volume) -> np.ndarray:
    """LPS x of every voxel centre."""
    index = np.indices(volume.voxels.shape[-3:]).reshape(3, -1)
    return (volume.affine[:3, :3] @ index + volume.affine[:3, 3:])[0]


def dce_of(case: Case) -> Dynamic:
    assert case.dce is not None
    return case.dce


@pytest.mark.parametrize("orientation", [SliceOrientation.AXIAL, SliceOrientation.AXIAL_TURNED])
@pytest.mark.parametrize("position", list(Position))
def test_left_is_plus_x_however_the_patient_and_the_slices_lie(
    orientation: SliceOrientation, position: Position
) -> None:
    case = phantom(orientation=orientation, position=position).case()
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        part = one_breast(case, side)
        for volume in (*part.sources.values(), part.adc, *part.dwi_by_b_value.values()):
            assert volume is not None and (sign * x_of(volume)).min() > -4
        assert part.modalities == case.modalities and part.acquisition == case.acquisition


@pytest.mark.parametrize("orientation", list(SliceOrientation))
def test_every_voxel_stays_where_it_was_in_the_patient_and_each_is_in_one_half(orientation: SliceOrientation) -> None:
    whole = dce_of(phantom(orientation=orientation).case())
    halves = [dce_of(one_breast(phantom(orientation=orientation).case(), side)) for side in (LEFT, RIGHT)]
    assert sum(half.voxels.size for half in halves) == whole.voxels.size
    for half in halves:
        first = np.linalg.inv(whole.affine) @ half.affine @ (0, 0, 0, 1)
        i, j, k = np.round(first[:3]).astype(int)
        assert np.allclose(first[:3], (i, j, k), atol=1e-6)
        a, b, c = half.voxels.shape[1:]
        assert np.array_equal(half.voxels, whole.voxels[:, i : i + a, j : j + b, k : k + c])
        assert half.times_s == whole.times_s and half.frame_of_reference_uid == whole.frame_of_reference_uid


@pytest.mark.parametrize("orientation", [SliceOrientation.AXIAL, SliceOrientation.SAGITTAL])
def test_the_lesion_is_in_the_half_of_its_breast_alone(orientation: SliceOrientation) -> None:
    found = phantom(orientation=orientation, lesion=Lesion.MALIGNANT, size=Size.SMALL)
    case, lesion = found.case(), found.truth.lesion
    of_left = (lesion & found.truth.left).sum() > (lesion & found.truth.right).sum()
    inside = {side: lesion_voxels(lesion, dce_of(case), dce_of(one_breast(case, side))) for side in (LEFT, RIGHT)}
    assert inside == {LEFT: lesion.sum() * of_left, RIGHT: lesion.sum() * (not of_left)}


def lesion_voxels(lesion: np.ndarray, whole: Dynamic, part: Dynamic) -> int:
    """How many voxels of the lesion lie in a part of the grid."""
    i, j, k = np.round((np.linalg.inv(whole.affine) @ part.affine)[:3, 3]).astype(int)
    a, b, c = part.voxels.shape[1:]
    return int(lesion[i : i + a, j : j + b, k : k + c].sum())


@pytest.mark.parametrize("left_mm", [-35.0, 25.0])
def test_the_middle_is_the_patient_s_and_not_the_isocentre(left_mm: float) -> None:
    case = phantom().case()
    beside = replace(
        case,
        dce=moved(case.dce, left_mm),
        t2=moved(case.t2, left_mm),
        dwi=moved(case.dwi, left_mm),
        adc=None,
        dwi_by_b_value={},
    )
    for side in (LEFT, RIGHT):
        there, here = one_breast(beside, side), one_breast(case, side)
        assert np.array_equal(dce_of(there).voxels, dce_of(here).voxels)


def test_the_breast_is_found_on_its_half_as_on_the_whole() -> None:
    """Dice of the masks: at least 0.98 on axial phantoms (0.994 to 0.997 on six of them)."""
    case = phantom(size=Size.SMALL).case()
    both = survey_case(case, RULES, None).breasts
    assert both is not None
    for side in (LEFT, RIGHT):
        one = survey_case(one_breast(case, side), RULES, None).breasts
        assert one is not None and one.left.all() == (side is LEFT)
        theirs = replace(both, share=np.where(both.left == (side is LEFT), both.share, 0.0))
        there = theirs.on(one.affine, one.share.shape)  # type: ignore[arg-type]
        assert 2 * (one.mask & there).sum() / (one.mask.sum() + there.sum()) >= 0.98


def test_a_study_of_one_breast_is_that_breast_and_has_no_other() -> None:
    half = one_breast(phantom().case(), RIGHT)
    assert same_images(one_breast(half, RIGHT), half)
    with pytest.raises(StudyIneligible, match="do not show a left breast") as refused:
        one_breast(half, LEFT)
    assert refused.value.code is Ineligibility.NO_BREAST


def test_a_breast_that_was_removed_is_no_case() -> None:
    case = phantom(breasts=Breasts.LEFT).case()
    assert one_breast(case, LEFT).modalities == tuple(Modality)
    with pytest.raises(StudyIneligible, match="do not show a right breast"):
        one_breast(case, RIGHT)


def test_without_dce_the_t2_shows_the_middle_and_without_both_nothing_does() -> None:
    case = replace(phantom().case(), dce=None)
    assert one_breast(case, LEFT).modalities == (Modality.DWI, Modality.T2)
    with pytest.raises(StudyIneligible, match="which breast is which"):
        one_breast(replace(case, t2=None), LEFT)
    with pytest.raises(ValueError, match="left or the right"):
        one_breast(case, Laterality.BOTH)


def test_a_model_of_breasts_is_given_one_and_never_a_study_of_two() -> None:
    case = phantom().case()
    with pytest.raises(StudyIneligible, match="trained on single breasts"):
        prepare(case, OF_BREASTS)
    for side in (LEFT, RIGHT):
        ready = prepare(one_breast(case, side), OF_BREASTS)
        assert ready.modalities == tuple(Modality) and ready.breasts is not None
        assert (min(ready.breasts.volumes_ml), ready.breasts.left.all()) == (0.0, side is LEFT)


def test_diffusion_alone_is_given_to_a_model_of_breasts_only_where_it_was_cut() -> None:
    """Without DCE and T2 nobody sees how many breasts there are; a field as wide as two is taken for two."""
    case = phantom().case()
    with pytest.raises(StudyIneligible, match=r"single breasts, and a series of \d+ mm may show both"):
        prepare(replace(case, dce=None, t2=None), OF_BREASTS)
    for side in (LEFT, RIGHT):
        cut = replace(one_breast(case, side), dce=None, t2=None)
        assert prepare(cut, OF_BREASTS).modalities == (Modality.DWI,)
    with pytest.raises(StudyIneligible, match="may show both"):
        prepare(replace(one_breast(case, LEFT), dwi=case.dwi), OF_BREASTS)
