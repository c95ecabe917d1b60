"""The table of patients: counts and quartiles by class and set, with the p-values that statistics packages give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mome_core.training.characteristics import Quartiles, characteristics


def patients(ages: list[str], sites: list[str], truth: list[int]) -> tuple[list[dict[str, str]], np.ndarray]:
    rows = [{"age": age, "site": site} for age, site in zip(ages, sites, strict=True)]
    return rows, np.array(truth, bool)


def test_a_number_is_told_by_quartiles_and_tested_by_ranks() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(60) % 2
    ages = [f"{each:.1f}" for each in rng.normal(50 + 8 * truth, 9)]
    (age,) = characteristics(["age"], [patients(["", *ages[1:]], [""] * 60, list(truth))])
    negative = [float(age) for age, yes in zip(ages, truth, strict=True) if not yes][1:]
    positive = [float(age) for age, yes in zip(ages, truth, strict=True) if yes]
    first = age.groups[0][0]
    assert isinstance(first, Quartiles) and first.known == 29
    assert first.median == pytest.approx(np.median(negative))
    assert age.p_by_class[0] == pytest.approx(stats.mannwhitneyu(negative, positive).pvalue)
    assert np.isnan(age.p_between_sets)


def test_levels_are_counted_and_tested_by_chi_squared() -> None:
    truth = [0] * 50 + [1] * 50
    sites = ["north"] * 30 + ["south"] * 20 + ["north"] * 15 + ["south"] * 35
    (site,) = characteristics(["site"], [patients([""] * 100, sites, truth)])
    assert site.groups == (({"north": 30, "south": 20}, {"north": 15, "south": 35}),)
    expected = stats.chi2_contingency([[30, 20], [15, 35]], correction=False).pvalue
    assert site.p_by_class[0] == pytest.approx(expected)


def test_rare_levels_are_tested_by_fisher() -> None:
    sites = ["north"] * 9 + ["south"] + ["north"] * 4 + ["south"] * 6
    (site,) = characteristics(["site"], [patients([""] * 20, sites, [0] * 10 + [1] * 10)])
    assert site.p_by_class[0] == pytest.approx(stats.fisher_exact([[9, 1], [4, 6]]).pvalue)


def test_three_rare_levels_are_tested_too_and_give_the_same_twice() -> None:
    sites = (["a"] * 6 + ["b"] * 3 + ["c"]) + (["a"] * 2 + ["b"] * 2 + ["c"] * 6)
    first, again = (characteristics(["site"], [patients([""] * 20, sites, [0] * 10 + [1] * 10)])[0] for _ in range(2))
    assert 0.01 < first.p_by_class[0] < 0.2 and first.p_by_class == again.p_by_class


def test_sets_are_compared_and_a_column_that_cannot_differ_has_no_p() -> None:
    one = patients(["40"] * 10 + ["41"] * 10, ["north"] * 20, [0, 1] * 10)
    two = patients(["60"] * 10 + ["61"] * 10, ["north"] * 20, [0, 1] * 10)
    age, site = characteristics(["age", "site", "absent"], [one, two])
    assert age.p_between_sets < 0.001 and len(age.p_by_class) == 2
    assert np.isnan(site.p_between_sets) and np.isnan(site.p_by_class[0])


def test_where_a_patient_has_two_cases_there_is_no_p() -> None:
    """The tests take cases for independent; what is counted stays."""
    one = patients(["40"] * 10 + ["41"] * 10, ["north"] * 15 + ["south"] * 5, [0] * 10 + [1] * 10)
    two = patients(["60"] * 20, ["south"] * 20, [0, 1] * 10)
    tested = characteristics(["age", "site"], [one, two])
    untested = characteristics(["age", "site"], [one, two], independent=False)
    assert [row.groups for row in untested] == [row.groups for row in tested]
    assert all(row.p_between_sets < 0.05 for row in tested)
    assert all(np.isnan([*row.p_by_class, row.p_between_sets]).all() for row in untested)


def test_a_column_of_names_is_no_characteristic() -> None:
    sites = [f"clinic {n}" for n in range(20)]
    assert characteristics(["site"], [patients([""] * 20, sites, [0, 1] * 10)]) == []
