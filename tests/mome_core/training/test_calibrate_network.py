"""Every calibration of a network, from the answers of its own estimators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mome_core.calibration import COALITIONS, Call, WithheldCode
from mome_core.case import Modality
from mome_core.estimator import Augmentation, Estimator, Pooling
from mome_core.inference import score
from mome_core.model.checkpoint import Checkpoint
from mome_core.policy import default_policy
from mome_core.results import Endpoint
from mome_core.training.calibrate import CalibrationPlan
from mome_core.training.calibrate_network import calibrate_network
from mome_core.training.calibration_card import calibration_card
from mome_core.training.errors import TrainingRefused
from training_examples import examples

FLIPS = Estimator(Augmentation.FLIPS, Pooling.LOG_ODDS)
BOTH = CalibrationPlan((FLIPS, Estimator(Augmentation.NONE)))


def test_each_estimator_has_calibrations_of_its_own_for_what_cases_have(folder: Path, trained: Checkpoint) -> None:
    cases = [*examples(folder, 60, first=600), *examples(folder, 10, first=700, modalities=(Modality.T2,))]
    seen: list[str] = []
    first, second = calibrate_network(trained.network, cases, trained.recipe, BOTH, seen.append)
    assert (first.estimator, second.estimator) == (FLIPS, Estimator(Augmentation.NONE))
    assert len(seen) == 2 * len(cases)
    ours, theirs = (each.endpoints[Endpoint.MALIGNANCY] for each in (first, second))
    assert ours.base_rate == theirs.base_rate == 0.5
    counts = {each: ours.coalitions[each].validation for each in COALITIONS}
    assert {c: v.cases for c, v in counts.items() if v is not None} == {
        each: 70 if each == {Modality.T2} else 60 for each in COALITIONS
    }
    assert ours.of(Modality).validation != theirs.of(Modality).validation
    assert "| DCE+DWI+T2 | 60 |" in calibration_card(first)


def test_the_validation_scores_are_the_very_numbers_that_the_node_answers(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 50, first=600)
    found = calibrate_network(trained.network, cases, trained.recipe, BOTH)
    model = replace(trained, estimators=found)
    validation = model.calibrations(Endpoint.MALIGNANCY).of(Modality).validation
    assert validation is not None
    answered = [score(each.arrays(), model, default_policy(model.network))[0] for each in cases]
    assert tuple(sorted(each.probability or 0.0 for each in answered)) == validation.scores
    called = np.array([each.call is Call.POSITIVE for each in answered])
    assert called[1::2].sum() == validation.sensitivity.count and (~called[::2]).sum() == validation.specificity.count


def test_modalities_that_no_case_has_are_withheld(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 8, first=700, modalities=(Modality.T2,))
    (found,) = calibrate_network(trained.network, cases, trained.recipe, CalibrationPlan((FLIPS,)))
    coalitions = found.endpoints[Endpoint.MALIGNANCY].coalitions
    assert {each.withheld for each in coalitions.values()} == {WithheldCode.TOO_FEW_CASES}
    assert [name for name, each in coalitions.items() if each.validation] == [frozenset([Modality.T2])]
    assert "withheld: the model was validated for DCE alone on 0 positive" in calibration_card(found)


def test_cases_of_one_class_or_without_a_label_calibrate_nothing(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 8, first=600)
    with pytest.raises(TrainingRefused, match="one class of malignancy only"):
        calibrate_network(trained.network, cases[::2], trained.recipe, CalibrationPlan((FLIPS,)))
    with pytest.raises(TrainingRefused, match="none of the 8 cases has a label"):
        bare = [replace(each, labels={}) for each in cases]
        calibrate_network(trained.network, bare, trained.recipe, CalibrationPlan((FLIPS,)))
