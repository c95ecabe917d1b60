"""Shares of the modalities: the axioms, captum as the oracle, and that they add up to what is reported."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues
from torch import Tensor

from calibrations import calibration, calibrations
from mome_core.calibration import COALITIONS, Coalition, coalition_name
from mome_core.case import Modality
from mome_core.estimator import Augmentation, Estimator, Pooling
from mome_core.explain.contribution import contributions, shapley_values
from mome_core.model.architecture import Architecture
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.scoring import pooled, version_log_odds

DCE, DWI, T2 = Modality
ENDPOINT = Endpoint.MALIGNANCY
RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 16, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)
SHAPES = {DCE: (2, 28, 26, 16), DWI: (1, 16, 16, 16), T2: (1, 20, 12, 10)}
CALIBRATED = {each: calibration(each, slope=0.5 + 0.1 * n, intercept=0.2 * n) for n, each in enumerate(COALITIONS)}


@pytest.fixture(scope="module")
def network() -> Mome:
    torch.manual_seed(0)
    network = Mome(SMALL)
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    network.freeze()
    return network


def worth(**values: float) -> dict[Coalition, float]:
    """Worth of coalitions by name, e.g. DCE_T2=0.7; those not named are worth nothing."""
    named = {frozenset(Modality(name) for name in key.split("_")): value for key, value in values.items()}
    return {coalition: named.get(coalition, 0.0) for coalition in (frozenset[Modality](), *COALITIONS)}


def reported(network: Mome, estimator: Estimator, coalitions: tuple[Coalition, ...]) -> dict[Coalition, float]:
    """Calibrated probability of each coalition."""
    rng = np.random.default_rng(0)
    arrays = {m: rng.standard_normal(shape, dtype=np.float32) for m, shape in SHAPES.items()}
    answers = version_log_odds(network, arrays, RECIPE, estimator, coalitions=coalitions)
    return {c: CALIBRATED[c].probability(value) for c, value in pooled(answers, ENDPOINT, estimator).items()}


def test_the_values_are_the_mean_gain_over_all_orders_of_arrival() -> None:
    game = worth(DCE=0.3, DWI=0.1, T2=0.2, DCE_DWI=0.9, DCE_T2=0.4, DWI_T2=0.5, DCE_DWI_T2=1.0)
    expected = dict.fromkeys(Modality, 0.0)
    for order in permutations(Modality):
        for place, player in enumerate(order):
            gain = game[frozenset(order[: place + 1])] - game[frozenset(order[:place])]
            expected[player] += gain / 6
    assert shapley_values(game) == pytest.approx(expected, abs=1e-15)


def test_a_dummy_gets_nothing() -> None:
    game = worth(DCE=0.4, DCE_DWI=0.7, DCE_T2=0.4, DCE_DWI_T2=0.7, DWI=0.2, DWI_T2=0.2)
    assert shapley_values(game)[T2] == pytest.approx(0, abs=1e-15)


def test_modalities_that_do_the_same_for_every_coalition_get_the_same() -> None:
    game = worth(DCE=0.4, DWI=0.4, DCE_T2=0.5, DWI_T2=0.5, DCE_DWI=0.6, DCE_DWI_T2=0.9)
    values = shapley_values(game)
    assert values[DCE] == pytest.approx(values[DWI], abs=1e-15)


def test_a_coalition_that_may_not_be_scored_is_worth_the_base_rate_whatever_its_images_say() -> None:
    read = calibrations(base_rate=0.12, withheld=[(T2,), (DWI, T2)])
    said = dict(zip(COALITIONS, (0.8, 0.5, 0.999, 0.9, 0.8, 0.001, 0.9), strict=True))
    game = read.worth(said)
    assert (game[frozenset({T2})], game[frozenset({DWI, T2})], game[frozenset()]) == (0.12, 0.12, 0.12)
    assert game[frozenset({DWI})] == 0.5
    shares = contributions(game)
    assert 0.12 + sum(each.value for each in shares) == pytest.approx(0.9, abs=1e-15)
    others = {**said, frozenset({T2}): 0.3, frozenset({DWI, T2}): 0.7}
    assert contributions(read.worth(others)) == shares


@pytest.mark.parametrize("pooling", Pooling)
def test_captum_gives_the_same_values_for_the_reported_score(network: Mome, pooling: Pooling) -> None:
    estimator, base = Estimator(Augmentation.PUBLISHED, pooling), 0.31

    def probability(there: Tensor) -> Tensor:
        """Captum plays with one number for each modality; 0 removes its tokens, and the score is reported anew."""
        given = frozenset(m for m, here in zip(Modality, there[0], strict=True) if here)
        return torch.tensor([reported(network, estimator, (given,))[given] if given else base], dtype=torch.float64)

    oracle = ShapleyValues(probability).attribute(torch.ones(1, 3, dtype=torch.float64))[0]
    shares = contributions({**reported(network, estimator, COALITIONS), frozenset(): base})
    assert [each.modality for each in shares] == list(Modality)
    assert [each.value for each in shares] == pytest.approx(oracle.tolist(), abs=1e-7)


@pytest.mark.parametrize("present", COALITIONS, ids=coalition_name)
@pytest.mark.parametrize("base", [0.5, 0.04])
def test_base_and_contributions_add_up_to_the_reported_probability(
    network: Mome, present: Coalition, base: float
) -> None:
    within = tuple(each for each in COALITIONS if each <= present)
    answers = reported(network, Estimator(), within)
    shares = contributions({**answers, frozenset(): base})
    assert {each.modality for each in shares} == present
    assert base + sum(each.value for each in shares) == pytest.approx(answers[present], abs=1e-12)
