"""The scores on the summary page: number, scale with operating point and spread, contribution of each sequence."""

from __future__ import annotations

from collections.abc import Sequence

from mome_core.case import Modality
from mome_core.results import Result, Score
from sr_templates.dicom.text import percent
from sr_templates.drawing.page import ACCENT, BODY, COOL, FAINT, HEADING, INK, PAPER, QUIET, SMALL, Box, Colour, Page


def draw_scores(page: Page, box: Box, result: Result) -> None:
    """A card with the score of every endpoint, and what each sequence contributed to the first one explained."""
    page.card(box)
    inner = box.inset(26)
    below = inner.y
    for number, score in enumerate(result.scores):
        below = _score(page, Box(inner.x, below, inner.width, 0), score, large=number == 0)
    explained = next((score for score in result.scores if score.contributions), None)
    if explained is not None:
        rest = Box(inner.x, below + 6, inner.width, 0)
        _contributions(page, rest, explained, result.modalities_missing)


def _score(page: Page, box: Box, score: Score, *, large: bool) -> int:
    """One endpoint: name, number, scale from 0 to 100 % with operating point and spread; the y below it."""
    colour = ACCENT if score.positive else COOL
    name = f"Probability of {score.endpoint.words}"
    reading = f"{'above' if score.positive else 'not above'} operating point {percent(score.threshold)}"
    if large:
        page.text((box.x, box.y), name, HEADING, bold=True)
        page.text((box.x, box.y + 30), percent(score.probability), 58, colour, bold=True)
        page.text((box.right, box.y + 52), reading, SMALL, INK, anchor="ra")
        page.text((box.right, box.y + 78), "patient level, both breasts", SMALL, QUIET, anchor="ra")
        return _scale(page, Box(box.x, box.y + 112, box.width, 16), score, colour) + 20
    page.text((box.x, box.y), name, SMALL)
    page.text((box.right, box.y), percent(score.probability), SMALL, colour, bold=True, anchor="ra")
    return _scale(page, Box(box.x, box.y + 26, box.width, 8), score, colour) + 10


def _scale(page: Page, box: Box, score: Score, colour: Colour) -> int:
    def at(share: float) -> int:
        return box.x + round(box.width * min(max(share, 0.0), 1.0))

    page.bar(box, FAINT)
    page.bar(Box(box.x, box.y, at(score.probability) - box.x, box.height), colour)
    low, high = at(score.probability - score.spread), at(score.probability + score.spread)
    middle = box.y + box.height // 2
    page.draw.line((low, middle, high, middle), fill=PAPER, width=2)
    for end in (low, high):
        page.draw.line((end, middle - 4, end, middle + 4), fill=PAPER, width=2)
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
    """Shapley values as bars from a common zero, in percentage points."""
    page.text((box.x, box.y), "Contribution of each sequence", BODY, bold=True)
    track = Box(box.x + 70, box.y + 34, box.width - 190, 14)
    values = [share.value for share in score.contributions]
    low, high = min(0.0, *values), max(0.0, *values)
    per_point = track.width / max(high - low, 0.01)
    zero = track.x + round(-low * per_point)
    for row, share in enumerate(score.contributions):
        y, length = track.y + 28 * row, round(abs(share.value) * per_point)
        raised = share.value >= 0
        page.text((box.x, y), share.modality, SMALL)
        page.bar(Box(zero if raised else zero - length, y + 2, length, track.height), ACCENT if raised else COOL)
        page.text((box.right, y), f"{100 * share.value:+.1f} points", SMALL, anchor="ra")
    below = track.y + 28 * len(values)
    page.draw.line((zero, track.y - 2, zero, below - 6), fill=QUIET, width=1)
    for modality in missing:
        page.text((box.x, below), modality, SMALL, QUIET)
        page.text((box.right, below), "not available", SMALL, QUIET, anchor="ra")
        below += 28
    end = score.explained_probability if score.explained_probability is not None else score.probability
    words = f"from {percent(score.base_probability)} with no sequence to {percent(end)} with all sequences used"
    page.text((box.x, below + 2), words, 14, QUIET)
