"""Who teaches, who chooses, and who is kept for the end: patients whole, classes spread evenly.

Nested: what is measured on a fold flatters nobody, because neither its weights nor the epoch, the calibration and the
operating point that are reported with it have seen the fold (Varma and Simon 2006; Cawley and Talbot 2010).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mome_core.model.architecture import Head
from mome_core.training.cohort import Split
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.questions import target_of, with_target

_Strata = Collection[Hashable]


@dataclass(frozen=True, slots=True)
class Folding:
    """How a cohort without splits is parted.

    Parameters
    ----------
    folds
        Outer folds: one of them is kept for the end.
    inner
        Parts of the rest, of which one chooses epoch, calibration and operating point.
    """

    folds: int = 5
    inner: int = 5
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Partition:
    """The sides of one training; no patient is on two of them.

    Parameters
    ----------
    training
        Give the weights.
    validation
        Choose epoch, calibration and operating point.
    held_out
        Scored once, by the finished model; empty where the manifest names the sides.
    """

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    held_out: tuple[Example, ...] = ()

    def only(self, examples: Collection[Example]) -> Partition:
        """The sides without the cases that are not among these."""
        names = {example.name for example in examples}
        sides = (self.training, self.validation, self.held_out)
        return Partition(*(tuple(example for example in side if example.name in names) for side in sides))


def partition(
    examples: Sequence[Example],
    splits: Sequence[Split | None],
    heads: Sequence[Head],
    folding: Folding,
    fold: int,
) -> Partition:
    """The sides that the manifest names, or with one outer fold held out and one inner part of the rest to choose by.

    Cases that no head can learn from, and test cases of the manifest, are on no side. TrainingRefused when
    some cases have a split and others none, or when folds cannot be filled.
    """
    known = sorted({n for head in heads for n in with_target(head, examples)})
    if any(splits):
        if not all(splits):
            raise TrainingRefused(f"{list(splits).count(None)} case(s) have no split: give every case one, or none")
        by_split = {side: tuple(examples[n] for n in known if splits[n] is side) for side in Split}
        return Partition(by_split[Split.TRAINING], by_split[Split.VALIDATION])
    if not 0 <= fold < folding.folds:
        raise TrainingRefused(f"fold {fold + 1} of {folding.folds} does not exist")
    rest, held_out = _parted([examples[n] for n in known], heads, folding.folds, fold, folding.seed)
    training, validation = _parted(rest, heads, folding.inner, 0, folding.seed + fold + 1)
    return Partition(training, validation, held_out)


def _parted(
    examples: Sequence[Example], heads: Sequence[Head], folds: int, fold: int, seed: int
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(all other folds, this one)."""
    strata = [
        [f"{head.endpoint} {target}" for head in heads if (target := target_of(head, example)) is not None]
        for example in examples
    ]
    of = assign_folds([example.patient for example in examples], strata, folds, seed)
    inside = tuple(e for e, n in zip(examples, of, strict=True) if n == fold)
    return tuple(e for e, n in zip(examples, of, strict=True) if n != fold), inside


def assign_folds(patients: Sequence[str], strata: Sequence[_Strata], folds: int, seed: int) -> list[int]:
    """Fold (0..folds-1) of each case: no patient in two folds, the strata spread as evenly as whole patients allow.

    Patients come in random order, those with most cases first; each goes where the cases of its strata are fewest.

    Parameters
    ----------
    strata
        Of each case, one for each endpoint that it has a label of.
    """
    _require_folds(patients, strata, folds)
    cases: dict[str, Counter[Hashable]] = {}
    for patient, of_case in zip(patients, strata, strict=True):
        cases.setdefault(patient, Counter()).update(of_case)
    shuffled = [sorted(cases)[i] for i in np.random.default_rng(seed).permutation(len(cases))]
    held: list[Counter[Hashable]] = [Counter() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    for patient in sorted(shuffled, key=lambda p: -cases[p].total()):
        load = [(sum(have[s] * n for s, n in cases[patient].items()), have.total()) for have in held]
        fold_of[patient] = load.index(min(load))
        held[fold_of[patient]].update(cases[patient])
    return [fold_of[patient] for patient in patients]


def _require_folds(patients: Sequence[str], strata: Sequence[_Strata], folds: int) -> None:
    """Raise TrainingRefused unless every stratum has a patient for every fold."""
    if folds < 2:
        raise TrainingRefused(f"cross-validation needs two folds or more, got {folds}")
    patients_of: dict[Hashable, set[str]] = {}
    for patient, of_case in zip(patients, strata, strict=True):
        for stratum in of_case:
            patients_of.setdefault(stratum, set()).add(patient)
    if len(patients_of) < 2:
        raise TrainingRefused(f"all {len(patients)} cases have the same label: there is nothing to learn")
    for stratum, members in patients_of.items():
        if len(members) < folds:
            raise TrainingRefused(
                f"{stratum}: {len(members)} patient(s) cannot fill {folds} folds; use fewer folds (--folds, or "
                "--inner-folds for the part that chooses), or add cases"
            )


def require_separate_patients(splits: Mapping[str, Sequence[Example]]) -> None:
    """Raise TrainingRefused when a split is empty, or a patient is in two of them."""
    seen: dict[str, str] = {}
    for split, examples in splits.items():
        if not examples:
            raise TrainingRefused(f"the {split} split has no case")
        for example in examples:
            if seen.setdefault(example.patient, split) != split:
                raise TrainingRefused(
                    f"the patient of case {example.name} is in the {seen[example.patient]} and the {split} split: "
                    "the score would measure memorisation; put all studies of a patient into one split"
                )
