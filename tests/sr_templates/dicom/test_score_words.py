"""A score in words: no false decimals, bounds that hold, what is withheld."""

from __future__ import annotations

import pytest

from mome_core.calibration import Call, Proportion
from mome_core.case import Modality
from mome_core.results import Endpoint
from sr_templates.dicom.score_words import (
    call_words,
    frequency_words,
    share_words,
    spread_words,
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
    assert validation_words("DCE+T2", 600, SENSITIVITY, SPECIFICITY) == (
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
