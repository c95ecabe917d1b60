"""Maps of the reported score: a few versions stand for all, unflipped and averaged, and say what they differ by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from calibrations import calibrated, calibrations
from mome_core.case import Modality
from mome_core.estimator import Augmentation, Estimator, Pooling
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.reported import SaliencyRequest, counts_for, explain_scores, representative
from mome_core.explain.saliency import Method
from mome_core.model.architecture import Architecture, Head
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.mome import Mome
from mome_core.preprocessing.pad import flip
from mome_core.preprocessing.prepare import PreparedCase
from mome_core.preprocessing.recipe import Recipe
from mome_core.preprocessing.resample import Sampling
from mome_core.preprocessing.survey import grid_of
from mome_core.results import Endpoint, ModelIdentity, Saliency
from mome_core.scoring import version_log_odds
from mome_core.volume import Volume

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 16, 16), dce_phases=2)
ANSWERS = (Head(Endpoint.MALIGNANCY), Head(Endpoint.TRIPLE_NEGATIVE))
SMALL = Architecture(
    width=16,
    heads=2,
    ffn_width=32,
    layers=3,
    sparse_layers=2,
    adapter_width=4,
    soft_experts=3,
    stem_widths=(4, 4),
    answers=ANSWERS,
).for_recipe(RECIPE)
SIZES = {Modality.DCE: RECIPE.dce_size, Modality.DWI: RECIPE.dwi_size, Modality.T2: RECIPE.t2_size}
QUICK = SaliencyRequest(limits=AttributionLimits(max_gradients=16))


def checkpoint_of(estimator: Estimator, slope: float = 1.0) -> Checkpoint:
    torch.manual_seed(0)
    network = Mome(SMALL).double()
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    network.freeze()
    read_by = calibrated(estimator, [head.endpoint for head in ANSWERS], calibrations(slope=slope))
    return Checkpoint(network, SMALL, RECIPE, (read_by,), ModelIdentity("test", "1", "0" * 64, "Knows nothing."), {})


def prepared_case(less: int = 0, axes: tuple[int, ...] = ()) -> PreparedCase:
    """Random arrays that fill the padding but for `less` voxels of each axis, mirrored; sampled from their own grid."""
    rng = np.random.default_rng(0)
    arrays, samplings = {}, {}
    for modality, size in SIZES.items():
        shape = tuple(n - less for n in size)
        array = rng.standard_normal((2 if modality is Modality.DCE else 1, *shape))
        arrays[modality] = np.ascontiguousarray(flip(array, axes))
        samplings[modality] = Sampling.whole(grid_of(Volume(np.zeros(shape, np.float32), np.eye(4), "1.2.3")))
    return PreparedCase(arrays, samplings, {}, {}, None)


def explained(
    prepared: PreparedCase, checkpoint: Checkpoint, request: SaliencyRequest = QUICK
) -> dict[tuple[Endpoint, Modality], Saliency]:
    everything = frozenset(prepared.arrays)
    answers = version_log_odds(checkpoint.network, prepared.arrays, RECIPE, checkpoint.estimator)[everything]
    found = explain_scores(prepared, checkpoint, answers, request, lambda done, planned: None)
    return {(each.endpoint, each.modality): each for each in found}


def test_the_versions_that_stand_for_all_are_the_middle_ones_of_equal_parts_of_the_ordered_answers() -> None:
    answers = np.array([5.0, 1.0, 4.0, 0.0, 3.0, 2.0])
    assert representative(answers[None], 3) == [1, 4, 0]
    assert representative(answers[None], 1) == [4]
    assert sorted(representative(answers[None], 9)) == [0, 1, 2, 3, 4, 5]


def test_for_several_endpoints_the_mean_rank_orders_the_versions() -> None:
    assert representative(np.array([[0.0, 1.0, 2.0], [5.0, 6.0, 4.0]]), 3) == [0, 2, 1]


def test_eight_of_54_answers_have_nearly_the_mean_of_all() -> None:
    for seed in range(20):
        answers = np.random.default_rng(seed).normal(0.5, 1.0, 54)
        for pooling in Pooling:
            pool = Estimator(pooling=pooling).pool
            assert pool(answers[representative(answers[None], 8)]) == pytest.approx(pool(answers), abs=0.12)


@pytest.mark.parametrize("pooling", Pooling)
def test_what_each_version_counts_for_adds_up_to_the_change_of_the_pooled_log_odds(pooling: Pooling) -> None:
    rng = np.random.default_rng(1)
    starts, ends = rng.normal(-1, 1, 8), rng.normal(1, 2, 8)
    ends[3] = starts[3]
    pool = Estimator(pooling=pooling).pool
    counts = [counts_for(pooling, start, end) for start, end in zip(starts, ends, strict=True)]
    whole = counts_for(pooling, pool(starts), pool(ends))
    assert np.sum(counts * (ends - starts)) / (8 * whole) == pytest.approx(pool(ends) - pool(starts), rel=1e-12)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("slope", [1.0, 0.7])
def test_the_maps_add_up_to_the_reported_log_odds_less_those_of_the_baselines(pooling: Pooling, slope: float) -> None:
    found = explained(prepared_case(), checkpoint_of(Estimator(Augmentation.FLIPS, pooling), slope))
    for endpoint in (head.endpoint for head in ANSWERS):
        maps = [found[endpoint, modality] for modality in Modality]
        assert maps[0].versions == 8 and maps[0].difference == pytest.approx(0, abs=1e-6)
        change = maps[0].explained_log_odds - maps[0].baseline_log_odds
        total = sum(float(each.volume.voxels.sum(dtype=np.float64)) for each in maps)
        assert abs(total - change) <= (maps[0].completeness_error + 1e-3) * max(abs(change), 0.4)


@pytest.mark.parametrize("axes", [(0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("less", [0, 3])
def test_a_mirrored_patient_has_the_mirrored_map(axes: tuple[int, ...], less: int) -> None:
    """All flips are explained and mapped back, so it cannot matter which way the patient lay."""
    checkpoint = checkpoint_of(Estimator(Augmentation.FLIPS, Pooling.LOG_ODDS))
    even = replace(QUICK, limits=AttributionLimits(first_stretches=4, max_gradients=5, doublings=0))
    straight = explained(prepared_case(), checkpoint, even)
    mirrored = explained(prepared_case(axes=axes), checkpoint, even)
    for key, each in straight.items():
        there: NDArray[np.floating] = flip(each.volume.voxels, axes)
        assert np.abs(mirrored[key].volume.voxels - there).max() < 1e-5 * np.abs(there).max()


def test_one_version_of_many_says_what_it_differs_by() -> None:
    checkpoint = checkpoint_of(Estimator())
    prepared = prepared_case(less=3)
    answers = version_log_odds(checkpoint.network, prepared.arrays, RECIPE, checkpoint.estimator)
    log_odds = answers[frozenset(Modality)][Endpoint.MALIGNANCY]
    one = explained(prepared, checkpoint, replace(QUICK, versions=1))[Endpoint.MALIGNANCY, Modality.DCE]
    assert one.versions == 1
    assert one.reported_log_odds == pytest.approx(checkpoint.estimator.pool(log_odds))
    assert np.abs(log_odds - one.explained_log_odds).min() < 1e-6
    assert one.difference == pytest.approx(one.explained_log_odds - one.reported_log_odds)


def test_gradient_times_input_has_no_completeness_and_says_which_versions_it_is_of() -> None:
    found = explained(
        prepared_case(), checkpoint_of(Estimator()), SaliencyRequest(Method.GRADIENT_TIMES_INPUT, versions=2)
    )
    for each in found.values():
        assert (each.method, each.baseline, each.versions, each.steps) == ("gradient x input", "none", 2, 2)
        assert np.isnan(each.completeness_error) and np.isfinite(each.difference)


def test_no_endpoint_no_map() -> None:
    prepared, checkpoint = prepared_case(), checkpoint_of(Estimator())
    assert explain_scores(prepared, checkpoint, {}, QUICK, lambda done, planned: None) == ()


def test_at_least_one_version_is_explained() -> None:
    with pytest.raises(ValueError, match="at least one version"):
        SaliencyRequest(versions=0)
