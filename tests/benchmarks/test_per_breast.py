"""The benchmark of breasts against patients: which cases are whose, what is measured, and what it judges."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.per_breast import AnsweredCases, figures_of, holds, side_of_lesion
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec
from mome_core.results import Laterality

PATIENTS = tuple(f"phantom {n}" for n in range(20))
MALIGNANT = np.arange(20) % 2 == 0


def patients(noise: float) -> AnsweredCases:
    log_odds = MALIGNANT + noise * np.random.default_rng(1).normal(size=20)
    return AnsweredCases(PATIENTS, (None,) * 20, MALIGNANT, log_odds)


def breasts(noise: float) -> AnsweredCases:
    """The left breast of every malignant patient has the lesion."""
    truth = np.repeat(MALIGNANT, 2) & np.tile([True, False], 20)
    log_odds = truth + noise * np.random.default_rng(2).normal(size=40)
    sides = (Laterality.LEFT, Laterality.RIGHT) * 20
    return AnsweredCases(tuple(np.repeat(PATIENTS, 2)), sides, truth, log_odds)


def test_breasts_told_apart_hold_and_breasts_mixed_up_do_not() -> None:
    good = figures_of(patients(0.1), breasts(0.1))
    assert good["AUROC of breasts"].value == good["AUROC of patients by their worse breast"].value == 1.0
    assert good["malignant patients whose worse breast has the lesion"].value == 1.0 and holds(good)
    poor = figures_of(patients(0.1), breasts(5.0))
    assert not holds(poor) and poor["AUROC of breasts minus that of patients"].value < -0.02


@pytest.mark.parametrize("seed", [3, 4, 5, 6])
def test_the_breast_that_is_said_to_bear_the_lesion_does(seed: int) -> None:
    spec = PhantomSpec(seed=seed, lesion=Lesion.MALIGNANT)
    truth = simulate(spec).truth
    in_left = bool((truth.lesion & truth.left).any())
    assert side_of_lesion(spec) is (Laterality.LEFT if in_left else Laterality.RIGHT)
