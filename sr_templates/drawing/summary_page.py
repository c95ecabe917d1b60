"""The one-page summary: score and operating point, where the score came from, quality of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mome_core.case import Case, Modality
from mome_core.measurements import Measurements
from mome_core.results import ModelIdentity, QualityFlag, Result, Severity
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ALARM, INK, QUIET, WARN
from sr_templates.drawing.cuts import draw_cuts
from sr_templates.drawing.measured import draw_measured, height_of
from sr_templates.drawing.page import LINE, SMALL, Page
from sr_templates.drawing.projection import draw_projection
from sr_templates.drawing.summary_scores import draw_contributions, draw_scores
from sr_templates.identification import Identification, identified
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, words_of
from sr_templates.refusal import Refusal
from sr_templates.saliency.placed import PlacedSaliency

_SEVERITY_COLOURS = {Severity.NOTE: QUIET, Severity.WARNING: WARN, Severity.WITHHOLD: ALARM}
_ROW = round(SMALL * LINE)
_TITLE = 34
_REFUSAL_INSET = 36


class PageLayout(StrEnum):
    """How the page stands; the values are the words of the settings file."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"


@dataclass(frozen=True, slots=True)
class PageOptions:
    """How a site wants its pages.

    Parameters
    ----------
    identify
        Who is named on the page; the viewer does so beside it.
    """

    layout: PageLayout = PageLayout.LANDSCAPE
    identify: Identification = Identification.NONE
    language: Language = Language.ENGLISH

    def __str__(self) -> str:
        return f"{self.layout} {self.identify} {self.language}"


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the parts of a page lie, pixels; viewers draw their own bars over the edges, so those are free."""

    width: int
    height: int
    head: Box
    projection: Box
    scores: Box
    cuts: Box
    measured: Box
    contributions: Box
    input: Box
    notes: Box
    stacked: bool = field(default=False)


_PLACES = {
    PageLayout.LANDSCAPE: _Places(
        1600,
        1280,
        head=Box(56, 82, 1488, 78),
        projection=Box(56, 164, 836, 456),
        scores=Box(904, 164, 640, 456),
        cuts=Box(56, 632, 1000, 276),
        measured=Box(1068, 632, 476, 504),
        contributions=Box(56, 920, 540, 216),
        input=Box(608, 920, 448, 216),
        notes=Box(56, 1148, 1488, 82),
    ),
    PageLayout.PORTRAIT: _Places(
        1200,
        1600,
        head=Box(50, 82, 1100, 78),
        projection=Box(50, 164, 500, 662),
        scores=Box(562, 164, 588, 464),
        cuts=Box(50, 836, 1100, 258),
        measured=Box(50, 1104, 1100, 230),
        contributions=Box(562, 640, 588, 186),
        input=Box(50, 1344, 1100, 120),
        notes=Box(50, 1472, 1100, 78),
        stacked=True,
    ),
}


def render(common: CommonAttributes, result: Result, placed: PlacedSaliency | None, options: PageOptions) -> Page:
    """The summary of a result; with `Identification.NONE` it names no patient and no study."""
    page, places = _page(common, options)
    evidence = common.evidence
    case = evidence.case or Case()
    draw_projection(page, places.projection, case, placed, result.breasts, stacked=places.stacked)
    draw_scores(page, places.scores, result)
    draw_cuts(page, places.cuts, evidence, result, placed)
    draw_measured(page, places.measured, result.measurements)
    draw_contributions(page, places.contributions, result)
    _input(page, places.input, common, result)
    notes = " ".join([*_models(page, result.models), page.words(Phrase.READING_HELP)])
    page.paragraph(places.notes, notes, SMALL, QUIET)
    return page


def render_refusal(
    common: CommonAttributes, refusal: Refusal, options: PageOptions, measurements: Measurements | None = None
) -> Page:
    """The page that says that no score was given, and why; what was measured stands on it all the same."""
    page, places = _page(common, options)
    x, width, words = places.head.x, places.head.width, page.words
    room = width - 2 * _REFUSAL_INSET
    flags = refusal.flags
    said = ((refusal.said(words), 28, INK), (words(Phrase.NO_SCORE), 24, QUIET))
    heights = [page.lines_of(each, room, size) * round(size * LINE) for each, size, _ in said]
    box = Box(x, 176, width, 2 * _REFUSAL_INSET + 90 + sum(heights) + 24)
    page.card(box)
    inner = box.inset(_REFUSAL_INSET)
    page.text((inner.x, inner.y), words(Phrase.NOT_ANALYSED), 54, WARN, bold=True)
    y = inner.y + 90
    for each, size, colour in said:
        y = page.paragraph(Box(inner.x, y, inner.width, inner.bottom - y), each, size, colour) + 24
    rows = sum(min(page.lines_of(words.flag(each), width - 54), 3) for each in flags)
    quality = Box(x, box.bottom + 12, width, min(28 + max(rows, 1) * _ROW + 20, 260))
    _flags(page, _titled(page, quality, words(Phrase.QUALITY)), flags)
    if measurements is not None:
        draw_measured(page, Box(x, quality.bottom + 12, width, height_of(page, width, measurements)), measurements)
    return page


# --- header and footer


def _page(common: CommonAttributes, options: PageOptions) -> tuple[Page, _Places]:
    """An empty page with its head: title, who signs it, what it may be used for, and who it is of as the site wants."""
    words, places = words_of(options.language), _PLACES[options.layout]
    page, head = Page.blank(places.width, places.height, words), places.head
    page.text((head.x, head.y), words(Phrase.TITLE), _TITLE, bold=True)
    statement = words(Phrase.RESEARCH_ONLY)
    width = page.width_of(statement, SMALL, bold=True) + 32
    badge = Box(head.right - width, head.y, width, 42)
    page.draw.rounded_rectangle((badge.x, badge.y, badge.right - 1, badge.bottom), radius=10, outline=WARN, width=2)
    page.text(badge.middle, statement, SMALL, WARN, bold=True, anchor="mm")
    signed = f"{common.device.model_name} {common.device.software_version}"
    revision = [words(Phrase.REVISION, number=common.run.revision)] if common.run.revision > 1 else []
    line = " | ".join([*identified(common.evidence.reference, options.identify, words), signed, *revision])
    page.paragraph(Box(head.x, head.y + 48, head.width, _ROW), line, SMALL, QUIET)
    return page, places


def _titled(page: Page, box: Box, title: str) -> Box:
    """A card with a title; the box below the title."""
    inner = _card(page, box)
    page.text((inner.x, inner.y), title, SMALL, bold=True)
    return inner.below(28)


def _card(page: Page, box: Box) -> Box:
    """A card; the box in it."""
    page.card(box)
    return Box(box.x + 16, box.y + 10, box.width - 32, box.height - 12)


def _input(page: Page, box: Box, common: CommonAttributes, result: Result) -> None:
    """What was used of each sequence and of which scanner, what could not be used, and the doubts about it."""
    inner = _card(page, box)
    source, case = common.evidence.reference, common.evidence.case or Case()
    scanner = f"{source.get('Manufacturer') or ''} {source.get('ManufacturerModelName') or ''}".strip()
    told = [_sequence(page, each, case, result) for each in Modality]
    used = " | ".join([*(words for words, colour in told if colour == INK), *([scanner] if scanner else [])])
    y = page.beside_or_below(inner, page.words(Phrase.QUALITY), used)
    for words in (words for words, colour in told if colour == WARN):
        y = page.paragraph(Box(inner.x, y, inner.width, inner.bottom - y), words, SMALL, WARN)
    _flags(page, Box(inner.x, y, inner.width, inner.bottom - y), result.flags)


def _sequence(page: Page, modality: Modality, case: Case, result: Result) -> tuple[str, tuple[int, int, int]]:
    """One sequence in words, and their colour."""
    words = page.words
    if modality in case.unusable:
        return words(Phrase.NOT_USABLE_BECAUSE, modality=modality, reason=case.unusable[modality]), WARN
    if modality not in case.modalities:
        return words(Phrase.IMAGE_ABSENT, modality=modality), WARN
    if modality not in result.modalities_used:
        return words(Phrase.NOT_USED, modality=modality), WARN
    if modality is Modality.DCE and case.dce is not None:
        return words(Phrase.PHASES, modality=modality, count=case.dce.phase_count), INK
    if modality is Modality.DWI and case.dwi_b_value is not None:
        return words(Phrase.WITH_B_VALUE, modality=modality, value=f"{case.dwi_b_value:.0f}"), INK
    return words(Phrase.USED, modality=modality), INK


def _flags(page: Page, inner: Box, flags: Sequence[QualityFlag]) -> None:
    """The doubts that fit, the gravest first; how many more there are."""
    if not flags:
        page.paragraph(inner, page.words(Phrase.NO_FLAGS), SMALL, QUIET)
    ranked = sorted(flags, key=lambda flag: list(Severity).index(flag.severity), reverse=True)
    below = inner.y
    for count, flag in enumerate(ranked):
        room = (inner.bottom - below) // _ROW
        if room < 1 or (room == 1 and count + 1 < len(ranked)):
            if room == 1:
                more = page.words(Phrase.MORE_FLAGS, count=len(ranked) - count)
                page.text((inner.x, below), more, SMALL, QUIET)
            return
        page.bar(Box(inner.x, below + 8, 10, 10), _SEVERITY_COLOURS[flag.severity])
        lines = min(room - (count + 1 < len(ranked)), 3)
        at = Box(inner.x + 22, below, inner.width - 22, lines * _ROW)
        below = page.paragraph(at, page.words.flag(flag), SMALL, INK)


def _models(page: Page, models: Sequence[ModelIdentity]) -> Iterator[str]:
    """Which weights answered, and what they know."""
    for model in models:
        name = page.words(Phrase.WEIGHTS, name=model.name, version=model.version, digest=model.sha256[:12])
        yield f"{name}: {page.words.term(model.statement)}" if model.statement else f"{name}."
