"""What the images prove, as a card of its own: curves and numbers that no network had a part in."""

from __future__ import annotations

from collections.abc import Iterator

from mome_core.measurements import Measurements
from sr_templates.dicom.measurement_words import (
    adc_words,
    curve_words,
    leak_words,
    not_measured_words,
    place_words,
    size_words,
    uptake_words,
)
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import INK, QUIET, WARN, Colour
from sr_templates.drawing.curves import LEAST_HEIGHT, draw_curves
from sr_templates.drawing.page import LINE, SMALL, Page
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Wording

_ROW = round(SMALL * LINE)
_WIDE = 640  # pixels from which the plot stands beside the numbers instead of above them
_MOST_HEIGHT = 300  # of a plot


def draw_measured(page: Page, box: Box, measurements: Measurements | None) -> None:
    """The curves with the numbers below or beside them; what could not be measured is named with the reason."""
    page.card(box)
    inner = Box(box.x + 16, box.y + 10, box.width - 32, box.height - 16)
    title, tissue = page.words(Phrase.MEASURED_TITLE), None if measurements is None else measurements.tissue
    place = "" if tissue is None else place_words(tissue, page.words)
    if inner.width >= _WIDE:
        y = page.beside_or_below(inner, title, place, QUIET)
    else:
        y = page.paragraph(inner, title, SMALL, bold=True)
        y = page.paragraph(Box(inner.x, y, inner.width, inner.bottom - y), place, SMALL, QUIET) + 2
    room = Box(inner.x, y, inner.width, inner.bottom - y)
    if measurements is None:
        page.paragraph(room, page.words(Phrase.NOTHING_MEASURED), SMALL, QUIET)
        return
    rows = list(_rows(measurements, page.words))
    if tissue is None or not measurements.times_s:
        _write(page, room, rows)
    elif inner.width >= _WIDE:
        plot = Box(room.x, room.y, inner.width * 3 // 8, min(room.height, _MOST_HEIGHT))
        draw_curves(page, plot, tissue, measurements.times_s)
        _write(page, Box(plot.right + 16, room.y, inner.right - plot.right - 16, room.height), rows)
    else:
        height = min(room.height - _height(page, rows, room.width) - 6, _MOST_HEIGHT)
        height = max(height, LEAST_HEIGHT)
        draw_curves(page, Box(room.x, room.y, room.width, height), tissue, measurements.times_s)
        _write(page, room.below(height + 6), rows)


def height_of(page: Page, width: int, measurements: Measurements) -> int:
    """Pixels that a card of this width takes."""
    if measurements.tissue is not None and measurements.times_s:
        return _MOST_HEIGHT
    rows = list(_rows(measurements, page.words))
    return _ROW + 2 + _height(page, rows, width - 32) + 26


def _rows(measurements: Measurements, words: Wording) -> Iterator[tuple[str, Colour]]:
    """Sentences in the order in which a reader asks, and their colours."""
    tissue = measurements.tissue
    if tissue is not None:
        if tissue.worst.type is not None:
            yield _row(words, Phrase.WORST_CURVE, curve_words(tissue.worst, words)), INK
        yield _row(words, Phrase.INITIAL_UPTAKE, uptake_words(tissue, words)), INK
        if size := size_words(tissue, words, Phrase.TISSUE_SIZE_SHORT):
            yield _row(words, Phrase.ENHANCING_TISSUE, size), INK
    if measurements.diffusion is not None:
        yield _row(words, Phrase.ADC, adc_words(measurements.diffusion, words)), INK
    if tissue is not None and tissue.leaks:
        yield _row(words, Phrase.LEAKS, leak_words(tissue, words)), WARN
    for reason in not_measured_words(measurements, words):
        yield reason, QUIET


def _row(words: Wording, name: Phrase, value: str) -> str:
    return words(Phrase.NAME_AND_VALUE, name=words(name), value=value)


def _height(page: Page, rows: list[tuple[str, Colour]], width: int) -> int:
    return _ROW * sum(page.lines_of(said, width) for said, _ in rows)


def _write(page: Page, box: Box, rows: list[tuple[str, Colour]]) -> None:
    """The sentences below each other, as many as fit."""
    y = box.y
    for said, colour in rows:
        if box.bottom - y < _ROW:
            page.shortened.append(said)
            continue
        y = page.paragraph(Box(box.x, y, box.width, box.bottom - y), said, SMALL, colour)
