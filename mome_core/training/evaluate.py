"""How good a model is on cases it has not seen, how sure that is, and whether another one is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.model.checkpoint import Checkpoint
from mome_core.results import Endpoint
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import all_metrics, auroc
from mome_core.training.predict import log_odds, probabilities, truth
from mome_core.training.statistics import Comparison, Interval, bootstrap, delong, paired_bootstrap

Scores = NDArray[np.float64]
_SUBSETS: tuple[tuple[Modality, ...], ...] = (
    (Modality.DCE,),
    (Modality.T2,),
    (Modality.DWI,),
    (Modality.DCE, Modality.DWI),
    (Modality.DCE, Modality.T2),
    (Modality.DWI, Modality.T2),
)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One endpoint of one model on one set of cases.

    Parameters
    ----------
    probability
        Of each case, without augmentation.
    truth
        Whether it is positive.
    figures
        Each with its interval.
    subsets
        AUROC when only these modalities are given (cases that have them all).
    """

    endpoint: Endpoint
    examples: tuple[Example, ...]
    truth: NDArray[np.bool_]
    probability: Scores
    threshold: float
    figures: dict[str, Interval]
    subsets: dict[str, float]


def evaluate(
    checkpoint: Checkpoint, examples: Sequence[Example], endpoint: Endpoint, *, repeats: int = 1000, seed: int = 1
) -> Evaluation:
    """Every figure of the labelled cases with its 95 % interval by a bootstrap over patients."""
    labelled = tuple(example for example in examples if endpoint in example.labels)
    point = checkpoint.endpoints.get(endpoint)
    if point is None:
        raise TrainingRefused(f"the model {checkpoint.identity.name} does not answer {endpoint}")
    if not labelled:
        raise TrainingRefused(f"none of the {len(examples)} cases has a label of {endpoint}")
    positive = truth(checkpoint.network, endpoint, labelled)
    scores = scored(checkpoint, labelled, endpoint)
    figures = bootstrap(
        lambda chosen: all_metrics(positive[chosen], scores[chosen], point.threshold),
        [example.patient for example in labelled],
        repeats=repeats,
        seed=seed,
    )
    subsets = {"+".join(s): measured for s in _SUBSETS if (measured := subset_auroc(checkpoint, labelled, endpoint, s))}
    return Evaluation(endpoint, labelled, positive, scores, point.threshold, figures, subsets)


def scored(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    endpoint: Endpoint,
    modalities: Sequence[Modality] = tuple(Modality),
) -> Scores:
    """Probability of each case."""
    answers = log_odds(checkpoint.network, examples, checkpoint.recipe, modalities)
    return probabilities(answers[endpoint], checkpoint.endpoints[endpoint].temperature)


def subset_auroc(
    checkpoint: Checkpoint, examples: Sequence[Example], endpoint: Endpoint, modalities: tuple[Modality, ...]
) -> float | None:
    """AUROC from these modalities alone; None where too few cases have them to tell."""
    having = [example for example in examples if set(modalities) <= set(example.modalities)]
    positive = truth(checkpoint.network, endpoint, having) if having else np.zeros(0, bool)
    if positive.all() or not positive.any():
        return None
    return auroc(positive, scored(checkpoint, having, endpoint, modalities))


def compare(first: Evaluation, second: Evaluation, *, repeats: int = 1000, seed: int = 1) -> dict[str, Comparison]:
    """Two models on the same cases: AUROC by DeLong and by a paired bootstrap over patients.

    DeLong takes cases for independent: with several cases of a patient only the bootstrap is given.
    """
    if first.examples != second.examples:
        raise TrainingRefused("two models are compared on the same cases only")
    patients = [example.patient for example in first.examples]
    by_draws = auroc_difference(
        first.truth, first.probability, second.probability, patients, repeats=repeats, seed=seed
    )
    if len(set(patients)) < len(patients):
        return {"bootstrap": by_draws}
    return {"bootstrap": by_draws, "delong": delong(first.truth, first.probability, second.probability)}


def auroc_difference(
    positive: NDArray[np.bool_],
    first: Scores,
    second: Scores,
    patients: Sequence[str],
    *,
    repeats: int = 1000,
    seed: int = 1,
) -> Comparison:
    """AUROC of two lists of scores of the same cases, by the same draws of patients."""
    return paired_bootstrap(
        lambda i: (auroc(positive[i], first[i]), auroc(positive[i], second[i])), patients, repeats=repeats, seed=seed
    )
