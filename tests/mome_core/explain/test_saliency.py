"""Attribution per voxel: the axioms, captum as the oracle, and the truth about what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.baselines import Baseline, baseline_volumes, mean_tokens
from mome_core.explain.path import AttributionPath, nodes_at, total_of
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.saliency import Attribution, Method, attribute, attribute_versions, log_odds_of_tokens
from mome_core.model.architecture import Architecture, Head
from mome_core.model.build import build_network
from mome_core.model.mome import Mome
from mome_core.results import Endpoint
from small_network import SMALL

DCE, DWI, T2 = Modality
ENDPOINT = Endpoint.MALIGNANCY
TWO_ANSWERS = (Head(ENDPOINT), Head(Endpoint.TRIPLE_NEGATIVE, classes=4, positive_class=3))
EVEN = AttributionLimits(first_stretches=12, max_gradients=13, doublings=0)
Answer = Callable[[Mapping[Modality, Tensor]], Tensor]


def scrambled_network(architecture: Architecture = SMALL, std: float = 0.25) -> Mome:
    """A network in double precision, frozen, with every tensor random, so that every part of it matters."""
    torch.manual_seed(0)
    network = build_network(architecture).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=std)
    network.freeze()
    return network


def random_volumes(*modalities: Modality) -> dict[Modality, Tensor]:
    """Smooth random volumes with a margin of zeros, as padding leaves it."""
    generator = torch.Generator().manual_seed(5)
    volumes = {}
    for modality in modalities or tuple(Modality):
        noise = torch.randn(1, *SMALL.volume_shape(modality), generator=generator, dtype=torch.float64)
        volumes[modality] = 5 * torch.nn.functional.avg_pool3d(noise, 3, 1, 1)
        volumes[modality][:, :, :2] = 0
    return volumes


def captum_oracle(
    answer: Answer, start: dict[Modality, Tensor], end: dict[Modality, Tensor], nodes: int
) -> dict[Modality, Tensor]:
    """Captum's maps by the trapezoid rule; its weights add up to (n - 1) / n, which is mended here."""
    gradients = IntegratedGradients(lambda *inputs: answer(dict(zip(end, inputs, strict=True)))[:, 0])
    maps = gradients.attribute(tuple(end.values()), tuple(start.values()), method="riemann_trapezoid", n_steps=nodes)
    return {m: found * nodes / (nodes - 1) for m, found in zip(end, maps, strict=True)}


def assert_close(ours: np.ndarray, oracle: Tensor) -> None:
    assert np.abs(ours - oracle.numpy()).max() <= 1e-5 * float(oracle.abs().max())


def answer_of(network: Mome) -> Answer:
    """Volumes to log odds, without a word of where a path is walked."""
    return lambda volumes: network.log_odds(ENDPOINT, network(volumes)[ENDPOINT])[:, None]


@pytest.mark.parametrize("present", [(DCE,), (DWI, T2), (DCE, DWI, T2)], ids=" ".join)
@pytest.mark.parametrize("baseline", [Baseline.BLUR, Baseline.MEAN_PHASE])
def test_captum_walking_the_volumes_gives_the_maps_that_we_find_behind_the_first_convolution(
    present: tuple[Modality, ...], baseline: Baseline
) -> None:
    network, volumes = scrambled_network(), random_volumes(*present)
    ours = attribute(network, volumes, ENDPOINT, baseline=baseline, limits=EVEN)
    oracle = captum_oracle(answer_of(network), baseline_volumes(baseline, volumes), volumes, 13)
    assert (ours.steps, list(ours.maps)) == (13, list(present))
    for modality in present:
        assert_close(ours.maps[modality], oracle[modality][0])


def test_captum_gives_the_same_maps_in_token_space() -> None:
    network, volumes = scrambled_network(), random_volumes()
    ours = attribute(network, volumes, ENDPOINT, baseline=Baseline.MEAN_PATCH, limits=EVEN)
    tokens = {m: network.tokenizers[m.value](volume) for m, volume in volumes.items()}
    start = {m: mean_tokens(t) for m, t in tokens.items()}
    oracle = captum_oracle(log_odds_of_tokens(network, [ENDPOINT]), start, tokens, 13)
    for modality, voxels in ours.maps.items():
        per_token = voxels.reshape(1, *(n for g in SMALL.grid(modality) for n in (g, 16))).sum(axis=(2, 4, 6))
        assert_close(per_token.ravel(), oracle[modality][0].sum(dim=1))


