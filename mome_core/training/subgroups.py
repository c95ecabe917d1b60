"""Groups of patients as the paper shows them: AUROC, AUPRC, sensitivity and specificity, and the cases behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mome_core.training.answers import Answers
from mome_core.training.levels import group_of, in_order
from mome_core.training.metrics import auroc, average_precision, call_metrics
from mome_core.training.resampling import resample
from mome_core.training.statistics import Interval

_FEWEST = 5  # cases of each class for which a group is measured
SUBGROUP_FIGURES = ("auroc", "auprc", "sensitivity", "specificity")


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The cases that one column of the manifest calls alike; no figures where a class has fewer than five of them."""

    column: str
    value: str
    cases: int
    positive: int
    figures: Mapping[str, Interval]


def by_group(
    answers: Answers, columns: Mapping[str, Sequence[str]], *, repeats: int = 1000, seed: int = 1
) -> list[Subgroup]:
    """Every value of every column, in the columns' order; a column that calls all cases alike is left out.

    Parameters
    ----------
    columns
        By name, the manifest's value for each case; empty where it does not say. Values are grouped by `group_of`.
    """
    found = []
    for column, given in columns.items():
        values = [group_of(column, value) for value in given]
        distinct = in_order(values)
        if len(distinct) < 2:
            continue
        for value in distinct:
            inside = np.array([each == value for each in values]) & answers.answered
            found.append(_measured(answers.of(inside), column, value, repeats, seed))
    return found


def _measured(group: Answers, column: str, value: str, repeats: int, seed: int) -> Subgroup:
    """The figures of one group's cases."""
    positive = int(group.truth.sum())
    if min(positive, len(group) - positive) < _FEWEST:
        return Subgroup(column, value, len(group), positive, {})
    resampled = resample(
        lambda i: {
            "auroc": auroc(group.truth[i], group.probability[i]),
            "auprc": average_precision(group.truth[i], group.probability[i]),
            **call_metrics(group.truth[i], group.called[i]),
        },
        len(group),
        group.draws(repeats, seed),
    )
    return Subgroup(column, value, len(group), positive, {n: resampled.interval(n) for n in SUBGROUP_FIGURES})
