"""How much each modality contributed: exact Shapley values over the modalities that are there.

A coalition answers with the tokens of the others removed (they never existed), not with zero volumes, which this
network reads as a very different input. What one modality does before the joint layers depends on nothing else, so
each modality stage runs once and only the joint layers run for every coalition. Coalitions differ in their number of
tokens; batching them would need masks, which cost more than the joint layers of a small coalition.

B versions of one case, D width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb, isclose

import numpy as np
import torch
from torch import Tensor

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.model.mome import Mome
from mome_core.results import Contribution, Endpoint

_Coalition = frozenset[Modality]
_Answers = Mapping[_Coalition, Mapping[Endpoint, Tensor]]

_NO_OPINION = 0.5  # what two classes give without any input; the paper leaves v(empty) undefined


@dataclass(frozen=True, slots=True)
class _Contributions:
    """Shapley value of each modality in one endpoint's probability (Shapley 1953; paper, Methods).

    Parameters
    ----------
    values
        For each present modality, in units of probability.
    coalitions
        Probability of every non-empty coalition, the empty one under the empty set.
    """

    endpoint: Endpoint
    values: Mapping[Modality, float]
    coalitions: Mapping[_Coalition, float]

    @property
    def base_probability(self) -> float:
        """What the endpoint's probability is taken to be with no modality at all, v(empty)."""
        return self.coalitions[frozenset()]

    @property
    def explained_probability(self) -> float:
        """The probability with all present modalities, v(all)."""
        return self.coalitions[frozenset(self.values)]

    @property
    def efficiency_gap(self) -> float:
        """|sum of values - (v(all) - v(empty))|, which rounding alone keeps from zero."""
        return abs(sum(self.values.values()) - (self.explained_probability - self.base_probability))

    def __post_init__(self) -> None:
        for coalition, probability in self.coalitions.items():
            if not np.isfinite(probability):
                raise NumericsFault(f"the probability of {self.endpoint} from {_name_of(coalition)} is not finite")
        if not isclose(self.efficiency_gap, 0, abs_tol=1e-9):
            raise ValueError(f"{self.endpoint}: the values miss their sum by {self.efficiency_gap}")

    def to_results(self) -> tuple[Contribution, ...]:
        """The values as a `Score` carries them, in the order of modalities."""
        return tuple(Contribution(modality, self.values[modality]) for modality in Modality if modality in self.values)


def shapley(
    network: Mome,
    volumes: Mapping[Modality, Tensor],
    endpoint: Endpoint,
    *,
    base_probability: float = _NO_OPINION,
) -> _Contributions:
    """Exact contribution of each present modality to one endpoint's probability.

    For several endpoints of one network call `answer_coalitions` once and `share` for each.

    Parameters
    ----------
    volumes
        Padded, (B, C, X, Y, Z); the probabilities of B versions of one case are averaged.
    base_probability
        V(empty), e.g. the endpoint's base rate.
    """
    return share(
        network,
        answer_coalitions(network, volumes),
        endpoint,
        base_probability=base_probability,
    )


@torch.no_grad()
def answer_coalitions(network: Mome, volumes: Mapping[Modality, Tensor]) -> _Answers:
    """Logits (B, K) of each endpoint for every non-empty coalition of the given modalities."""
    network.require_volumes(volumes)
    tokens = {modality: network.modality_stage(modality, volume) for modality, volume in volumes.items()}
    cls_B1D = network.cls_alone(len(next(iter(volumes.values()))))
    return {
        coalition: network.joint_stage({modality: tokens[modality] for modality in coalition}, cls_B1D)
        for coalition in coalitions_of(volumes)
        if coalition
    }


def share(
    network: Mome,
    answers: _Answers,
    endpoint: Endpoint,
    *,
    base_probability: float = _NO_OPINION,
) -> _Contributions:
    """The contributions to one endpoint, from the answers of all coalitions; NumericsFault names a bad coalition."""
    if not 0.0 <= base_probability <= 1.0:
        raise ValueError(f"a base probability lies in [0, 1], got {base_probability}")
    worth = {
        coalition: float(network.probability(endpoint, logits[endpoint]).double().mean())
        for coalition, logits in answers.items()
    }
    worth[frozenset()] = base_probability
    return _Contributions(endpoint, shapley_values(worth), worth)


def shapley_values(worth: Mapping[_Coalition, float]) -> dict[Modality, float]:
    """Shapley value of each player from the worth of every coalition, the empty one included.

    phi_i = 1/n * sum over S without i of (v(S + i) - v(S)) / C(n - 1, |S|)
    """
    everyone = max(worth, key=len)
    players = [modality for modality in Modality if modality in everyone]
    return {player: sum(_gains(worth, everyone, player)) / len(players) for player in players}


def _gains(worth: Mapping[_Coalition, float], everyone: _Coalition, player: Modality) -> list[float]:
    """What the player adds to each coalition of the others, weighted so that every size counts the same."""
    others = everyone - {player}
    return [
        (worth[coalition | {player}] - worth[coalition]) / comb(len(others), len(coalition))
        for coalition in coalitions_of(others)
    ]


def coalitions_of(modalities: Mapping[Modality, object] | _Coalition) -> list[_Coalition]:
    """All subsets, small ones first, the empty one included."""
    players = [modality for modality in Modality if modality in modalities]
    return [frozenset(some) for size in range(len(players) + 1) for some in combinations(players, size)]


def _name_of(coalition: _Coalition) -> str:
    """E.g. "DCE + T2"."""
    return " + ".join(modality for modality in Modality if modality in coalition) or "no modality"
