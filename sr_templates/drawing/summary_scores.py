"""The scores on the summary page: number, call, scale with operating point, contribution of each sequence."""

from __future__ import annotations

from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import Laterality, Result, Score
from sr_templates.dicom.score_words import (
    frequency_words,
    points_that_add_up,
    population_words,
    side_words,
    spread_words,
    sum_words,
    validation_words,
)
from sr_templates.dicom.text import percent
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ACCENT, COOL, FAINT, INK, QUIET, WARN, Colour
from sr_templates.drawing.histogram import HEIGHT, draw_histogram
from sr_templates.drawing.page import BODY, HEADING, LINE, SMALL, Page
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Wording

_ROW = round(SMALL * LINE)
_NUMBER = 58
_ABOVE_BAR, _BAR, _BELOW_BAR, _SCALE_WORDS = HEIGHT + 10, 16, HEIGHT + 6, _ROW + 2
_SCALE_WITH_BARS = _ABOVE_BAR + _BAR + _BELOW_BAR + _SCALE_WORDS
_CALL_COLOURS = {Call.POSITIVE: ACCENT, Call.NEGATIVE: COOL, Call.WITHHELD: INK}
CALLS = {Call.POSITIVE: Phrase.POSITIVE, Call.NEGATIVE: Phrase.NEGATIVE, Call.WITHHELD: Phrase.NO_CALL}
_WHOSE = {
    Laterality.BOTH: Phrase.BOTH_BREASTS,
    Laterality.LEFT: Phrase.LEFT_ONLY,
    Laterality.RIGHT: Phrase.RIGHT_ONLY,
}


def draw_scores(page: Page, box: Box, result: Result) -> None:
    """A card with the score of every endpoint; what the first one is worth takes the room that the others leave."""
    page.card(box)
    inner = box.inset(16)
    kept = sum(_small_height(score) for score in result.scores[1:])
    below = inner.y
    for number, score in enumerate(result.scores):
        room = inner.bottom - below - (kept if number == 0 else 0)
        at = Box(inner.x, below, inner.width, room)
        below = _large_score(page, at, score, result) if number == 0 else _small_score(page, at, score)


def draw_contributions(page: Page, box: Box, result: Result) -> None:
    """A card with what each sequence contributed to the first score that is explained."""
    page.card(box)
    if result.explained is not None:
        _contributions(page, Box(box.x + 16, box.y + 12, box.width - 32, box.height - 20), result.explained)


def whose(result: Result) -> Phrase:
    """Which breasts the score is of."""
    return _WHOSE[Laterality.BOTH if result.breasts is None else result.breasts.laterality]


def _large_score(page: Page, box: Box, score: Score, result: Result) -> int:
    """The first endpoint: name, number, call, and what validation proved of it; the y below it."""
    words = page.words
    y = page.paragraph(box, words(Phrase.PROBABILITY_OF, endpoint=words.endpoint(score.endpoint)), HEADING, bold=True)
    if score.probability is None:
        return _withheld_score(page, Box(box.x, y, box.width, box.bottom - y), score)
    colour = _CALL_COLOURS[score.call]
    page.text((box.x, y), percent(score.probability), _NUMBER, colour, bold=True)
    left = box.x + page.width_of(percent(score.probability), _NUMBER, bold=True) + 18
    if score.unstable:
        page.text((box.right, y + 4), words(Phrase.UNSTABLE), BODY, WARN, bold=True, anchor="ra")
    page.text((left, y + 4), words(CALLS[score.call]), BODY, colour, bold=True)
    sides = "" if score.call is Call.WITHHELD else side_words(score.call, score.threshold, words)
    below = page.paragraph(Box(left, y + 32, box.right - left, 2 * _ROW), sides, SMALL, INK)
    below = page.paragraph(Box(left, below, box.right - left, 2 * _ROW), words(whose(result)), SMALL, INK)
    room = box.below(max(below, y + 74) - box.y)
    proved, among = proof(score, words), population(score, words, Phrase.HIGHER_THAN_BARS)
    both = page.lines_of("; ".join(proved), room.width) + page.lines_of(among, room.width)
    if both > (room.height - _SCALE_WITH_BARS) // _ROW:
        among = ""  # the report has it
    y = _scale(page, room, score, score.probability, colour, among=among)
    below_scale = Box(box.x, y, box.width, box.bottom - y)
    while len(proved) > 1 and page.lines_of("; ".join(proved), box.width) > below_scale.height // _ROW:
        page.shortened.append(proved.pop())
    return page.paragraph(below_scale, "; ".join(proved), SMALL, QUIET) + 8


def _small_height(score: Score) -> int:
    """Pixels that a further endpoint takes."""
    return 2 * _ROW + (22 if score.probability is not None else _ROW)


def _small_score(page: Page, box: Box, score: Score) -> int:
    """A further endpoint: name, number, call and scale."""
    words = page.words
    page.text((box.x, box.y), words(Phrase.PROBABILITY_OF, endpoint=words.endpoint(score.endpoint)), SMALL)
    if score.probability is None:
        return _withheld_score(page, Box(box.x, box.y + _ROW, box.width, 2 * _ROW), score)
    colour, middle = _CALL_COLOURS[score.call], box.y + _ROW + _ROW // 2
    page.text((box.x, middle), percent(score.probability), SMALL, colour, bold=True, anchor="lm")
    page.text((box.right, middle), words(CALLS[score.call]), SMALL, colour, bold=True, anchor="rm")
    bar = Box(box.x + 90, middle - 4, box.width - 260, 8)
    _bar(page, bar, score, score.probability, colour)
    return box.y + 2 * _ROW + 22


