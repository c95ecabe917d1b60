"""Who teaches, who chooses, who is kept for the end: patients whole, classes spread, nobody on two sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.results import Endpoint
from mome_core.training.cohort import Split
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.folds import Folding, assign_folds, partition
from mome_core.training.questions import heads_named

MALIGNANCY = heads_named(["malignancy"])


def example(name: str, patient: str, **labels: int) -> Example:
    of = {Endpoint(endpoint): label for endpoint, label in labels.items()}
    return Example(name, patient, of, Path(name), InputFacts.of_modalities([Modality.T2]))


def cohort(count: int) -> list[Example]:
    """Two studies of every third patient."""
    return [example(str(n), f"p{n // 2 if n % 3 else n}", malignancy=int(n % 5 < 2)) for n in range(count)]


def test_no_patient_is_in_two_folds_and_the_classes_are_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    patients = [f"p{n // 2 if n % 3 else n}" for n in range(300)]
    labels = [int(rng.random() < 0.3) for _ in patients]
    strata = [[label] for label in labels]
    folds = assign_folds(patients, strata, 5, seed=1)
    assert all(len({f for f, p in zip(folds, patients, strict=True) if p == patient}) == 1 for patient in set(patients))
    shares = [np.mean([label for label, f in zip(labels, folds, strict=True) if f == n]) for n in range(5)]
    assert max(shares) - min(shares) < 0.04
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 4
    assert assign_folds(patients, strata, 5, seed=1) == folds
    assert assign_folds(patients, strata, 5, seed=2) != folds


def test_folds_that_cannot_be_filled_are_refused() -> None:
    with pytest.raises(TrainingRefused, match="same label"):
        assign_folds(["a", "b", "c"], [[1], [1], [1]], 2, seed=1)
    with pytest.raises(TrainingRefused, match=r"malignancy 1: 2 patient\(s\) cannot fill 3 folds"):
        assign_folds(["a", "b", "c", "d", "e"], [["malignancy 1"]] * 2 + [["malignancy 0"]] * 3, 3, seed=1)


def test_each_case_is_held_out_once_and_then_has_neither_taught_nor_chosen() -> None:
    cases, held = cohort(100), []
    for fold in range(5):
        sides = partition(cases, [None] * len(cases), MALIGNANCY, Folding(), fold)
        names = [{each.name for each in side} for side in (sides.training, sides.validation, sides.held_out)]
        assert sum(map(len, names)) == len(cases) == len(set.union(*names))
        patients = [{each.patient for each in side} for side in (sides.training, sides.validation, sides.held_out)]
        assert not any(a & b for n, a in enumerate(patients) for b in patients[n + 1 :])
        for side in (sides.training, sides.validation, sides.held_out):
            assert 0.25 < np.mean([each.labels[Endpoint.MALIGNANCY] for each in side]) < 0.55
        held += sorted(names[2])
    assert sorted(held) == sorted(each.name for each in cases)


def test_classes_of_several_endpoints_are_spread_together() -> None:
    labels = [(n % 2, None if n % 2 == 0 else (n // 2) % 3 == 0) for n in range(120)]
    cases = [
        example(str(n), f"p{n}", malignancy=first) if second is None
        else example(str(n), f"p{n}", malignancy=first, triple_negative=int(second))
        for n, (first, second) in enumerate(labels)
    ]  # fmt: skip
    both = heads_named(["malignancy", "triple_negative"])
    for fold in range(5):
        held = partition(cases, [None] * 120, both, Folding(), fold).held_out
        assert sum(each.labels.get(Endpoint.TRIPLE_NEGATIVE, 0) for each in held) == 4
        assert abs(sum(each.labels[Endpoint.MALIGNANCY] for each in held) - 12) <= 1


def test_the_splits_of_a_manifest_are_obeyed_and_test_cases_are_left_alone() -> None:
    cases = [example(str(n), f"p{n}", malignancy=n % 2) for n in range(3)]
    splits = [Split.TRAINING, Split.TEST, Split.VALIDATION]
    sides = partition(cases, splits, MALIGNANCY, Folding(), 0)
    assert (sides.training, sides.validation, sides.held_out) == ((cases[0],), (cases[2],), ())
    with pytest.raises(TrainingRefused, match=r"1 case\(s\) have no split"):
        partition(cases, [None, Split.TEST, Split.TRAINING], MALIGNANCY, Folding(), 0)


def test_a_case_without_label_is_on_no_side_whatever_the_manifest_says() -> None:
    cases = [example("0", "p0", malignancy=1), example("1", "p1", malignancy=0), example("unlabelled", "q")]
    sides = partition(cases, [Split.TRAINING, Split.VALIDATION, Split.TRAINING], MALIGNANCY, Folding(), 0)
    assert (sides.training, sides.validation) == ((cases[0],), (cases[1],))


def test_leaving_cases_out_moves_no_other_to_another_side() -> None:
    cases = cohort(100)
    whole = partition(cases, [None] * 100, MALIGNANCY, Folding(), 0)
    some = whole.only(cases[:60])
    names = {each.name for each in cases[:60]}
    for side, all_of_it in (
        (some.training, whole.training),
        (some.validation, whole.validation),
        (some.held_out, whole.held_out),
    ):
        assert side == tuple(each for each in all_of_it if each.name in names)


def test_a_fold_that_is_not_there_and_cases_without_labels() -> None:
    cases = [*cohort(50), example("unlabelled", "q")]
    with pytest.raises(TrainingRefused, match="fold 6 of 5"):
        partition(cases, [None] * 51, MALIGNANCY, Folding(), 5)
    sides = partition(cases, [None] * 51, MALIGNANCY, Folding(), 0)
    assert "unlabelled" not in {each.name for each in (*sides.training, *sides.validation, *sides.held_out)}
