"""Scores over augmented versions: exactly the published ones, shared where they coincide, refused where impossible."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit

from calibrations import calibrated, calibrations
from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.compute import Arithmetic, Precision
from mome_core.errors import NumericsFault
from mome_core.estimator import Augmentation, Estimator, Pooling
from mome_core.inference import answer_arrays, score
from mome_core.model.architecture import Architecture
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.estimators import CalibratedEstimator
from mome_core.model.mome import Mome
from mome_core.policy import Policy
from mome_core.preprocessing.pad import FLIPS, PLACEMENTS, flip, pad
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint, ModelIdentity
from mome_core.scoring import answer_versions, version_log_odds

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 16, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)
SHAPES = {Modality.DCE: (2, 28, 26, 16), Modality.DWI: (1, 16, 16, 16), Modality.T2: (1, 20, 12, 10)}
Arrays = dict[Modality, NDArray[np.float32]]


EXACT = Arithmetic(memory_gib=8)


def read_by(estimator: Estimator, slope: float = 1.0) -> CalibratedEstimator:
    return calibrated(estimator, of=calibrations(threshold=0.4, slope=slope))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    network = Mome(SMALL)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    network.freeze()
    identity = ModelIdentity("test", "1", "0" * 64, "Knows nothing.")
    return Checkpoint(network, SMALL, RECIPE, (read_by(Estimator()),), identity, {})


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    rng = np.random.default_rng(0)
    return {modality: rng.standard_normal(shape, dtype=np.float32) for modality, shape in SHAPES.items()}


def probabilities(
    checkpoint: Checkpoint,
    arrays: Arrays,
    augmentation: Augmentation = Augmentation.PUBLISHED,
    arithmetic: Arithmetic = EXACT,
) -> NDArray[np.float64]:
    (answer,) = version_log_odds(
        checkpoint.network, arrays, RECIPE, Estimator(augmentation), arithmetic=arithmetic
    ).values()
    return expit(answer[Endpoint.MALIGNANCY])


def test_the_54_versions_are_the_published_placements_and_flips(checkpoint: Checkpoint, arrays: Arrays) -> None:
    ours = probabilities(checkpoint, arrays)
    expected = []
    for axes, placement in product(FLIPS, PLACEMENTS):
        padded = {m: flip(pad(array, RECIPE.size(m), placement), axes) for m, array in arrays.items()}
        volumes = {m: torch.from_numpy(np.ascontiguousarray(array))[None] for m, array in padded.items()}
        logits = checkpoint.network(volumes)[Endpoint.MALIGNANCY]
        expected.append(checkpoint.network.probability(Endpoint.MALIGNANCY, logits).item())
    assert len(ours) == 54
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    (result,) = score(arrays, checkpoint, Policy())
    assert result.probability == pytest.approx(np.mean(expected), abs=1e-6)
    assert result.spread == pytest.approx(np.std(expected), abs=1e-6)
    assert (result.estimator.versions, result.threshold) == (54, 0.4)


def test_a_volume_that_comes_out_the_same_passes_its_stage_once(
    checkpoint: Checkpoint, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = dict.fromkeys(Modality, 0)
    stage = checkpoint.network.modality_stage

    def counting(modality: Modality, volume: torch.Tensor, *more: Any) -> torch.Tensor:
        passed[modality] += len(volume)
        return stage(modality, volume, *more)

    monkeypatch.setattr(checkpoint.network, "modality_stage", counting)
    probabilities(checkpoint, arrays)
    # the DCE has slack on two axes: 5 places; the DWI on none: 1; the T2 on three: 9
    assert passed == {Modality.DCE: 6 * 5, Modality.DWI: 6 * 1, Modality.T2: 6 * 9}


def flipped(arrays: Arrays, axes: tuple[int, ...]) -> Arrays:
    return {modality: np.ascontiguousarray(flip(array, axes)) for modality, array in arrays.items()}


@pytest.mark.parametrize("group", [Augmentation.FLIPS, Augmentation.FULL_GROUP])
@pytest.mark.parametrize("axes", [(0,), (1, 2), (0, 1, 2)])
def test_the_mean_over_the_full_group_of_flips_does_not_see_a_flip_of_the_input(
    checkpoint: Checkpoint, arrays: Arrays, axes: tuple[int, ...], group: Augmentation
) -> None:
    means = [probabilities(checkpoint, each, group).mean() for each in (arrays, flipped(arrays, axes))]
    assert means[0] == pytest.approx(means[1], abs=1e-6)


def test_the_mean_over_the_six_published_flips_does_see_it(checkpoint: Checkpoint, arrays: Arrays) -> None:
    means = [probabilities(checkpoint, each).mean() for each in (arrays, flipped(arrays, (0,)))]
    assert means[0] != pytest.approx(means[1], abs=1e-6)


def test_five_runs_give_the_same_bits(checkpoint: Checkpoint, arrays: Arrays) -> None:
    runs = [probabilities(checkpoint, arrays) for _ in range(5)]
    assert all(np.array_equal(run, runs[0]) for run in runs)


def test_the_memory_of_a_pass_does_not_change_the_answer(checkpoint: Checkpoint, arrays: Arrays) -> None:
    one_by_one = probabilities(checkpoint, arrays, arithmetic=Arithmetic(memory_gib=1e-6))
    np.testing.assert_allclose(one_by_one, probabilities(checkpoint, arrays), atol=1e-6)


def test_bfloat16_scores_stay_within_the_stated_tolerance(checkpoint: Checkpoint, arrays: Arrays) -> None:
    half = probabilities(checkpoint, arrays, arithmetic=Arithmetic(Precision.BFLOAT16)).mean()
    assert half == pytest.approx(probabilities(checkpoint, arrays).mean(), abs=0.005)


def test_the_calibration_of_what_is_present_reads_the_score(checkpoint: Checkpoint, arrays: Arrays) -> None:
    soft = replace(checkpoint, estimators=(read_by(checkpoint.estimator, slope=0.25),))
    hard, mild = (score(arrays, each, Policy())[0].probability for each in (checkpoint, soft))
    assert hard is not None and mild is not None
    assert np.log(hard / (1 - hard)) == pytest.approx(4 * np.log(mild / (1 - mild)), rel=1e-4)


def test_log_odds_can_be_averaged_instead(checkpoint: Checkpoint, arrays: Arrays) -> None:
    each = probabilities(checkpoint, arrays)
    pooled = replace(checkpoint, estimators=(read_by(Estimator(pooling=Pooling.LOG_ODDS)),))
    (result,) = score(arrays, pooled, Policy())
    assert result.probability == pytest.approx(1 / (1 + np.exp(-np.log(each / (1 - each)).mean())), abs=1e-6)


def test_the_score_without_a_modality_is_that_of_the_others_alone(checkpoint: Checkpoint, arrays: Arrays) -> None:
    (result,) = score(arrays, checkpoint, Policy())
    for modality in Modality:
        others = {m: array for m, array in arrays.items() if m is not modality}
        assert result.without[modality] == score(others, checkpoint, Policy())[0].probability
    assert score({Modality.T2: arrays[Modality.T2]}, checkpoint, Policy())[0].without == {}


def test_modalities_that_may_not_be_scored_give_no_number_alone_or_as_the_rest(
    checkpoint: Checkpoint, arrays: Arrays
) -> None:
    silent = calibrated(Estimator(), of=calibrations(withheld=[(Modality.DWI, Modality.T2)]))
    strict = replace(checkpoint, estimators=(silent,))
    (whole,) = score(arrays, strict, Policy())
    assert whole.probability is not None and whole.without[Modality.DCE] is None
    rest = {m: array for m, array in arrays.items() if m is not Modality.DCE}
    (alone,) = score(rest, strict, Policy())
    assert (alone.probability, alone.call, alone.contributions) == (None, Call.WITHHELD, ())


def test_contributions_add_up_from_the_base_rate_to_the_score(checkpoint: Checkpoint, arrays: Arrays) -> None:
    (result,) = score(arrays, checkpoint, Policy())
    assert result.base_probability == 0.4 and result.probability is not None
    shares = sum(each.value for each in result.contributions)
    assert result.base_probability + shares == pytest.approx(result.probability, abs=1e-12)
    assert score(arrays, checkpoint, Policy(contributions=False))[0].contributions == ()


def test_absent_modalities_are_left_out(checkpoint: Checkpoint, arrays: Arrays) -> None:
    only = {Modality.T2: arrays[Modality.T2]}
    assert np.isfinite(probabilities(checkpoint, only, Augmentation.FLIPS)).all()


def padded(arrays: Arrays) -> Arrays:
    return {modality: pad(array, RECIPE.size(modality)) for modality, array in arrays.items()}


def test_arrays_as_the_network_sees_them_give_logits_and_probability(checkpoint: Checkpoint, arrays: Arrays) -> None:
    (answer,) = answer_arrays(checkpoint, padded(arrays))
    assert answer.probability == pytest.approx(probabilities(checkpoint, arrays, Augmentation.NONE)[0], abs=1e-6)
    assert answer.probability == pytest.approx(1 / (1 + np.exp(answer.logits[0] - answer.logits[1])), abs=1e-6)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.nan, "the DCE array, channel 1, holds a value that is not finite"),
        (np.inf, "the DCE array, channel 1, holds a value that is not finite"),
        (1e6, r"the DCE array, channel 1, reaches 1e\+06, it should be standardised"),
    ],
)
def test_an_impossible_voxel_is_named_with_its_place(
    checkpoint: Checkpoint, arrays: Arrays, value: float, said: str
) -> None:
    spoilt = padded(arrays)
    spoilt[Modality.DCE][1, 3, 3, 3] = value
    with pytest.raises(NumericsFault, match=said):
        answer_arrays(checkpoint, spoilt)


def test_an_empty_array_is_named(checkpoint: Checkpoint, arrays: Arrays) -> None:
    spoilt = padded(arrays)
    spoilt[Modality.T2][:] = 0
    with pytest.raises(NumericsFault, match="the T2 array, channel 0, is empty"):
        answer_arrays(checkpoint, spoilt)


def test_a_nan_that_arises_within_the_network_is_named_with_its_stage(arrays: Arrays) -> None:
    network = Mome(SMALL)
    network.freeze()
    network.positions["T2"][0, 0] = float("nan")
    with pytest.raises(NumericsFault, match="tokens of the T2 after the early layers"):
        answer_versions(network, arrays, RECIPE, Estimator(Augmentation.NONE), arithmetic=EXACT)
