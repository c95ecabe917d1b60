"""What a model calls wrongly is listed, and a model that makes no call is not praised for calling nothing wrongly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from measured_models import measured
from mome_core.training.measured import MeasuredSet
from mome_core.training.report.reliability import mistakes


def with_calls(found: MeasuredSet, called: np.ndarray, answered: np.ndarray) -> MeasuredSet:
    first = found.models[0]
    answers = replace(first.answers, called=called, answered=answered)
    return replace(found, models=(replace(first, answers=answers), *found.models[1:]))


def test_a_model_without_calls_is_said_to_make_none() -> None:
    found = measured(sets=1).sets[0]
    truth = found.models[0].answers.truth
    none, every = np.zeros(len(truth), bool), np.ones(len(truth), bool)
    assert "ours makes no call on internal." in mistakes(with_calls(found, none, none))
    assert "ours calls no case of internal wrongly." in mistakes(with_calls(found, truth, every))


def test_wrong_calls_are_counted_of_the_calls_that_were_made() -> None:
    found = measured(sets=1).sets[0]
    truth = found.models[0].answers.truth
    answered = np.arange(len(truth)) < 50
    shown = mistakes(with_calls(found, ~truth, answered))
    assert "50 of 50 calls are wrong; 20 are listed." in shown
