"""Images of every modality are told from the same voxels at other places, and only those from noise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.adding_up import shuffled
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec
from mome_core.case import Case, Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import Recipe
from mome_core.preprocessing.structure import LEAST_CORRELATION, has_structure, neighbour_correlation
from mome_core.volume import Volume

pytestmark = pytest.mark.slow

SMALL = Recipe(
    dce_size=(96, 64, 32),
    dwi_size=(64, 32, 16),
    t2_size=(96, 64, 16),
    t2_resize=(96, 96, 16),
    antialias=True,
    motion=None,
)


@cache
def case_of(seed: int = 41) -> Case:
    return simulate(PhantomSpec(seed=seed, lesion=Lesion.NONE)).case()


@pytest.mark.parametrize("seed", [41, 42, 43])
@pytest.mark.parametrize("modality", Modality)
def test_in_the_breasts_images_lie_far_above_the_limit_and_shuffled_ones_far_below(
    seed: int, modality: Modality
) -> None:
    case = case_of(seed)
    breasts = prepare(case, SMALL).breasts
    found, moved = (
        neighbour_correlation(each.sources[modality], breasts) for each in (case, shuffled(case, modality, breasts))
    )
    assert found is not None and found > 6 * LEAST_CORRELATION
    assert moved is not None and moved < LEAST_CORRELATION / 3


@pytest.mark.parametrize("modality", Modality)
def test_a_modality_of_noise_in_the_breasts_is_left_out_and_the_others_are_as_before(modality: Modality) -> None:
    case = case_of()
    clean = prepare(case, SMALL)
    noisy = prepare(shuffled(case, modality, clean.breasts), SMALL)
    assert noisy.without_structure == (modality,)
    assert noisy.modalities == tuple(each for each in Modality if each is not modality)
    if modality is not Modality.DCE:
        assert all(np.array_equal(noisy.arrays[each], clean.arrays[each]) for each in noisy.modalities)


def test_the_breasts_are_looked_for_on_the_t2_where_the_dce_is_noise_from_edge_to_edge() -> None:
    noisy = prepare(shuffled(case_of(), Modality.DCE), SMALL)
    alone = prepare(replace(case_of(), dce=None), SMALL)
    assert noisy.without_structure == (Modality.DCE,)
    assert noisy.breasts is not None and alone.breasts is not None
    assert np.array_equal(noisy.breasts.share, alone.breasts.share)


def test_a_study_of_noise_alone_is_not_answered() -> None:
    case = case_of()
    for modality in Modality:
        case = shuffled(case, modality)
    with pytest.raises(StudyIneligible, match="DCE and DWI and T2 hold noise") as refused:
        prepare(case, SMALL)
    assert refused.value.code is Ineligibility.NO_BREAST


def test_too_few_voxels_and_one_value_everywhere_decide_nothing() -> None:
    few, flat = np.random.default_rng(0).random((8, 8, 1)), np.ones((64, 64, 8))
    for voxels in (few, flat):
        volume = Volume(voxels.astype(np.float32), np.eye(4), "")
        assert neighbour_correlation(volume, None) is None
        assert has_structure(volume, None)
