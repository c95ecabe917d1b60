"""A score in words: no false decimals, bounds that hold, what is withheld."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrations import VALIDATION
from mome_core.calibration import Calibration, Call, Proportion
from mome_core.case import Modality
from mome_core.results import Endpoint, Saliency
from mome_core.volume import Volume
from node.models import find_bundle
from sr_templates.dicom.score_words import (
    call_words,
    explanation_words,
    frequency_words,
    points_that_add_up,
    population_words,
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


@pytest.mark.parametrize(("probability", "negative", "positive"), [
    (0.0, 0, 0), (0.015, 2, 0), (0.5, 52, 49), (0.832, 85, 83), (1.0, 100, 100),
])  # fmt: skip
def test_a_score_is_told_among_those_of_the_validation_cases(probability: float, negative: int, positive: int) -> None:
    """Counted again here, one by one."""
    assert sum(each < probability for each in VALIDATION.negatives) == negative
    assert sum(each < probability for each in VALIDATION.positives) == positive
    told = population_words(VALIDATION, probability)
    expected = f"higher than {negative} % of 100 negative and {positive} % of 100 positive validation patients"
    assert told == expected


def test_none_and_all_are_said_of_none_and_all_only() -> None:
    many = replace(VALIDATION, negatives=tuple(n / 1000 for n in range(1000)), specificity=Proportion(1, 1240, 0, 1))
    assert "higher than 99 % of 1240 negative" in population_words(many, 0.9985)
    assert "higher than 1 % of 1240 negative" in population_words(many, 0.0005)
    assert "higher than 99 % of 1240 negative" in population_words(many, 0.9999)  # 1,000 of 1,240 scores are kept


def test_a_bundle_without_the_scores_of_its_cases_says_nothing() -> None:
    assert population_words(replace(VALIDATION, negatives=()), 0.5) == ""


def test_the_shipped_bundle_tells_the_truth_about_its_own_cases() -> None:
    """From the numbers of its manifest, read as plain JSON: of every endpoint and coalition that gives a score."""
    manifest = json.loads((find_bundle("demo") / "manifest.json").read_text())
    told = 0
    for content in _validated(manifest):
        calibration = Calibration.from_json(content)
        for probability in (0.05, 0.123, 0.5, 0.97):
            counts = []
            for scores, total in (("negatives", "specificity"), ("positives", "sensitivity")):
                values = content["validation"][scores]
                assert len(values) == content["validation"][total]["of"]  # all of them are kept
                counts += [100 * sum(value < probability for value in values) / len(values), len(values)]
            found = re.findall(r"[\d,]+", population_words(calibration.validation, probability))
            assert [int(each) for each in found] == pytest.approx(counts, abs=1.0)
            told += 1
    assert told >= 4


def _validated(content: Any) -> Iterator[dict[str, Any]]:
    """Every calibration of a manifest that holds its validation."""
    match content:
        case {"coalition": _, "validation": dict()}:
            yield content
        case dict():
            for each in content.values():
                yield from _validated(each)
        case list():
            for each in content:
                yield from _validated(each)


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
