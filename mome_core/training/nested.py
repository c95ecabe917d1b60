"""Cross-validation that flatters nobody: each outer fold is scored once, by a model that chose without it.

Figures are given as the paper gives them, mean and standard deviation over the folds. Folds share most of their
training cases, so their figures are not independent: the interval of the mean is that of Nadeau and Bengio (2003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mome_core.calibration import Call
from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.results import Endpoint
from mome_core.scoring import pooled
from mome_core.training.dataset import Example
from mome_core.training.metrics import all_metrics, call_metrics
from mome_core.training.predict import answer_cases, truth
from mome_core.training.questions import labelled
from mome_core.training.statistics import Interval, bootstrap

_RANKINGS = ("auroc", "auprc", "partial_auroc_specificity_90", "partial_auroc_sensitivity_90", "brier", "ece")


@dataclass(frozen=True, slots=True, eq=False)
class FoldScores:
    """One endpoint on one outer fold, scored by the model that saw none of it; an entry of each array for each case.

    Parameters
    ----------
    probability
        Calibrated by that model's own validation cases.
    called, answered
        Whether it is called positive at that model's own operating point; whether there is a call at all.
    training_cases
        That gave the model its weights, without those that chose.
    """

    truth: NDArray[np.bool_]
    probability: NDArray[np.float64]
    called: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    patients: tuple[str, ...]
    training_cases: int

    @property
    def withheld(self) -> int:
        """Cases that the node would give no call for."""
        return int((~self.answered).sum())

    def figures(self) -> dict[str, float]:
        """Rankings on all cases, figures of calls on those with a call; none of what one class alone cannot tell."""
        if self.truth.all() or not self.truth.any():
            return {}
        ranked = all_metrics(self.truth, self.probability, 0.5)
        said = self.answered
        calls = call_metrics(self.truth[said], self.called[said]) if said.any() else {}
        return {name: ranked[name] for name in _RANKINGS} | calls


@dataclass(frozen=True, slots=True)
class FoldMean:
    """A figure over the folds.

    Parameters
    ----------
    sd
        Standard deviation of the folds, with n - 1.
    low, high
        95 % interval of the mean, wide enough for folds that share training cases.
    """

    mean: float
    sd: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} +- {self.sd:.3f}"


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What a protocol is worth, from its outer folds.

    Parameters
    ----------
    cases, withheld
        In all folds; how many of them the node would give no call for.
    folds
        Every figure of each fold.
    mean
        Over the folds, by figure.
    pooled
        Over all cases together, each after the calibration of its own fold; their intervals are over patients and know
        nothing of training anew.
    """

    cases: int
    withheld: int
    folds: tuple[Mapping[str, float], ...]
    mean: Mapping[str, FoldMean]
    pooled: Mapping[str, Interval]


def fold_scores(
    checkpoint: AnyCheckpoint,
    cases: Sequence[Example],
    training_cases: int,
    progress: Callable[[str], None] = lambda name: None,
) -> dict[Endpoint, FoldScores]:
    """What a model says of the fold that was held out, as the node would say it; `progress` gets each case's name."""
    network, estimator = checkpoint.network, checkpoint.estimator
    answers = answer_cases(network, cases, checkpoint.recipe, estimator, progress=progress)
    found = {}
    for head in network.answers:
        known = labelled(head, cases)
        calibrations = checkpoint.calibrations(head.endpoint)
        probability, calls = [], []
        for ((coalition, value),) in (pooled(answers[n], head.endpoint, estimator).items() for n in known):
            probability.append(calibrations.of(coalition).probability(value))
            calls.append(calibrations.of(coalition).call(probability[-1]))
        found[head.endpoint] = FoldScores(
            truth(network, head.endpoint, [cases[n] for n in known]),
            np.array(probability),
            np.array([call is Call.POSITIVE for call in calls], bool),
            np.array([call is not Call.WITHHELD for call in calls], bool),
            tuple(cases[n].patient for n in known),
            training_cases,
        )
    return found


def cross_validated(folds: Sequence[FoldScores], *, repeats: int = 1000) -> CrossValidation:
    """Figures of each fold, over the folds, and over all cases; thresholds differ, so none of the pooled needs one."""
    by_fold = tuple(fold.figures() for fold in folds)
    share = sum(len(fold.truth) / fold.training_cases for fold in folds) / len(folds)
    measured = dict.fromkeys(name for figures in by_fold for name in figures)
    mean = {name: _mean_of([figures[name] for figures in by_fold if name in figures], share) for name in measured}
    truth = np.concatenate([fold.truth for fold in folds])
    scores = np.concatenate([fold.probability for fold in folds])

    def pooled_figures(indices: NDArray[np.int64]) -> dict[str, float]:
        figures = all_metrics(truth[indices], scores[indices], 0.5)
        return {name: figures[name] for name in _RANKINGS}

    together = bootstrap(pooled_figures, [patient for fold in folds for patient in fold.patients], repeats=repeats)
    return CrossValidation(len(truth), sum(fold.withheld for fold in folds), by_fold, mean, together)


def _mean_of(values: Sequence[float], test_share: float) -> FoldMean:
    """Mean and SD of the folds that have the figure, with the corrected resampled t interval.

    Parameters
    ----------
    test_share
        Cases of a fold over those that its model was trained on, by which the variance of the mean is too small.
    """
    known = np.array([value for value in values if np.isfinite(value)])
    if known.size < 2:
        only = float(known[0]) if known.size else float("nan")
        return FoldMean(only, float("nan"), float("nan"), float("nan"))
    sd = float(known.std(ddof=1))
    reach = float(student.ppf(0.975, known.size - 1)) * sd * float(np.sqrt(1 / known.size + test_share))
    return FoldMean(float(known.mean()), sd, float(known.mean()) - reach, float(known.mean()) + reach)
