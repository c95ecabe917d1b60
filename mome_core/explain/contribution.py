"""How much each modality contributed: exact Shapley values over the modalities that are there.

The worth of a coalition is the probability that the node would report from it alone: the same estimator, calibrated for
these modalities; where that is withheld, and with nothing at all, the base rate that the bundle names. A coalition
answers with the tokens of the others removed (they never existed), not with zero volumes, which the network reads as a
very different input.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

from mome_core.calibration import Coalition, coalitions_within
from mome_core.case import Modality
from mome_core.results import Contribution


def contributions(worth: Mapping[Coalition, float]) -> tuple[Contribution, ...]:
    """Shapley value of each modality in their order; with the worth of nothing they add up to the worth of all."""
    return tuple(Contribution(modality, value) for modality, value in shapley_values(worth).items())


def shapley_values(worth: Mapping[Coalition, float]) -> dict[Modality, float]:
    """Shapley value of each player from the worth of every coalition, the empty one included (Shapley 1953).

    phi_i = 1/n * sum over S without i of (v(S + i) - v(S)) / C(n - 1, |S|)
    """
    everyone = max(worth, key=len)
    players = [modality for modality in Modality if modality in everyone]
    return {player: sum(_gains(worth, everyone, player)) / len(players) for player in players}


def _gains(worth: Mapping[Coalition, float], everyone: Coalition, player: Modality) -> list[float]:
    """What the player adds to each coalition of the others, weighted so that every size counts the same."""
    others = everyone - {player}
    return [
        (worth[coalition | {player}] - worth[coalition]) / comb(len(others), len(coalition))
        for coalition in (frozenset[Modality](), *coalitions_within(others))
    ]
