"""Answers to versions of a case, by coalition: one modality stage for all, and networks that have none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mome_core.calibration import COALITIONS
from mome_core.case import Modality
from mome_core.compute import Arithmetic
from mome_core.estimator import Augmentation, Estimator
from mome_core.model.architecture import Architecture
from mome_core.model.baselines import Fusion, ResNetArchitecture, ResNetFusion
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.scoring import inputs_of, pooled, version_log_odds

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 16, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)
FLIPS = Estimator(Augmentation.FLIPS)


@pytest.fixture(scope="module")
def network() -> Mome:
    torch.manual_seed(0)
    network = Mome(SMALL)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    network.freeze()
    return network


@pytest.fixture(scope="module")
def arrays() -> dict[Modality, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    shapes = {Modality.DCE: (2, 28, 26, 16), Modality.DWI: (1, 16, 16, 16), Modality.T2: (1, 20, 12, 10)}
    return {modality: rng.standard_normal(shape, dtype=np.float32) for modality, shape in shapes.items()}


def test_a_coalition_of_a_whole_case_answers_the_bits_of_a_case_that_has_no_more(
    network: Mome, arrays: dict[Modality, NDArray[np.float32]]
) -> None:
    together = version_log_odds(network, arrays, RECIPE, FLIPS, coalitions=COALITIONS)
    for coalition in COALITIONS:
        alone = version_log_odds(network, {m: arrays[m] for m in coalition}, RECIPE, FLIPS)
        assert np.array_equal(alone[coalition][Endpoint.MALIGNANCY], together[coalition][Endpoint.MALIGNANCY])
        assert len(alone[coalition][Endpoint.MALIGNANCY]) == 8


def test_the_modality_stages_run_once_for_all_coalitions(
    network: Mome, arrays: dict[Modality, NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[Modality] = []
    stage = network.modality_stage

    def counting(modality: Modality, *more: object) -> object:
        passed.append(modality)
        return stage(modality, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(network, "modality_stage", counting)
    version_log_odds(network, arrays, RECIPE, FLIPS, coalitions=COALITIONS)
    assert passed == list(Modality) * 8


@pytest.mark.parametrize(("fusion", "modalities", "answered"), [
    (Fusion.LATE, (Modality.DCE,), 4),
    (Fusion.LATE, tuple(Modality), 7),
    (Fusion.FEATURE, tuple(Modality), 1),
])  # fmt: skip
def test_a_baseline_answers_the_coalitions_that_it_can(
    arrays: dict[Modality, NDArray[np.float32]], fusion: Fusion, modalities: tuple[Modality, ...], answered: int
) -> None:
    network = ResNetFusion(ResNetArchitecture(fusion, modalities, (4,), (1,), RECIPE))
    network.freeze()
    found = version_log_odds(network, arrays, RECIPE, FLIPS, coalitions=COALITIONS, arithmetic=Arithmetic(memory_gib=1))
    assert len(found) == answered
    estimates = pooled(found, Endpoint.MALIGNANCY, FLIPS)
    if modalities == (Modality.DCE,):
        assert len(set(estimates.values())) == 1, "what it does not take changes nothing"


def test_inputs_come_in_the_order_of_the_network(arrays: dict[Modality, NDArray[np.float32]]) -> None:
    reverse = dict(reversed(arrays.items()))
    assert [each.modality for each in inputs_of(reverse, RECIPE)] == list(Modality)
