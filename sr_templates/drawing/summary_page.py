"""The one-page summary: score and operating point, where the score came from, quality of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mome_core.case import Case, Modality
from mome_core.results import ModelIdentity, QualityFlag, Result, Severity
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ALARM, INK, QUIET, WARN
from sr_templates.drawing.cuts import draw_cuts
from sr_templates.drawing.page import BODY, LINE, SMALL, Page
from sr_templates.drawing.projection import draw_projection
from sr_templates.drawing.summary_scores import draw_scores
from sr_templates.identification import Identification, identified
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, words_of
from sr_templates.saliency.placed import PlacedSaliency

_SEVERITY_COLOURS = {Severity.NOTE: QUIET, Severity.WARNING: WARN, Severity.WITHHOLD: ALARM}
_ROW = round(SMALL * LINE)
_TITLE = 34


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
    images: Box
    cuts: Box
    flags: Box
    model: Box
    reading: Box
    stacked: bool = field(default=False)


_PLACES = {
    PageLayout.LANDSCAPE: _Places(
        1600,
        1280,
        head=Box(56, 82, 1488, 78),
        projection=Box(56, 164, 896, 556),
        scores=Box(968, 164, 576, 556),
        cuts=Box(56, 734, 1228, 316),
        images=Box(1296, 734, 248, 316),
        flags=Box(56, 1062, 560, 164),
        model=Box(628, 1062, 452, 164),
        reading=Box(1092, 1062, 452, 164),
    ),
    PageLayout.PORTRAIT: _Places(
        1200,
        1600,
        head=Box(50, 82, 1100, 78),
        projection=Box(50, 164, 540, 740),
        scores=Box(602, 164, 548, 552),
        images=Box(602, 728, 548, 176),
        cuts=Box(50, 918, 1100, 292),
        flags=Box(50, 1224, 1100, 148),
        model=Box(50, 1384, 544, 164),
        reading=Box(606, 1384, 544, 164),
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
    _images(page, places.images, common, result)
    _flags(page, places.flags, result.flags)
    _models(page, places.model, [score.model for score in result.scores])
    inner = _titled(page, places.reading, page.words(Phrase.HOW_TO_READ))
    page.paragraph(inner, page.words(Phrase.READING_HELP), SMALL, QUIET)
    return page


def render_refusal(common: CommonAttributes, reason: str, flags: Sequence[QualityFlag], options: PageOptions) -> Page:
    """The page that says that no score was given, and why."""
    page, places = _page(common, options)
    width = places.head.width
    box = Box(places.head.x, 176, width, 420)
    page.card(box)
    inner = box.inset(40)
    page.text((inner.x, inner.y), page.words(Phrase.NOT_ANALYSED), 54, WARN, bold=True)
    below = page.paragraph(Box(inner.x, inner.y + 90, inner.width, 160), reason, 28)
    page.paragraph(Box(inner.x, below + 20, inner.width, 70), page.words(Phrase.NO_SCORE), 24, QUIET)
    _flags(page, Box(places.head.x, 612, width, 300), flags)
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
    page.card(box)
    inner = Box(box.x + 16, box.y + 12, box.width - 32, box.height - 20)
    page.text((inner.x, inner.y), title, BODY, bold=True)
    return inner.below(32)


def _images(page: Page, box: Box, common: CommonAttributes, result: Result) -> None:
    """The scanner, and of each sequence what was used, or that it is absent or could not be used."""
    inner = _titled(page, box, page.words(Phrase.IMAGES))
    source, case = common.evidence.reference, common.evidence.case or Case()
    scanner = f"{source.get('Manufacturer') or ''} {source.get('ManufacturerModelName') or ''}".strip()
    below = inner.y
    for words, colour in (*((_sequence(page, each, case, result)) for each in Modality), (scanner, QUIET)):
        below = page.paragraph(Box(inner.x, below, inner.width, inner.bottom - below), words, SMALL, colour)
        if inner.bottom - below < _ROW:
            return


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


def _flags(page: Page, box: Box, flags: Sequence[QualityFlag]) -> None:
    """The doubts that fit, the gravest first; how many more there are."""
    inner = _titled(page, box, page.words(Phrase.QUALITY))
    if not flags:
        page.text((inner.x, inner.y), page.words(Phrase.NO_FLAGS), SMALL, QUIET)
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


def _models(page: Page, box: Box, models: Sequence[ModelIdentity]) -> None:
    inner = _titled(page, box, page.words(Phrase.MODEL))
    distinct = list({model.sha256: model for model in models}.values())
    below = inner.y
    for model in distinct[:2]:
        name = page.words(Phrase.WEIGHTS, name=model.name, version=model.version, digest=model.sha256[:12])
        below = page.paragraph(Box(inner.x, below, inner.width, _ROW), name, SMALL)
        room = inner.bottom - below if len(distinct) == 1 else _ROW
        below = page.paragraph(Box(inner.x, below, inner.width, room), model.statement, SMALL, QUIET)
