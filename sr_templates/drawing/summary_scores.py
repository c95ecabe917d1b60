"""The scores on the summary page: number, call, scale with operating point, contribution of each sequence."""

from __future__ import annotations

from collections.abc import Sequence

from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import Result, Score
from sr_templates.dicom.score_words import (
    frequency_words,
    points_that_add_up,
    side_words,
    spread_words,
    sum_words,
    validation_words,
)
from sr_templates.dicom.text import percent
from sr_templates.drawing.page import ACCENT, BODY, COOL, FAINT, HEADING, INK, QUIET, SMALL, WARN, Box, Colour, Page

_ROW = 25  # pixels
_CALL_COLOURS = {Call.POSITIVE: ACCENT, Call.NEGATIVE: COOL, Call.WITHHELD: INK}


def draw_scores(page: Page, box: Box, result: Result) -> None:
    """A card with the score of every endpoint, and what each sequence contributed to the first one explained."""
    page.card(box)
    inner = box.inset(26)
    below = inner.y
    for number, score in enumerate(result.scores):
        below = _score(page, Box(inner.x, below, inner.width, 0), score, large=number == 0)
    explained = next((score for score in result.scores if score.contributions), None)
    if explained is not None:
        rest = Box(inner.x, below, inner.width, 0)
        _contributions(page, rest, explained, result.modalities_missing)


def _score(page: Page, box: Box, score: Score, *, large: bool) -> int:
    """One endpoint: name, number, call, and what validation proved of it; the y below it."""
    name = f"Probability of {score.endpoint.words}"
    if score.probability is None:
        return _withheld_score(page, box, name, score)
    colour = _CALL_COLOURS[score.call]
    if large:
        page.text((box.x, box.y), name, HEADING, bold=True)
        page.text((box.x, box.y + 30), percent(score.probability), 58, colour, bold=True)
        page.text((box.right, box.y + 40), score.call.upper(), BODY, colour, bold=True, anchor="ra")
        page.text((box.right, box.y + 66), side_words(score.call, score.threshold), SMALL, INK, anchor="ra")
        page.text((box.right, box.y + 88), "patient level, both breasts", SMALL, QUIET, anchor="ra")
        below = _scale(page, Box(box.x, box.y + 118, box.width, 16), score, score.probability, colour)
        return page.paragraph(Box(box.x, below, box.width, 0), _proof(score), 14, QUIET, lines=5) + 8
    page.text((box.x, box.y), name, SMALL)
    number = f"{percent(score.probability)} {'no call' if score.call is Call.WITHHELD else score.call}"
    page.text((box.right, box.y), number, SMALL, colour, bold=True, anchor="ra")
    return _scale(page, Box(box.x, box.y + 26, box.width, 8), score, score.probability, colour) + 10


def _withheld_score(page: Page, box: Box, name: str, score: Score) -> int:
    """An endpoint that the model may not score from what is there, and why."""
    page.text((box.x, box.y), name, SMALL, bold=True)
    page.text((box.right, box.y), "score withheld", SMALL, WARN, bold=True, anchor="ra")
    reason = "" if score.withheld is None else score.withheld.words
    return page.paragraph(Box(box.x, box.y + 26, box.width, 0), reason, 14, QUIET, lines=3) + 8


def _proof(score: Score) -> str:
    """How often such patients were positive, how the operating point was validated, how much placement matters."""
    validation = score.calibration.validation
    parts = [] if score.withheld is None else [f"no call: {score.withheld.words}"]
    if score.at_this_score is not None:
        parts.append(frequency_words(score.endpoint, score.at_this_score))
    if validation is not None:
        coalition = score.calibration.coalition
        parts.append(validation_words(coalition, validation.cases, validation.sensitivity, validation.specificity))
    parts.append(spread_words(score.spread, score.estimator.versions))
    return "; ".join(part for part in parts if part)


def _scale(page: Page, box: Box, score: Score, probability: float, colour: Colour) -> int:
    def at(share: float) -> int:
        return box.x + round(box.width * min(max(share, 0.0), 1.0))

    page.bar(box, FAINT)
    page.bar(Box(box.x, box.y, at(probability) - box.x, box.height), colour)
    if score.call is Call.WITHHELD:
        return box.bottom + 8
    threshold = at(score.threshold)
    page.draw.line((threshold, box.y - 5, threshold, box.bottom + 5), fill=INK, width=3)
    if box.height < 12:
        return box.bottom + 8
    page.text((box.x, box.bottom + 8), "0", 14, QUIET)
    page.text((box.right, box.bottom + 8), "100 %", 14, QUIET, anchor="ra")
    label = min(max(threshold, box.x + 76), box.right - 112)  # clear of both ends of the scale
    page.text((label, box.bottom + 8), "operating point", 14, QUIET, anchor="ma")
    return box.bottom + 28


def _contributions(page: Page, box: Box, score: Score, missing: Sequence[Modality]) -> None:
    """Shapley values as bars from a common zero, in percentage points, each beside the score without its sequence."""
    page.text((box.x, box.y), "Contribution of each sequence", BODY, bold=True)
    page.text((box.right, box.y + 3), "score without it" if score.without else "", 14, QUIET, anchor="ra")
    track = Box(box.x + 60, box.y + 30, box.width - 270, 14)
    shares = {share.modality: share.value for share in score.contributions}
    low, high = min(0.0, *shares.values()), max(0.0, *shares.values())
    per_point = track.width / max(high - low, 0.01)
    zero = track.x + round(-low * per_point)
    printed = points_that_add_up(score.base_probability, shares, score.probability)
    for row, share in enumerate(score.contributions):
        y, length = track.y + _ROW * row, round(abs(share.value) * per_point)
        raised = share.value >= 0
        page.text((box.x, y), share.modality, SMALL)
        page.bar(Box(zero if raised else zero - length, y + 2, length, track.height), ACCENT if raised else COOL)
        page.text((box.right - 90, y), f"{printed[share.modality]:+.1f} points", SMALL, anchor="ra")
        page.text((box.right, y), _without(score, share.modality), SMALL, QUIET, anchor="ra")
    below = track.y + _ROW * len(shares)
    page.draw.line((zero, track.y - 2, zero, below - 4), fill=QUIET, width=1)
    for modality in missing:
        page.text((box.x, below), modality, SMALL, QUIET)
        page.text((box.right, below), "not available", SMALL, QUIET, anchor="ra")
        below += _ROW
    page.text((box.x, below), sum_words(score.base_probability, shares, score.probability), 14, QUIET)


def _without(score: Score, modality: Modality) -> str:
    """The score without one sequence, withheld where the others may not be scored."""
    if modality not in score.without:
        return ""
    value = score.without[modality]
    return "withheld" if value is None else percent(value)
