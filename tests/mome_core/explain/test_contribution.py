"""Shares of the modalities: the axioms, and captum as the oracle."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
import torch
from captum.attr import ShapleyValues
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.contribution import answer_coalitions, coalitions_of, shapley, shapley_values, share
from mome_core.model.architecture import Head
from mome_core.model.build import build_network
from mome_core.model.mome import Mome
from mome_core.results import Endpoint
from small_network import SMALL as SMALL_ARCHITECTURE

DCE, DWI, T2 = Modality
ENDPOINT = Endpoint.MALIGNANCY
TWO_ANSWERS = (Head(Endpoint.MALIGNANCY), Head(Endpoint.TRIPLE_NEGATIVE, classes=4, positive_class=3))
SMALL = replace(SMALL_ARCHITECTURE, answers=TWO_ANSWERS)


def scrambled_network() -> Mome:
    """A small network, frozen, with every tensor random, so that every part of it matters."""
    torch.manual_seed(0)
    network = build_network(SMALL).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    network.freeze()
    return network


def random_volumes(*modalities: Modality, batch: int = 1) -> dict[Modality, Tensor]:
    generator = torch.Generator().manual_seed(5)
    shapes = {m: (batch, *SMALL.volume_shape(m)) for m in modalities or Modality}
    return {m: torch.randn(shape, generator=generator, dtype=torch.float64) for m, shape in shapes.items()}


def worth(**values: float) -> dict[frozenset[Modality], float]:
    """Worth of coalitions by name, e.g. DCE_T2=0.7; those not named are worth nothing."""
    named = {frozenset(Modality(name) for name in key.split("_")): value for key, value in values.items()}
    return {coalition: named.get(coalition, 0.0) for coalition in coalitions_of(frozenset(Modality))}


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


def test_captum_gives_the_same_values_for_the_network() -> None:
    network, volumes = scrambled_network(), random_volumes()

    def probability(there: Tensor) -> Tensor:
        """Captum plays with one number for each modality; 0 removes its tokens."""
        given = {m: volumes[m] for m, here in zip(Modality, there[0], strict=True) if here}
        return network.probability(ENDPOINT, network(given)[ENDPOINT]) if given else torch.tensor([0.5])

    oracle = ShapleyValues(probability).attribute(torch.ones(1, 3))[0]
    values = shapley(network, volumes, ENDPOINT).values
    assert list(values) == list(Modality)
    assert torch.tensor(list(values.values())) == pytest.approx(oracle, rel=1e-5)


def name_of(coalition: frozenset[Modality]) -> str:
    return " ".join(modality for modality in Modality if modality in coalition)


@pytest.mark.parametrize("coalition", [c for c in coalitions_of(frozenset(Modality)) if c], ids=name_of)
def test_every_coalition_answers_as_if_the_others_had_never_been_loaded(coalition: frozenset[Modality]) -> None:
    network, volumes = scrambled_network(), random_volumes()
    alone = network({m: volumes[m] for m in Modality if m in coalition})
    shared = answer_coalitions(network, volumes)[coalition]
    assert torch.equal(shared[ENDPOINT], alone[ENDPOINT])


@pytest.mark.parametrize("present", [(DCE,), (DWI,), (DWI, T2), (DCE, DWI, T2)], ids=" ".join)
@pytest.mark.parametrize("base", [0.5, 0.31])
def test_base_and_values_add_up_to_the_explained_probability(present: tuple[Modality, ...], base: float) -> None:
    network, volumes = scrambled_network(), random_volumes(*present)
    contributions = shapley(network, volumes, ENDPOINT, base_probability=base)
    probability = float(network.probability(ENDPOINT, network(volumes)[ENDPOINT]))
    assert contributions.base_probability == base
    assert contributions.explained_probability == probability
    assert base + sum(contributions.values.values()) == pytest.approx(probability, abs=1e-12)
    assert contributions.efficiency_gap < 1e-12


def test_each_modality_stage_runs_once_for_all_coalitions_and_endpoints() -> None:
    network, volumes = scrambled_network(), random_volumes()
    runs: list[str] = []
    for modality, tokenizer in network.tokenizers.items():
        tokenizer.register_forward_hook(lambda *_, name=modality: runs.append(name))
    answers = answer_coalitions(network, volumes)
    both = [share(network, answers, head.endpoint) for head in TWO_ANSWERS]
    assert sorted(runs) == ["DCE", "DWI", "T2"]
    assert both[1].explained_probability == float(
        network.probability(TWO_ANSWERS[1].endpoint, network(volumes)[TWO_ANSWERS[1].endpoint])
    )


def test_several_versions_of_a_case_are_averaged_before_they_are_shared() -> None:
    network, versions = scrambled_network(), random_volumes(batch=3)
    mean = network.probability(ENDPOINT, network(versions)[ENDPOINT]).mean()
    assert shapley(network, versions, ENDPOINT).explained_probability == pytest.approx(float(mean), abs=1e-7)


def test_a_probability_that_is_not_finite_is_refused_with_the_coalition() -> None:
    network, volumes = scrambled_network(), random_volumes()
    volumes[DWI][0, 0, 3, 3, 3] = torch.nan
    with pytest.raises(NumericsFault, match="malignancy from DWI is not finite"):
        shapley(network, volumes, ENDPOINT)


@pytest.mark.parametrize("base", [-0.1, 1.1, float("nan")])
def test_a_base_that_is_no_probability_is_refused(base: float) -> None:
    with pytest.raises(ValueError, match="base probability"):
        shapley(scrambled_network(), random_volumes(), ENDPOINT, base_probability=base)
