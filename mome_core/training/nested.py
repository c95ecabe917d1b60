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

from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.results import Endpoint
from mome_core.scoring import pooled
from mome_core.training.answers import Answers, answers_of
from mome_core.training.dataset import Example
from mome_core.training.metrics import all_metrics, call_metrics
from mome_core.training.predict import answer_cases, truth
from mome_core.training.questions import with_target
from mome_core.training.statistics import Interval, bootstrap
from mome_core.training.withheld import withheld_by_images

_RANKINGS = ("auroc", "auprc", "partial_auroc_specificity_90", "partial_auroc_sensitivity_90", "brier", "ece")


@dataclass(frozen=True, slots=True, eq=False)
class FoldScores:
    """One endpoint on one outer fold, scored by the model that saw none of it.

    Parameters
    ----------
    answers
        Calibrated, and called at the point that was chosen, by that model's own validation cases.
    training_cases
        That gave the model its weights, without those that chose.
    unanswered
        Cases of the fold that are in no figure, because their images withhold the score in the node.
    """

    answers: Answers
    training_cases: int
    unanswered: int = 0

    @property
    def cases(self) -> int:
        """All cases of the fold that have the endpoint's label."""
        return len(self.answers) + self.unanswered

    @property
    def withheld(self) -> int:
        """Cases that the node would give no call for."""
        return self.unanswered + int((~self.answers.answered).sum())

    def figures(self) -> dict[str, float]:
        """Rankings on all answers, figures of calls on those with a call; none of what one class alone cannot tell.

        A score that the fold's calibration withholds is ranked all the same: what the protocol is worth is asked here,
        and the node would be silent wherever it is worth little.
        """
        if not self.answers.both_classes:
            return {}
        truth, said = self.answers.truth, self.answers.answered
        ranked = all_metrics(truth, self.answers.probability, 0.5)
        calls = call_metrics(truth[said], self.answers.called[said]) if said.any() else {}
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
    """What a model says of the fold that was held out, as the node would say it.

    The network is not asked about a case whose images withhold the score. `progress` gets the name of each that it is.
    """
    network, estimator = checkpoint.network, checkpoint.estimator
    asked = [each for each in cases if withheld_by_images(checkpoint, each) is None]
    answers = answer_cases(network, asked, checkpoint.recipe, estimator, progress=progress)
    found = {}
    for head in network.answers:
        known = with_target(head, asked)
        calibrations = checkpoint.calibrations(head.endpoint)
        pairs = [pair for n in known for pair in pooled(answers[n], head.endpoint, estimator).items()]
        said = answers_of(
            calibrations,
            [asked[n].patient for n in known],
            truth(network, head.endpoint, [asked[n] for n in known]),
            [coalition for coalition, _ in pairs],
            [calibrations.of(coalition).probability(value) for coalition, value in pairs],
        )
        found[head.endpoint] = FoldScores(said, training_cases, len(with_target(head, cases)) - len(known))
    return found


def cross_validated(folds: Sequence[FoldScores], *, repeats: int = 1000) -> CrossValidation:
    """Figures of each fold, over the folds, and over all cases; thresholds differ, so none of the pooled needs one."""
    by_fold = tuple(fold.figures() for fold in folds)
    share = sum(len(fold.answers) / fold.training_cases for fold in folds) / len(folds)
    measured = dict.fromkeys(name for figures in by_fold for name in figures)
    mean = {name: _mean_of([figures[name] for figures in by_fold if name in figures], share) for name in measured}
    truth = np.concatenate([fold.answers.truth for fold in folds])
    scores = np.concatenate([fold.answers.probability for fold in folds])

    def pooled_figures(indices: NDArray[np.int64]) -> dict[str, float]:
        figures = all_metrics(truth[indices], scores[indices], 0.5)
        return {name: figures[name] for name in _RANKINGS}

    patients = [patient for fold in folds for patient in fold.answers.patients]
    together = bootstrap(pooled_figures, patients, repeats=repeats) if measured else {}
    cases, withheld = sum(fold.cases for fold in folds), sum(fold.withheld for fold in folds)
    return CrossValidation(cases, withheld, by_fold, mean, together)


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
