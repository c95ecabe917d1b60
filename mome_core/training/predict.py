"""A network's answers to prepared cases, one version of each without augmentation, as the paper compares models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.compute import device_of
from mome_core.errors import NumericsFault
from mome_core.model.network import Network
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.augment import centred
from mome_core.training.dataset import Example

_Predictions = dict[Endpoint, NDArray[np.float64]]


@torch.no_grad()
def log_odds(
    network: Network,
    examples: Sequence[Example],
    recipe: Recipe,
    modalities: Sequence[Modality] = tuple(Modality),
) -> _Predictions:
    """Logit of each endpoint's probability for each case, padded in the centre, not mirrored.

    Parameters
    ----------
    modalities
        Those that may be used; NaN for a case that has none of them. The network is left in the mode (training or
        evaluation) that it was in.
    """
    was_training = network.training
    network.eval()
    device = device_of(network)
    answers: _Predictions = {head.endpoint: np.full(len(examples), np.nan) for head in network.answers}
    for n, example in enumerate(examples):
        arrays = {m: a for m, a in example.arrays().items() if m in modalities}
        if not arrays:
            continue
        volumes = {m: torch.from_numpy(a)[None].to(device) for m, a in centred(arrays, recipe).items()}
        for endpoint, logits_BK in network(volumes).items():
            answers[endpoint][n] = network.log_odds(endpoint, logits_BK.float()).item()
            if not np.isfinite(answers[endpoint][n]):
                raise NumericsFault(f"the network's logit of {endpoint} for case {example.name} is not a finite number")
    network.train(was_training)
    return answers


def probabilities(log_odds_N: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of log odds, read at a temperature."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds_N / temperature, -500, 500))))


def truth(network: Network, endpoint: Endpoint, examples: Sequence[Example]) -> NDArray[np.bool_]:
    """Whether each case is positive for an endpoint; every case must have its label."""
    positive_class = network.head_of(endpoint).positive_class
    return np.array([example.labels[endpoint] == positive_class for example in examples])
