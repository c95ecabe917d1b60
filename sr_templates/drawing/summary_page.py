"""The one-page summary: score and operating point, where the score came from, quality of the input."""

from __future__ import annotations

from collections.abc import Sequence

from mome_core.case import Case
from mome_core.results import ModelIdentity, QualityFlag, Result, Severity
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.drawing.colour import RGB
from sr_templates.drawing.page import ALARM, HEADING, INK, QUIET, SMALL, WARN, Box, Page
from sr_templates.drawing.summary_pictures import draw_cuts, draw_projection
from sr_templates.drawing.summary_scores import draw_scores
from sr_templates.saliency.placed import PlacedSaliency

WIDTH, HEIGHT, MARGIN = 1600, 1276, 56  # viewers draw their own bars over the edges
_RESEARCH_STATEMENT = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
_READING_HELP = (
    "Scores apply to the patient, not to one breast or lesion. Colour marks where the network's score came from; it "
    "does not outline a lesion. Diagnosis rests on the source images."
)
_SEVERITY_COLOURS = {Severity.NOTE: QUIET, Severity.WARNING: WARN, Severity.WITHHOLD: ALARM}


def render(common: CommonAttributes, result: Result, placed: PlacedSaliency | None) -> RGB:
    """The summary of a result as (rows, columns, 3) bytes; it names no patient, the viewer does."""
    page = _page(common)
    case = common.evidence.case or Case()
    projection, scores = Box(MARGIN, 176, 900, 520), Box(980, 176, WIDTH - MARGIN - 980, 520)
    draw_projection(page, projection, case, placed)
    draw_scores(page, scores, result)
    draw_cuts(page, Box(MARGIN, 726, WIDTH - 2 * MARGIN, 300), case, placed)
    _footer(page, Box(MARGIN, 1052, WIDTH - 2 * MARGIN, 164), common, result)
    return page.pixels()


def render_refusal(common: CommonAttributes, reason: str, flags: Sequence[QualityFlag]) -> RGB:
    """The page that says that no score was given, and why."""
    page = _page(common)
    box = Box(MARGIN, 176, WIDTH - 2 * MARGIN, 380)
    page.card(box)
    inner = box.inset(40)
    page.text((inner.x, inner.y), "Not analysed", 54, WARN, bold=True)
    below = page.paragraph(Box(inner.x, inner.y + 90, inner.width, 200), reason, 28, lines=5)
    note = "No score was given. This says nothing about the presence or absence of disease."
    page.paragraph(Box(inner.x, below + 24, inner.width, 80), note, 24, QUIET)
    _flags(page, Box(MARGIN, 580, WIDTH - 2 * MARGIN, 260), flags)
    return page.pixels()


# --- header and footer


def _page(common: CommonAttributes) -> Page:
    page = Page.blank(WIDTH, HEIGHT)
    page.text((MARGIN, 88), "AI breast MRI summary", 36, bold=True)
    revision = f"  -  revision {common.run.revision}" if common.run.revision > 1 else ""
    page.text((MARGIN, 136), f"{common.device.model_name} {common.device.software_version}{revision}", SMALL, QUIET)
    badge = Box(WIDTH - MARGIN - 520, 92, 520, 48)
    page.draw.rounded_rectangle((badge.x, badge.y, badge.right, badge.bottom), radius=10, outline=WARN, width=2)
    page.text((badge.x + 260, badge.y + 24), _RESEARCH_STATEMENT, 20, WARN, bold=True, anchor="mm")
    return page


def _footer(page: Page, box: Box, common: CommonAttributes, result: Result) -> None:
    third = (box.width - 40) // 3
    _flags(page, Box(box.x, box.y, third, box.height), result.flags)
    _models(page, Box(box.x + third + 20, box.y, third, box.height), [score.model for score in result.scores])
    statement = Box(box.x + 2 * (third + 20), box.y, third, box.height)
    inner = _titled(page, statement, "How to read this")
    page.paragraph(inner, _READING_HELP, SMALL, QUIET, lines=5)


def _titled(page: Page, box: Box, title: str) -> Box:
    """A card with a title; the box below the title."""
    page.card(box)
    inner = box.inset(18)
    page.text((inner.x, inner.y - 2), title, HEADING - 2, bold=True)
    return Box(inner.x, inner.y + 32, inner.width, inner.height - 32)


def _flags(page: Page, box: Box, flags: Sequence[QualityFlag]) -> None:
    inner = _titled(page, box, "Quality of the input")
    if not flags:
        page.text((inner.x, inner.y), "No quality flags.", SMALL, QUIET)
    ranked = sorted(flags, key=lambda flag: list(Severity).index(flag.severity), reverse=True)
    below = inner.y
    for count, flag in enumerate(ranked):
        room = (inner.bottom - below) // round(SMALL * 1.4)
        if room < 1 or (room == 1 and count + 1 < len(ranked)):
            page.text((inner.x, below), f"and {len(ranked) - count} more, see the report", SMALL, QUIET)
            return
        colour = _SEVERITY_COLOURS[flag.severity]
        page.bar(Box(inner.x, below + 5, 8, 8), colour)
        below = page.paragraph(
            Box(inner.x + 20, below, inner.width - 20, 0), flag.message, SMALL, INK, lines=min(room, 2)
        )


def _models(page: Page, box: Box, models: Sequence[ModelIdentity]) -> None:
    inner = _titled(page, box, "Model")
    distinct = list({model.sha256: model for model in models}.values())
    below = inner.y
    for model in distinct[:2]:
        page.text((inner.x, below), f"{model.name} {model.version}   weights {model.sha256[:12]}", SMALL)
        below = page.paragraph(
            Box(inner.x, below + 24, inner.width, 0),
            model.statement,
            SMALL,
            QUIET,
            lines=3 if len(distinct) == 1 else 1,
        )