def test_nodes_that_stand_closer_where_the_answer_bends_give_what_captum_gives_with_many() -> None:
    network, volumes = scrambled_network(), random_volumes(DCE)
    start = baseline_volumes(Baseline.BLUR, volumes)
    limits = AttributionLimits(1e-4, 2e-4, least_change=0.1, max_gradients=800, doublings=0)
    ours = attribute(network, volumes, ENDPOINT, limits=limits)
    oracle = captum_oracle(answer_of(network), start, volumes, 1001)[DCE][0].numpy()
    assert ours.steps < 801
    assert np.linalg.norm(ours.maps[DCE] - oracle) < 0.05 * np.linalg.norm(oracle)


@pytest.mark.parametrize("baseline", [Baseline.ZERO, Baseline.MEAN_PATCH])
def test_the_maps_add_up_within_the_default_limits(baseline: Baseline) -> None:
    network, volumes = scrambled_network(), random_volumes()
    attribution = attribute(network, volumes, ENDPOINT, baseline=baseline)
    log_odds = float(network.log_odds(ENDPOINT, network(volumes)[ENDPOINT]))
    assert attribution.value == pytest.approx(log_odds, rel=1e-12)
    assert attribution.completeness_error <= 0.01
    assert attribution.total == pytest.approx(log_odds - attribution.baseline_value, rel=0.01, abs=0.01 * 0.4)
    assert attribution.steps <= AttributionLimits().max_gradients


def evenly_from_zero(network: Mome, volumes: dict[Modality, Tensor], nodes: int) -> dict[Modality, Tensor]:
    """Integrated gradients as the textbook has them: from a volume of zeros, nodes spread evenly."""
    return captum_oracle(answer_of(network), baseline_volumes(Baseline.ZERO, volumes), volumes, nodes)


def test_a_zero_baseline_with_evenly_spaced_nodes_misses_nearly_everything_and_log_spaced_ones_mend_it() -> None:
    network, volumes = scrambled_network(), random_volumes()
    mended = attribute(network, volumes, ENDPOINT, baseline=Baseline.ZERO)
    change = mended.value - mended.baseline_value
    even = evenly_from_zero(network, volumes, 50)
    without_ends = total_of(even) - total_of(node_at(network, volumes, 0.0)) / 98
    assert abs(without_ends - change) > 0.8 * abs(change)
    assert mended.completeness_error < 0.01


def node_at(network: Mome, volumes: dict[Modality, Tensor], place: float) -> dict[Modality, Tensor]:
    """(input - baseline) x gradient at one place of the path from zeros."""
    path = AttributionPath(baseline_volumes(Baseline.ZERO, volumes), volumes)
    (node,) = nodes_at(answer_of(network), [(path, place)])
    return path.attributions(node.gradients[0])


def test_the_gradient_anywhere_between_zero_and_the_input_is_gradient_times_input_under_another_name() -> None:
    network, volumes = scrambled_network(), random_volumes()
    plain = attribute(network, volumes, ENDPOINT, method=Method.GRADIENT_TIMES_INPUT)
    for place in (0.1, 0.5):
        there = node_at(network, volumes, place)
        a, b = (np.concatenate([np.ravel(m) for m in maps]) for maps in (there.values(), plain.maps.values()))
        assert a @ b / np.sqrt((a @ a) * (b @ b)) > 0.999


def test_gradient_times_input_sums_to_zero_over_each_modality_and_claims_no_completeness() -> None:
    network, volumes = scrambled_network(), random_volumes()
    attribution = attribute(network, volumes, ENDPOINT, method=Method.GRADIENT_TIMES_INPUT)
    for voxels in attribution.maps.values():
        assert abs(voxels.sum()) < 1e-3 * np.abs(voxels).sum()
    assert np.isnan(attribution.completeness_error)
    assert (attribution.baseline, attribution.steps) == (None, 1)
    log_odds = float(network.log_odds(ENDPOINT, network(volumes)[ENDPOINT]))
    assert attribution.value == pytest.approx(log_odds, rel=1e-12)


