"""A reader's verdict on a call says which class the reader holds for true, or nothing."""

from __future__ import annotations

import pytest

from mome_core.assessment import Verdict, label_of
from mome_core.calibration import Call


@pytest.mark.parametrize(
    ("verdict", "call", "label"),
    [
        (Verdict.AGREE, Call.POSITIVE, 1),
        (Verdict.AGREE, Call.NEGATIVE, 0),
        (Verdict.DISAGREE, Call.POSITIVE, 0),
        (Verdict.DISAGREE, Call.NEGATIVE, 1),
        (Verdict.AGREE, Call.WITHHELD, None),
        (Verdict.DISAGREE, Call.WITHHELD, None),
        (Verdict.WRONG_SIDE, Call.POSITIVE, None),
        (Verdict.NOT_USABLE, Call.NEGATIVE, None),
    ],
)
def test_only_a_verdict_on_a_call_gives_a_label(verdict: Verdict, call: Call, label: int | None) -> None:
    assert label_of(verdict, call) == label


def test_a_result_is_withdrawn_for_its_side_or_its_use_only() -> None:
    assert {each for each in Verdict if each.is_rejection} == {Verdict.WRONG_SIDE, Verdict.NOT_USABLE}