def _withheld_score(page: Page, box: Box, score: Score) -> int:
    """An endpoint that the model may not score from what is there, and why."""
    page.text((box.x, box.y), page.words(Phrase.SCORE_WITHHELD), SMALL, WARN, bold=True)
    reason = "" if score.withheld is None else page.words.withheld(score.withheld)
    return page.paragraph(box.below(_ROW), reason, SMALL, QUIET) + 8


def population(score: Score, words: Wording, phrase: Phrase = Phrase.HIGHER_THAN) -> str:
    """Where the score lies among those of the validation cases; empty where the bundle does not hold them."""
    validation = score.calibration.validation
    if validation is None or score.probability is None:
        return ""
    return population_words(validation, score.probability, words, phrase)


def proof(score: Score, words: Wording) -> list[str]:
    """How often such patients were positive, how the operating point was validated, how much placement matters."""
    validation = score.calibration.validation
    parts = []
    if score.withheld is not None:
        parts.append(words(Phrase.NO_CALL_BECAUSE, reason=words.withheld(score.withheld)))
    if score.at_this_score is not None:
        parts.append(frequency_words(score.endpoint, score.at_this_score, words))
    if validation is not None:
        coalition = score.calibration.coalition
        parts.append(
            validation_words(coalition, validation.cases, validation.sensitivity, validation.specificity, words)
        )
    parts.append(spread_words(score.spread, score.estimator.versions, words))
    return [part for part in parts if part]


def _bar(page: Page, box: Box, score: Score, probability: float, colour: Colour) -> int | None:
    """The probability on a scale from 0 to 100 %, with the operating point; where that lies."""

    def at(share: float) -> int:
        return box.x + round(box.width * min(max(share, 0.0), 1.0))

    page.bar(box, FAINT)
    page.bar(Box(box.x, box.y, max(1, at(probability) - box.x), box.height), colour)
    if score.call is Call.WITHHELD:
        return None
    threshold = at(score.threshold)
    page.draw.line((threshold, box.y - 5, threshold, box.bottom + 4), fill=INK, width=3)
    return threshold


def _scale(page: Page, box: Box, score: Score, probability: float, colour: Colour, *, among: str) -> int:
    """The scale with how the validation cases scored along it, and where this score lies among them; the y below.

    Without the sentence `among`, which names them, there are no bars.
    """
    validation = score.calibration.validation
    bar = Box(box.x, box.y + (_ABOVE_BAR if among else 8), box.width, _BAR)
    if validation is not None and among:
        draw_histogram(page, bar, validation)
    threshold = _bar(page, bar, score, probability, colour)
    y = bar.bottom + (_BELOW_BAR if among else 8)
    page.text((box.x, y), "0", SMALL, QUIET)
    page.text((box.right, y), "100 %", SMALL, QUIET, anchor="ra")
    if threshold is not None:
        label = page.words(Phrase.OPERATING_POINT)
        half = page.width_of(label, SMALL) // 2 + 12
        clear = (box.x + page.width_of("0", SMALL) + half, box.right - page.width_of("100 %", SMALL) - half)
        page.text((min(max(threshold, clear[0]), clear[1]), y), label, SMALL, QUIET, anchor="ma")
    y += _SCALE_WORDS
    return page.paragraph(Box(box.x, y, box.width, max(box.bottom - y, 0)), among, SMALL, INK)


def _contributions(page: Page, box: Box, score: Score) -> None:
    """Shapley values as bars from a common zero, in percentage points, each beside the score without its sequence."""
    words = page.words
    page.text((box.x, box.y), words(Phrase.CONTRIBUTIONS), SMALL, bold=True)
    page.text((box.right, box.y), words(Phrase.SCORE_WITHOUT) if score.without else "", SMALL, QUIET, anchor="ra")
    track = Box(box.x + 60, box.y + _ROW + 4, box.width - 296, 14)
    shares = {share.modality: share.value for share in score.contributions}
    low, high = min(0.0, *shares.values()), max(0.0, *shares.values())
    per_point = track.width / max(high - low, 0.01)
    zero = track.x + round(-low * per_point)
    printed = points_that_add_up(score.base_probability, shares, score.probability)
    for row, share in enumerate(score.contributions):
        y, length = track.y + _ROW * row, round(abs(share.value) * per_point)
        raised = share.value >= 0
        page.text((box.x, y), share.modality, SMALL)
        page.bar(
            Box(zero if raised else zero - length, y + 5, max(length, 1), track.height), ACCENT if raised else COOL
        )
        points = words(Phrase.POINTS, value=f"{printed[share.modality]:+.1f}")
        page.text((box.right - 92, y), points, SMALL, anchor="ra")
        page.text((box.right, y), score_without(score, share.modality, words), SMALL, QUIET, anchor="ra")
    below = track.y + _ROW * len(shares)
    page.draw.line((zero, track.y, zero, below - 4), fill=QUIET, width=1)
    total = sum_words(score.base_probability, shares, score.probability, words)
    page.paragraph(Box(box.x, below, box.width, max(box.bottom - below, _ROW)), total, SMALL, QUIET)


def score_without(score: Score, modality: Modality, words: Wording) -> str:
    """The score without one sequence, withheld where the others may not be scored."""
    if modality not in score.without:
        return ""
    value = score.without[modality]
    return words(Phrase.WITHHELD) if value is None else percent(value)
