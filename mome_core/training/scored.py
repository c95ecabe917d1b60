"""A model's answers to cases from every subset of their modalities, before anything is measured of them.

What the node would withhold is withheld here as well: a case whose modalities the bundle gives no score for has no
answer, and one without a call has none of the figures of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mome_core.calibration import COALITIONS, Coalition, withheld_words
from mome_core.case import Modality
from mome_core.explain.contribution import shapley_values
from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.results import Endpoint, ModelIdentity
from mome_core.scoring import pooled
from mome_core.training.answers import Answers, answers_of
from mome_core.training.dataset import Example
from mome_core.training.predict import answer_cases, truth
from mome_core.training.score_cache import pooled_log_odds
from mome_core.training.statistics import Interval
from mome_core.training.withheld import NoScore, scored_cases

_CALLED = ("sensitivity", "specificity")


@dataclass(frozen=True, slots=True)
class CoalitionFigures:
    """A model that is given these modalities only, on the cases that have them, at the coalition's own operating point.

    Parameters
    ----------
    figures
        AUROC, sensitivity, specificity; the latter two missing where the bundle gives no call.
    withheld
        Why there is no call; empty where there is.
    """

    modalities: tuple[Modality, ...]
    cases: int
    positive: int
    figures: Mapping[str, Interval]
    withheld: str


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCases:
    """One model on the labelled cases that it gives a score for.

    Parameters
    ----------
    probabilities
        Of each case, from every subset of its modalities that the model can answer from.
    withheld
        Of the labelled cases that are left out: why the node would show no score of each.
    """

    identity: ModelIdentity
    calibrations: EndpointCalibrations
    examples: tuple[Example, ...]
    truth: NDArray[np.bool_]
    probabilities: tuple[Mapping[Coalition, float], ...]
    withheld: tuple[NoScore, ...] = ()

    def of(self, chosen: Sequence[int]) -> ScoredCases:
        """The answers to some of the cases, in this order."""
        return ScoredCases(
            self.identity,
            self.calibrations,
            tuple(self.examples[n] for n in chosen),
            self.truth[list(chosen)],
            tuple(self.probabilities[n] for n in chosen),
            self.withheld,
        )

    def answers(self) -> Answers:
        """Scores and calls of the cases with all the modalities that each has."""
        keys = [frozenset(each.modalities) for each in self.examples]
        probability = [answer[key] for key, answer in zip(keys, self.probabilities, strict=True)]
        return answers_of(self.calibrations, [each.patient for each in self.examples], self.truth, keys, probability)

    def coalition_figures(self, *, repeats: int = 1000, seed: int = 1) -> tuple[CoalitionFigures, ...]:
        """Figures from every subset of the modalities that cases of both classes have, all of them first."""
        found = []
        for coalition in sorted(COALITIONS, key=len, reverse=True):
            having = [n for n, answer in enumerate(self.probabilities) if coalition in answer]
            patients = [self.examples[n].patient for n in having]
            values = [self.probabilities[n][coalition] for n in having]
            keys = [coalition] * len(having)
            answers = answers_of(self.calibrations, patients, self.truth[having], keys, values)
            if answers.both_classes:
                found.append(_figures_of(coalition, answers, self.calibrations, repeats, seed))
        return tuple(found)

    def contributions(self) -> dict[Modality, NDArray[np.float64]]:
        """Shapley value of each modality in each case, NaN where a case lacks it; none without a base rate to start at.

        A model that cannot answer from some subset of a case's modalities shares nothing out.
        """
        base_rate = self.calibrations.base_rate
        pairs = zip(self.probabilities, self.examples, strict=True)
        if base_rate is None or any(len(answer) < 2 ** len(each.modalities) - 1 for answer, each in pairs):
            return {}
        shares = [shapley_values(self.calibrations.worth(answer)) for answer in self.probabilities]
        found = {m: np.array([share.get(m, np.nan) for share in shares]) for m in Modality}
        return {modality: values for modality, values in found.items() if np.isfinite(values).any()}


def _figures_of(
    coalition: Coalition, answers: Answers, calibrations: EndpointCalibrations, repeats: int, seed: int
) -> CoalitionFigures:
    resampled = answers.figures(answers.draws(repeats, seed))
    withheld = withheld_words(calibrations.of(coalition))
    names = ("auroc",) if withheld else ("auroc", *_CALLED)
    return CoalitionFigures(
        tuple(m for m in Modality if m in coalition),
        len(answers),
        int(answers.truth.sum()),
        {name: resampled.interval(name) for name in names},
        withheld,
    )


def score_cases(
    checkpoint: AnyCheckpoint,
    examples: Sequence[Example],
    endpoint: Endpoint,
    *,
    every_coalition: bool = True,
    cache: Path | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> ScoredCases:
    """A model's answers to the cases that have a label, by its own estimator.

    It is not asked about those of which the node would show no score.

    Parameters
    ----------
    every_coalition
        From every subset of the modalities that a case has; else from all of them together.
    cache
        Folder of answers that were computed before; None computes all.
    progress
        Called with the name of each case that is answered.
    """
    cases = scored_cases(checkpoint, examples, endpoint)
    calibrations = checkpoint.calibrations(endpoint)
    probabilities = []
    for example in cases.shown:
        answers = pooled_log_odds(checkpoint, example, cache, every_coalition=every_coalition)
        probabilities.append(calibrations.probabilities(answers[endpoint]))
        progress(example.name)
    positive = truth(checkpoint.network, endpoint, cases.shown)
    return ScoredCases(checkpoint.identity, calibrations, cases.shown, positive, tuple(probabilities), cases.withheld)


def scored(checkpoint: AnyCheckpoint, examples: Sequence[Example], endpoint: Endpoint) -> NDArray[np.float64]:
    """Probability of each case as the node computes it; nothing is withheld here."""
    answers = answer_cases(checkpoint.network, examples, checkpoint.recipe, checkpoint.estimator)
    calibrations = checkpoint.calibrations(endpoint)
    found = [calibrations.probabilities(pooled(each, endpoint, checkpoint.estimator)) for each in answers]
    return np.array([next(iter(each.values())) for each in found])
