"""Subsets of the modalities, and what each contributes by class."""

from __future__ import annotations

import numpy as np
import pytest

from measured_models import measured
from mome_core.case import Modality
from mome_core.training.measured import Measured
from mome_core.training.report.modalities import coalitions, contributions


@pytest.fixture(scope="module")
def evaluation() -> Measured:
    return measured(sets=1)


def test_a_subset_without_a_call_has_an_auroc_and_the_reason(evaluation: Measured) -> None:
    shown = coalitions(evaluation.sets[0])
    assert "DCE + DWI + T2" in shown and "withheld: validation AUROC not above 0.6" in shown
    blind = shown[shown.index('scope="row">T2') :]
    assert "0.520" in blind and blind.count("<td>–</td>") == 2


def test_contributions_are_signed_and_apart_by_class(evaluation: Measured) -> None:
    model = evaluation.sets[0].models[0]
    shown = contributions(evaluation.sets[0])
    values = model.contributions[Modality.DCE]
    for side in (False, True):
        mean = 100 * values[model.answers.truth == side].mean()
        assert f"{mean:+.1f}".replace("-", "−") in shown
    assert "−" in shown and f"{100 * np.abs(values).mean():.1f}" in shown
    assert f"negative (n = {int((~model.answers.truth).sum())})" in shown
