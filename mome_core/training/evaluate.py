"""How good a model is on cases it has not seen, how sure that is, and whether another one is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.calibration import COALITIONS, Coalition, coalition_name
from mome_core.case import Modality
from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.results import Endpoint
from mome_core.scoring import pooled
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import all_metrics, auroc
from mome_core.training.predict import answer_cases, truth
from mome_core.training.statistics import Comparison, Interval, bootstrap, delong, paired_bootstrap

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One endpoint of one model on one set of cases.

    Parameters
    ----------
    probability
        Of each case, by the model's estimator.
    coalitions
        Of each case, from every subset of the modalities that it has.
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
    coalitions: tuple[Mapping[Coalition, float], ...]
    threshold: float
    figures: dict[str, Interval]
    subsets: dict[str, float]


def evaluate(
    checkpoint: AnyCheckpoint,
    examples: Sequence[Example],
    endpoint: Endpoint,
    *,
    repeats: int = 1000,
    seed: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Evaluation:
    """Every figure of the labelled cases with its 95 % interval by a bootstrap over patients."""
    labelled = tuple(example for example in examples if endpoint in example.labels)
    if endpoint not in checkpoint.endpoints:
        raise TrainingRefused(f"the model {checkpoint.identity.name} does not answer {endpoint}")
    if not labelled:
        raise TrainingRefused(f"none of the {len(examples)} cases has a label of {endpoint}")
    positive = truth(checkpoint.network, endpoint, labelled)
    answers = score_coalitions(checkpoint, labelled, endpoint, progress)
    scores = np.array([answer[frozenset(e.modalities)] for answer, e in zip(answers, labelled, strict=True)])
    threshold = checkpoint.calibrations(endpoint).of(Modality).threshold
    figures = bootstrap(
        lambda chosen: all_metrics(positive[chosen], scores[chosen], threshold),
        [example.patient for example in labelled],
        repeats=repeats,
        seed=seed,
    )
    subsets = {coalition_name(s): found for s in COALITIONS[:-1] if (found := subset_auroc(positive, answers, s))}
    return Evaluation(endpoint, labelled, positive, scores, answers, threshold, figures, subsets)


def score_coalitions(
    checkpoint: AnyCheckpoint,
    examples: Sequence[Example],
    endpoint: Endpoint,
    progress: Callable[[str], None] = lambda name: None,
) -> tuple[Mapping[Coalition, float], ...]:
    """Calibrated probability of each case from every subset of the modalities that it has; nothing is withheld here."""
    answers = answer_cases(
        checkpoint.network,
        examples,
        checkpoint.recipe,
        checkpoint.estimator,
        every_coalition=True,
        progress=progress,
    )
    calibrations = checkpoint.calibrations(endpoint)
    return tuple(calibrations.probabilities(pooled(each, endpoint, checkpoint.estimator)) for each in answers)


def scored(checkpoint: AnyCheckpoint, examples: Sequence[Example], endpoint: Endpoint) -> Scores:
    """Probability of each case as the node computes it; nothing is withheld here."""
    answers = answer_cases(checkpoint.network, examples, checkpoint.recipe, checkpoint.estimator)
    calibrations = checkpoint.calibrations(endpoint)
    found = [calibrations.probabilities(pooled(each, endpoint, checkpoint.estimator)) for each in answers]
    return np.array([next(iter(each.values())) for each in found])


def subset_auroc(
    positive: NDArray[np.bool_], answers: Sequence[Mapping[Coalition, float]], coalition: Coalition
) -> float | None:
    """AUROC from these modalities alone; None where too few cases have them to tell."""
    having = [n for n, answer in enumerate(answers) if coalition in answer]
    labels = positive[having]
    if labels.all() or not labels.any():
        return None
    return auroc(labels, [answers[n][coalition] for n in having])


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
