"""What a reader says of a result; IHE calls it an assessment (AIRAI, a draft profile: docs/results.md)."""

from __future__ import annotations

from enum import StrEnum

from mome_core.calibration import Call

MOST_CHARACTERS = 1000  # of a reader's comment


class Verdict(StrEnum):
    """What a reader says of a result."""

    AGREE = "agree"
    DISAGREE = "disagree"
    WRONG_SIDE = "wrong-side"
    NOT_USABLE = "not-usable"

    @property
    def is_rejection(self) -> bool:
        """Whether the result may be withdrawn for it: it misleads, or says nothing."""
        return self in (Verdict.WRONG_SIDE, Verdict.NOT_USABLE)


_TRUTH = {
    (Verdict.AGREE, Call.POSITIVE): 1,
    (Verdict.AGREE, Call.NEGATIVE): 0,
    (Verdict.DISAGREE, Call.POSITIVE): 0,
    (Verdict.DISAGREE, Call.NEGATIVE): 1,
}


def label_of(verdict: Verdict, call: Call) -> int | None:
    """The class (0 negative, 1 positive) that the reader holds for true; None where the verdict does not say.

    A reader agrees or disagrees with the call at the operating point. What is wrong about a side, or not usable, says
    nothing about the class; neither does a verdict on a score without a call.
    """
    return _TRUTH.get((verdict, call))
