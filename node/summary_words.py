"""A summary's scores in words: what a page and a terminal say alike."""

from __future__ import annotations

from collections.abc import Iterator

from mome_core.calibration import coalition_named
from mome_core.case import Modality
from node.summary import ScoreSummary
from sr_templates.dicom.score_words import (
    among_words,
    call_words,
    frequency_words,
    points_that_add_up,
    spread_words,
    sum_words,
    validation_words,
    without_words,
)


def score_call(score: ScoreSummary) -> str:
    """The call of a score, e.g. "positive: above the operating point of 12 %"."""
    return call_words(score.call, score.threshold)


def score_proof(score: ScoreSummary) -> Iterator[str]:
    """What a score that is shown is worth, a sentence each without its period."""
    calibration = score.calibration
    if score.at_this_score is not None:
        yield frequency_words(score.endpoint, score.at_this_score)
    if calibration is not None:
        yield validation_words(
            coalition_named(calibration.coalition), calibration.cases, calibration.sensitivity, calibration.specificity
        )
    if score.among is not None:
        yield among_words(score.among)
    for words in (spread_words(score.spread, score.augmentations), without_words(score.without)):
        if words:
            yield words


def score_points(score: ScoreSummary) -> dict[Modality, float]:
    """The contributions in percentage points with one decimal, which add up as they are printed."""
    return points_that_add_up(score.base_probability, score.contributions, score.probability)


def score_sum(score: ScoreSummary) -> str:
    """Where the contributions begin and end; empty where they do not add up to the score."""
    return sum_words(score.base_probability, score.contributions, score.probability)
