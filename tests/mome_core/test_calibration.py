"""What a calibration says: probability, call, how often such patients were positive, and why it says nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from calibrations import VALIDATION, calibration
from mome_core.calibration import (
    COALITIONS,
    AmongCases,
    AurocInterval,
    Calibration,
    Call,
    Proportion,
    WithheldCode,
    coalition_name,
    coalition_named,
    coalitions_within,
    evenly,
    sigmoid,
    wilson,
    withheld_words,
)
from mome_core.case import Modality


def test_coalitions_have_names_in_the_order_of_the_network() -> None:
    names = [coalition_name(each) for each in COALITIONS]
    assert names == ["DCE", "DWI", "T2", "DCE+DWI", "DCE+T2", "DWI+T2", "DCE+DWI+T2"]
    assert [coalition_named(name) for name in names] == list(COALITIONS)
    assert coalitions_within([Modality.T2]) == (frozenset([Modality.T2]),)


def test_a_probability_above_the_threshold_is_positive_and_one_at_it_is_not() -> None:
    read = calibration(threshold=0.3, slope=2.0, intercept=-1.0)
    assert read.probability(1.0) == sigmoid(1.0)
    assert (read.call(0.3), read.call(0.3000001)) == (Call.NEGATIVE, Call.POSITIVE)
    assert sigmoid(800) == 1.0 and sigmoid(-800) == 0.0


@pytest.mark.parametrize(("code", "said"), [
    (WithheldCode.NOT_CALIBRATED, "states no operating point"),
    (WithheldCode.TOO_FEW_CASES, "100 positive and 100 negative cases; at least 20"),
    (WithheldCode.NOT_TOLD_APART, r"from DWI \+ T2 alone .* AUROC 0.93, at least 0.89; 0.6 must"),
])  # fmt: skip
def test_a_call_that_is_withheld_has_its_reason(code: WithheldCode, said: str) -> None:
    silent = calibration((Modality.T2, Modality.DWI), withheld=code)
    assert silent.call(0.99) is Call.WITHHELD
    assert silent.shows_score is (code is WithheldCode.NOT_CALIBRATED)
    assert re.search(said, withheld_words(silent))
    assert not withheld_words(calibration())


def test_a_calibration_that_calls_without_proof_or_turns_the_answer_around_cannot_be() -> None:
    with pytest.raises(ValueError, match="nothing was validated"):
        calibration(validation=None)
    with pytest.raises(ValueError, match="no slope or intercept"):
        calibration(slope=-1.0)
    with pytest.raises(ValueError, match="threshold lies in"):
        calibration(threshold=1.5)
    with pytest.raises(ValueError, match="is no proportion"):
        Proportion(3, 2, 0.0, 1.0)


def test_how_often_such_patients_were_positive_is_counted_among_the_nearest() -> None:
    few = replace(VALIDATION, positives=(0.6, 0.7, 0.8, 0.9) * 10, negatives=(0.1, 0.2, 0.3, 0.4) * 10)
    assert (few.at_this_score(0.05).count, few.at_this_score(0.99).count) == (0, 20)
    assert (few.at_this_score(0.5).count, few.at_this_score(0.5).of) == (10, 20)
    assert VALIDATION.at_this_score(0.5).of == 50
    assert VALIDATION.at_this_score(0.9).value == pytest.approx(0.5, abs=0.1)


def test_a_score_lies_above_the_cases_that_scored_lower_of_each_class() -> None:
    few = replace(
        VALIDATION,
        negatives=(0.1, 0.2, 0.2, 0.4),
        positives=(0.2, 0.9),
        specificity=Proportion(3, 4, 0.2, 1.0),
        sensitivity=Proportion(1, 2, 0.0, 1.0),
    )
    assert few.among(0.2) == AmongCases(25, 4, 0, 2)
    assert few.among(0.3) == AmongCases(75, 4, 50, 2)
    assert replace(few, positives=()).among(0.3) is None


def test_wilsons_interval_is_the_published_one() -> None:
    found = wilson(8, 10)  # Newcombe 1998, table I method 3
    assert (found.low, found.high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_of_many_scores_evenly_spaced_ones_are_kept() -> None:
    assert evenly([3.0, 1.0, 2.0], 1.0) == (1.0, 2.0, 3.0)
    assert evenly(list(range(100)), 0.1) == tuple(range(5, 100, 10))
    assert evenly([4.0, 5.0], 0.001) == (5.0,)


def test_a_calibration_survives_json() -> None:
    for each in (
        calibration(intercept=0.1),
        calibration(withheld=WithheldCode.TOO_FEW_CASES, validation=None),
        calibration(validation=replace(VALIDATION, auroc=AurocInterval(0.5, 0.4, 0.6))),
    ):
        assert Calibration.from_json(json.loads(json.dumps(each.to_json()))) == each
