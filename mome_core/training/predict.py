"""A network's answers to prepared cases: by the estimator of its bundle, and quickly while it is being trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mome_core.calibration import coalitions_within
from mome_core.case import Modality
from mome_core.compute import device_of, reproducible
from mome_core.errors import NumericsFault
from mome_core.estimator import Estimator
from mome_core.model.network import Network
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.scoring import VersionLogOdds, version_log_odds
from mome_core.training.augment import centred
from mome_core.training.dataset import Example

_Predictions = dict[Endpoint, NDArray[np.float64]]


@torch.no_grad()
def centred_log_odds(network: Network, examples: Sequence[Example], recipe: Recipe) -> _Predictions:
    """Logit of each endpoint's probability for each case, padded in the centre, not mirrored: one quick pass.

    For choosing an epoch while a network is trained, and for nothing that is printed of a model: its score is another
    number, the estimator's. The network is left in the mode (training or evaluation) that it was in.
    """
    was_training = network.training
    network.eval()
    device = device_of(network)
    answers: _Predictions = {head.endpoint: np.full(len(examples), np.nan) for head in network.answers}
    for n, example in enumerate(examples):
        volumes = {m: torch.from_numpy(a)[None].to(device) for m, a in centred(example.arrays(), recipe).items()}
        for endpoint, logits_BK in network({m: volumes[m] for m in network.architecture.usable(volumes)}).items():
            answers[endpoint][n] = network.log_odds(endpoint, logits_BK.float()).item()
            if not np.isfinite(answers[endpoint][n]):
                raise NumericsFault(f"the network's logit of {endpoint} for case {example.name} is not a finite number")
    network.train(was_training)
    return answers


def answer_cases(
    network: Network,
    examples: Sequence[Example],
    recipe: Recipe,
    estimator: Estimator,
    *,
    every_coalition: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> list[VersionLogOdds]:
    """Log odds of every version of each case, as the node computes them; the network is put into evaluation mode.

    Parameters
    ----------
    every_coalition
        Of every subset of the modalities that a case has, else of all together. A subset is answered as the node
        answers a study that has no more: without DCE the breasts are found on the T2, which crops it otherwise.
    progress
        Called with the name of each case that is answered.
    """
    network.eval()
    answers = []
    with reproducible():
        for example in examples:
            if every_coalition:
                answers.append(_of_every_coalition(network, example, recipe, estimator))
            else:
                answers.append(version_log_odds(network, example.arrays(), recipe, estimator))
            progress(example.name)
    return answers


def _of_every_coalition(network: Network, example: Example, recipe: Recipe, estimator: Estimator) -> VersionLogOdds:
    """Of the whole case, of all that keeps the DCE, and of what is left where there is none."""
    found: VersionLogOdds = {}
    arrays, rest = example.arrays(), example.arrays_without_dce()
    if with_dce := [each for each in coalitions_within(arrays) if Modality.DCE in each]:
        found |= version_log_odds(network, arrays, recipe, estimator, coalitions=with_dce)
    if rest:
        found |= version_log_odds(network, rest, recipe, estimator, coalitions=coalitions_within(rest))
    return found


def truth(network: Network, endpoint: Endpoint, examples: Sequence[Example]) -> NDArray[np.bool_]:
    """Whether each case is positive for an endpoint that the network answers; every case must have its label."""
    network.head_of(endpoint)
    return np.array([example.labels[endpoint] == 1 for example in examples])