def test_a_voxel_that_changes_nothing_gets_nothing() -> None:
    network, volumes = scrambled_network(), random_volumes()
    for convolution in (network.tokenizers["DCE"].convolutions[0],):
        convolution.weight.data[:, 1] = 0  # the network is blind to the second phase
    attribution = attribute(network, volumes, ENDPOINT, limits=EVEN)
    assert not attribution.maps[DCE][1].any()
    assert attribution.maps[DCE][0].any()


def test_phases_that_the_network_treats_alike_get_the_same() -> None:
    network, volumes = scrambled_network(), random_volumes()
    weight = network.tokenizers["DCE"].convolutions[0].weight.data
    weight[:, 2], volumes[DCE][:, 2] = weight[:, 0], volumes[DCE][:, 0]
    attribution = attribute(network, volumes, ENDPOINT, limits=EVEN)
    assert np.allclose(attribution.maps[DCE][0], attribution.maps[DCE][2], rtol=1e-12)


def test_an_absent_modality_is_as_if_it_had_never_been_loaded() -> None:
    network = scrambled_network()
    attribution = attribute(network, random_volumes(DWI), ENDPOINT, limits=EVEN)
    assert list(attribution.maps) == [DWI]


def test_the_same_input_gives_the_same_maps_five_times() -> None:
    network, volumes = scrambled_network(), random_volumes()
    first, *others = (attribute(network, volumes, ENDPOINT, limits=EVEN) for _ in range(5))
    assert all(np.array_equal(first.maps[m], other.maps[m]) for other in others for m in Modality)


@pytest.mark.parametrize("memory_gib", [1e-6, 0.002, 4.0])
def test_memory_changes_how_many_nodes_go_together_but_not_the_maps(memory_gib: float) -> None:
    network, volumes = scrambled_network(), random_volumes()
    reference = attribute(network, volumes, ENDPOINT, limits=EVEN)
    other = attribute(network, volumes, ENDPOINT, limits=replace(EVEN, memory_gib=memory_gib))
    assert not network.recompute
    for modality in Modality:
        assert np.allclose(reference.maps[modality], other.maps[modality], rtol=1e-9, atol=1e-15)


def test_gradients_stay_within_their_limit_and_the_error_that_is_left_is_told() -> None:
    network, volumes = scrambled_network(std=0.6), random_volumes()
    limits = AttributionLimits(completeness_error=1e-12, max_gradients=22, least_change=1e-6)
    steps: list[tuple[int, int]] = []
    attribution = attribute(
        network, volumes, ENDPOINT, baseline=Baseline.BLUR, limits=limits, progress=lambda *step: steps.append(step)
    )
    expected = attribution.value - attribution.baseline_value
    total = sum(voxels.sum() for voxels in attribution.maps.values())
    assert attribution.completeness_error == pytest.approx(abs(total - expected) / abs(expected), rel=1e-9)
    assert 1e-12 < attribution.completeness_error <= attribution.absolute_error + 1e-12
    assert attribution.steps <= 22
    assert steps[-1] == (attribution.steps, attribution.steps)
    assert all(done <= planned <= 22 for done, planned in steps)


@pytest.mark.parametrize("method", Method)
def test_several_versions_and_endpoints_together_are_what_each_is_alone(method: Method) -> None:
    torch.manual_seed(2)
    network = scrambled_network(replace(SMALL, answers=TWO_ANSWERS))
    cases = [{m: (1 + n) * volume.roll(n, 2) for m, volume in random_volumes().items()} for n in range(3)]
    endpoints = [head.endpoint for head in TWO_ANSWERS]
    limits = AttributionLimits(first_stretches=4, max_gradients=5, doublings=0)
    found = dict(
        attribute_versions(network, [partial(dict, case) for case in cases], endpoints, method=method, limits=limits)
    )
    assert sorted(found) == [0, 1, 2]
    for number, case in enumerate(cases):
        for e, endpoint in enumerate(endpoints):
            alone = attribute(network, case, endpoint, method=method, limits=limits)
            assert (found[number][e].endpoint, found[number][e].value) == (endpoint, pytest.approx(alone.value))
            for modality in Modality:
                scale = np.abs(alone.maps[modality]).max()
                assert np.abs(found[number][e].maps[modality] - alone.maps[modality]).max() < 1e-9 * scale


