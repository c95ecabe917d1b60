"""Who the patients of a study are: characteristics by class and set with p-values, and what became of every case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import MonteCarloMethod, chi2_contingency, fisher_exact, kruskal, mannwhitneyu

from mome_core.training.levels import in_order, is_number

_FEWEST_EXPECTED = 5.0  # cases of a cell below which chi-squared is not used (Cochran 1954)
_MOST_LEVELS = 12  # a column with more values than this is no characteristic but a name
_SEED = 1


@dataclass(frozen=True, slots=True)
class CohortFlow:
    """What became of every case of a set.

    Parameters
    ----------
    listed
        Rows of the manifest that the set names.
    excluded
        Cases that could not be prepared, by reason.
    unlabelled
        Prepared cases without a label of the endpoint.
    withheld
        By model and reason (its code), labelled cases that it gives no score for: what every model scores is measured.
    uncalled
        By model, measured cases that it scores and does not call.
    """

    listed: int
    excluded: Mapping[str, int]
    unlabelled: int
    withheld: Mapping[str, Mapping[str, int]]
    measured: int
    positive: int
    uncalled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Median and quartiles of those whose number is known."""

    known: int
    lower: float
    median: float
    upper: float


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One column of the manifests, by set and class.

    Parameters
    ----------
    groups
        For each set its negative and its positive cases: quartiles of a number, counts of each level otherwise.
    p_by_class
        For each set, p-value of no difference between negative and positive cases; NaN where it cannot be tested.
    p_between_sets
        p-value of no difference between the sets; NaN with one set.
    """

    column: str
    levels: tuple[str, ...]
    groups: tuple[tuple[Quartiles | Mapping[str, int], ...], ...]
    p_by_class: tuple[float, ...]
    p_between_sets: float


def characteristics(
    columns: Sequence[str],
    sets: Sequence[tuple[Sequence[Mapping[str, str]], NDArray[np.bool_]]],
    *,
    independent: bool = True,
) -> list[Characteristic]:
    """Every column that any case fills, as a table of patients (Mann-Whitney, Kruskal-Wallis, chi-squared, Fisher).

    Parameters
    ----------
    sets
        For each, the manifest's columns of every case and whether the case is positive.
    independent
        Whether each case of a set is a patient of its own; otherwise no p-value holds, and all are NaN.
    """
    found = []
    for column in columns:
        values = [([facts.get(column, "") for facts in cases], truth) for cases, truth in sets]
        filled = in_order(value for of_set, _ in values for value in of_set)
        if not filled:
            continue
        if column == "age" and all(is_number(value) for value in filled):
            found.append(_of_numbers(column, values))
        elif len(filled) <= _MOST_LEVELS:
            found.append(_of_levels(column, tuple(filled), values))
    return found if independent else [_untested(each) for each in found]


def _untested(row: Characteristic) -> Characteristic:
    """Without p-values: the tests take cases for independent, and the breasts of a patient are not."""
    return replace(row, p_by_class=(float("nan"),) * len(row.p_by_class), p_between_sets=float("nan"))


_Values = Sequence[tuple[Sequence[str], NDArray[np.bool_]]]


def _of_numbers(column: str, sets: _Values) -> Characteristic:
    """Quartiles, and tests on ranks."""
    parts = []
    for values, truth in sets:
        numbers = np.array([float(value) if value else np.nan for value in values])
        known = np.isfinite(numbers)
        parts.append((numbers[known & ~truth], numbers[known & truth]))
    groups = tuple(tuple(_quartiles(part) for part in both) for both in parts)
    by_class = tuple(_p_of_ranks(list(both)) for both in parts)
    between = _p_of_ranks([np.concatenate(both) for both in parts])
    return Characteristic(column, (), groups, by_class, between)


def _quartiles(numbers: NDArray[np.float64]) -> Quartiles:
    lower, median, upper = np.percentile(numbers, (25, 50, 75)) if numbers.size else (np.nan,) * 3
    return Quartiles(len(numbers), float(lower), float(median), float(upper))


def _p_of_ranks(groups: Sequence[NDArray[np.float64]]) -> float:
    """Mann-Whitney for two groups, Kruskal-Wallis for more; NaN where a group is empty or all are equal."""
    if len(groups) < 2 or min(len(each) for each in groups) == 0 or len(np.unique(np.concatenate(groups))) < 2:
        return float("nan")
    if len(groups) == 2:
        return float(mannwhitneyu(groups[0], groups[1]).pvalue)
    return float(kruskal(*groups).pvalue)


def _of_levels(column: str, levels: tuple[str, ...], sets: _Values) -> Characteristic:
    """Counts of each level, and tests on the table of them."""
    groups = []
    for values, truth in sets:
        sides = [Counter(v for v, yes in zip(values, truth, strict=True) if v and yes == side) for side in (0, 1)]
        groups.append(tuple({level: side[level] for level in levels} for side in sides))
    by_class = tuple(_p_of_counts([list(side.values()) for side in both]) for both in groups)
    totals = [[negative[level] + positive[level] for level in levels] for negative, positive in groups]
    return Characteristic(column, levels, tuple(groups), by_class, _p_of_counts(totals))


def _p_of_counts(rows: Sequence[Sequence[int]]) -> float:
    """Chi-squared, or Fisher's exact test where a cell would expect fewer than five; NaN of one row or column."""
    table = np.array(rows)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return float("nan")
    if np.outer(table.sum(axis=1), table.sum(axis=0)).min() / table.sum() >= _FEWEST_EXPECTED:
        return float(chi2_contingency(table, correction=False).pvalue)
    if table.shape == (2, 2):
        return float(fisher_exact(table).pvalue)
    return float(fisher_exact(table, method=MonteCarloMethod(rng=np.random.default_rng(_SEED))).pvalue)
