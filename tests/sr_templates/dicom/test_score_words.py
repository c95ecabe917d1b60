"""A score in words: no false decimals, bounds that hold, what is withheld."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mome_core.calibration import Call, Proportion
from mome_core.case import Modality
from mome_core.results import Endpoint, Saliency
from mome_core.volume import Volume
from sr_templates.dicom.score_words import (
    call_words,
    explanation_words,
    frequency_words,
    points_that_add_up,
    share_words,
    spread_words,
    sum_words,
    validation_words,
    without_words,
)
from sr_templates.dicom.text import percent

SENSITIVITY, SPECIFICITY = Proportion(293, 300, 0.9564, 0.99), Proportion(270, 300, 0.8604, 0.93)


@pytest.mark.parametrize(("probability", "said"), [
    (0.0, "< 1 %"), (0.0099, "< 1 %"), (0.01, "1 %"), (0.838, "84 %"), (0.99, "99 %"), (0.9901, "> 99 %"),
    (1.0, "> 99 %"),
])  # fmt: skip
def test_a_probability_has_no_decimals_and_is_never_certain(probability: float, said: str) -> None:
    assert percent(probability) == said


def test_a_call_is_told_with_its_operating_point() -> None:
    assert call_words(Call.POSITIVE, 0.124) == "positive: above the operating point of 12 %"
    assert call_words(Call.NEGATIVE, 0.124) == "negative: not above the operating point of 12 %"
    assert call_words(Call.WITHHELD, 0.124) == "no call"


def test_a_bound_is_rounded_down_so_that_it_holds() -> None:
    assert share_words(SENSITIVITY) == "98 % (at least 95 %)"
    assert validation_words(frozenset({Modality.DCE, Modality.T2}), 600, SENSITIVITY, SPECIFICITY) == (
        "validated with DCE + T2 on 600 patients: sensitivity 98 % (at least 95 %), specificity 90 % (at least 86 %)"
    )


def test_how_often_such_patients_were_positive_is_told_for_100() -> None:
    nearby = Proportion(42, 50, 0.71, 0.92)
    assert frequency_words(Endpoint.MALIGNANCY, nearby) == (
        "of 100 validation patients who scored like this, 84 had cancer (71 to 92)"
    )


def test_the_spread_is_said_to_be_of_placement_and_others_may_be_withheld() -> None:
    assert spread_words(0.04, 8) == "varies with placement by 4 % (SD of 8 versions)"
    assert not spread_words(0.0, 1)
    assert without_words({Modality.DCE: None, Modality.T2: 0.338}) == "without DCE withheld, without T2 34 %"


@given(base=st.floats(0, 1), shares=st.lists(st.floats(-1, 1), min_size=1, max_size=3))
def test_printed_contributions_add_up_from_the_printed_base_to_the_printed_probability(
    base: float, shares: list[float]
) -> None:
    values, probability = dict(zip(Modality, shares, strict=False)), base + sum(shares)
    points = points_that_add_up(base, values, probability)
    start, end = (float(each) for each in re.findall(r"(-?[\d.]+) %", sum_words(base, values, probability)))
    assert start + sum(points.values()) == pytest.approx(end, abs=1e-9)
    for modality, value in values.items():
        assert points[modality] == pytest.approx(100 * value, abs=0.21)


def test_what_contributions_add_up_from_and_to_is_said_with_the_decimal_that_is_needed() -> None:
    values = {Modality.DCE: 0.70008, Modality.T2: 0.01972}
    assert sum_words(0.1234, values, 0.8432) == "from 12.3 %, patients like those of the validation, to 84.3 %"
    assert points_that_add_up(0.1234, values, 0.8432) == {Modality.DCE: 70.0, Modality.T2: 2.0}


@pytest.mark.parametrize(("base", "probability"), [(0.5, 0.8432), (None, 0.8432), (0.1234, None)])
def test_numbers_that_do_not_add_up_are_not_made_to(base: float | None, probability: float | None) -> None:
    values = {Modality.DCE: 0.70008, Modality.T2: 0.01972}
    assert sum_words(base, values, probability) == ""
    assert points_that_add_up(base, values, probability) == {Modality.DCE: 70.0, Modality.T2: 2.0}


def saliency(method: str, baseline: str, *numbers: float) -> Saliency:
    volume = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), "1.2.3")
    return Saliency(Endpoint.MALIGNANCY, Modality.DCE, volume, method, baseline, 160, *numbers)  # type: ignore[arg-type]


def test_a_map_says_its_method_what_it_is_of_and_whether_it_adds_up() -> None:
    exact = saliency("integrated gradients", "blur", 0.0042, 8, 1.52, 1.5)
    assert explanation_words(exact) == (
        "integrated gradients from blur, 8 versions, log odds +0.02 from the score's, adds up within 0.4 %"
    )
    cheap = saliency("gradient x input", "none", float("nan"), 1, 1.4, 1.5)
    assert explanation_words(cheap) == (
        "gradient x input, 1 version, log odds -0.10 from the score's, does not add up to the score"
    )