def test_where_input_and_baseline_are_answered_almost_alike_errors_are_shares_of_the_least_change() -> None:
    maps = {Modality.T2: np.full((1, 2, 2, 2), 0.0005 / 8)}
    alike = Attribution(ENDPOINT, Method.INTEGRATED_GRADIENTS, Baseline.BLUR, maps, 9, 1.0, 1.0, 0.002)
    assert (alike.completeness_error, alike.absolute_error) == (pytest.approx(0.00125), pytest.approx(0.005))
    apart = replace(alike, value=2.0)
    assert apart.completeness_error == pytest.approx(0.9995)


def test_an_exception_from_the_progress_ends_the_work_and_leaves_the_network_as_it_was() -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, planned: int) -> None:
        raise Cancelled

    network = scrambled_network()
    with pytest.raises(Cancelled):
        attribute(network, random_volumes(), ENDPOINT, limits=AttributionLimits(memory_gib=1e-6), progress=cancel)
    assert not network.recompute


def test_a_volume_that_is_not_finite_is_refused_with_its_modality() -> None:
    volumes = random_volumes()
    volumes[T2][0, 0, 1, 1, 1] = torch.inf
    with pytest.raises(NumericsFault, match="the T2 volume"):
        attribute(scrambled_network(), volumes, ENDPOINT)


def test_an_answer_that_is_not_finite_is_refused() -> None:
    network, volumes = scrambled_network(), random_volumes()
    network.heads[ENDPOINT.value].bias.data[0] = torch.nan
    with pytest.raises(NumericsFault, match="log odds"):
        attribute(network, volumes, ENDPOINT)


def test_a_map_that_is_not_finite_cannot_become_an_attribution() -> None:
    maps = {DCE: np.full((1, 2, 2, 2), np.nan)}
    with pytest.raises(NumericsFault, match="DCE"):
        Attribution(ENDPOINT, Method.INTEGRATED_GRADIENTS, Baseline.BLUR, maps, 1, 1.0, 0.0)


def test_a_batch_of_cases_is_refused() -> None:
    volumes = {m: torch.cat([volume, volume]) for m, volume in random_volumes().items()}
    with pytest.raises(ValueError, match="one case"):
        attribute(scrambled_network(), volumes, ENDPOINT)


@pytest.mark.slow
@pytest.mark.parametrize("baseline", [Baseline.ZERO, Baseline.BLUR])
def test_at_the_papers_width_the_error_that_is_left_is_told(baseline: Baseline) -> None:
    torch.manual_seed(3)
    sizes = {"dce_grid": (2, 2, 1), "dwi_grid": (2, 1, 1), "t2_grid": (2, 2, 1), "layers": 4, "sparse_layers": 3}
    network = build_network(Architecture(**sizes))  # type: ignore[arg-type]
    network.freeze()
    generator = torch.Generator().manual_seed(5)
    volumes = {
        m: torch.randn(1, *network.architecture.volume_shape(m), generator=generator) for m in network.volume_shapes
    }
    told = AttributionLimits(max_gradients=12, least_change=1e-6)  # of weights that answer everything almost alike
    attribution = attribute(network, volumes, ENDPOINT, baseline=baseline, limits=told)
    expected = attribution.value - attribution.baseline_value
    total = sum(float(voxels.sum(dtype=np.float64)) for voxels in attribution.maps.values())
    assert attribution.completeness_error == pytest.approx(abs(total - expected) / abs(expected), rel=1e-6)
    assert attribution.value == pytest.approx(float(network.log_odds(ENDPOINT, network(volumes)[ENDPOINT])), abs=1e-5)
