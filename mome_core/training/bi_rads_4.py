"""BI-RADS 4 findings: biopsies a model could spare, cancers it would miss, and what a decision by it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.calibration import Proportion
from mome_core.training.answers import Answers
from mome_core.training.calibrate import clopper_pearson, one_of_each_patient
from mome_core.training.curves import decision_band, decision_difference
from mome_core.training.levels import is_bi_rads_4
from mome_core.training.resampling import Band

_SENSITIVITY = 0.98  # of the operating point below which a BI-RADS 4 finding is downgraded


@dataclass(frozen=True, slots=True)
class _Downgrade:
    """The consequences of calling BI-RADS 4 findings below an operating point benign.

    Parameters
    ----------
    threshold
        The highest that keeps the sensitivity on the cases it was chosen on.
    kept
        Cancers of those cases that lie at or above it.
    spared
        Benign findings of the other cases below it: biopsies that would not be done.
    missed
        Malignant ones of the other cases below it.
    """

    threshold: float
    kept: Proportion
    spared: Proportion
    missed: Proportion


@dataclass(frozen=True, slots=True, eq=False)
class CategoryFour:
    """One model on the BI-RADS 4 findings of a set of cases.

    Parameters
    ----------
    spared, missed
        By threshold, each score once and the lowest first: share of the benign and of the malignant findings below it.
    downgrade
        At the operating point that was chosen on other cases; None where none was.
    decision, difference
        Net benefit of acting above each threshold probability, and that minus the net benefit of the model it is
        compared with (None for that model itself).
    """

    cases: int
    malignant: int
    spared: NDArray[np.float64]
    missed: NDArray[np.float64]
    downgrade: _Downgrade | None
    decision: Band
    difference: Band | None


def category_four(
    answers: Answers, downgraded: _Downgrade | None, reference: Answers | None, *, repeats: int = 1000, seed: int = 1
) -> CategoryFour | None:
    """What a model would change among BI-RADS 4 findings; None unless they hold both classes.

    Parameters
    ----------
    answers
        Of the BI-RADS 4 cases only.
    reference
        Another model's answers to the same cases.
    """
    if not answers.both_classes:
        return None
    draws, truth = answers.draws(repeats, seed), answers.truth
    spared, missed = trade_off(answers)
    return CategoryFour(
        cases=len(answers),
        malignant=int(truth.sum()),
        spared=spared,
        missed=missed,
        downgrade=downgraded,
        decision=decision_band(truth, answers.probability, draws),
        difference=decision_difference(truth, answers.probability, reference.probability, draws) if reference else None,
    )


def trade_off(answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(share of the benign cases, share of the malignant ones) below each score, lowest first, and above them all."""
    levels = np.r_[np.unique(answers.probability), np.inf]
    below = answers.probability[:, None] < levels
    return below[~answers.truth].mean(axis=0), below[answers.truth].mean(axis=0)


def bi_rads_4(values: Sequence[str]) -> NDArray[np.bool_]:
    """Which cases were called BI-RADS 4, with or without a letter."""
    return np.array([is_bi_rads_4(value) for value in values], bool)


def choose_downgrade(chosen: Answers, others: Answers, sensitivity: float = _SENSITIVITY) -> _Downgrade | None:
    """The highest threshold that keeps a sensitivity on some BI-RADS 4 cases, and what it does to others.

    At most one benign and one malignant case of each patient is counted: exact intervals need independent cases.
    None where none of the first is malignant, or there are no others.
    """
    chosen, others = (each.of(one_of_each_patient(each.patients, each.truth)) for each in (chosen, others))
    malignant = np.sort(chosen.probability[chosen.truth])
    if not malignant.size or not len(others):
        return None
    threshold = float(malignant[int(np.floor((1 - sensitivity) * malignant.size))])
    below = others.probability < threshold
    return _Downgrade(
        threshold, _share_of(malignant >= threshold), _share_of(below[~others.truth]), _share_of(below[others.truth])
    )


def _share_of(which: NDArray[np.bool_]) -> Proportion:
    """How many of these are true, with the exact interval."""
    return clopper_pearson(int(which.sum()), len(which))
