"""The one-page summary: the picture that a busy radiologist opens, in every viewer that shows images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from mome_core.case import Case, Modality
from mome_core.results import ModelIdentity, QualityFlag, Result, Score, Severity
from mome_core.volume import Dynamic, Volume
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.evidence import Vector
from sr_templates.dicom.text import percent
from sr_templates.drawing.capture import put_picture
from sr_templates.drawing.colour import RAISED, RGB, SHOWN_SHARE, grey, painted, ramp, window_of
from sr_templates.drawing.page import ACCENT, ALARM, COOL, FAINT, INK, PAPER, QUIET, WARN, Box, Colour, Page
from sr_templates.drawing.planes import AXIAL, CORONAL, SAGITTAL, Upright, View, cut, subtraction_mip
from sr_templates.highlight import Highlight
from sr_templates.kinds import Kind
from sr_templates.objects.overlay import anatomy
from sr_templates.objects.report import ENDPOINT_WORDS
from sr_templates.region import Box as IndexBox
from sr_templates.region import Region, Side, box_of, corners_mm

WIDTH, HEIGHT, MARGIN = 1600, 1276, 56  # viewers draw their own bars over the edges
FIELD_MM = 140.0
RESEARCH_STATEMENT = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
READING_HELP = (
    "Scores are for the patient, not for one breast or lesion. Colour shows where the network's score came from; it is "
    "not a lesion outline. The images decide."
)
SIDE_WORDS = {Side.LEFT: "left", Side.RIGHT: "right"}
SEVERITY_COLOURS = {Severity.NOTE: QUIET, Severity.WARNING: WARN, Severity.WITHHOLD: ALARM}
HEADING, BODY, SMALL = 21, 18, 16


def render(edition: CommonAttributes, result: Result, shown: Highlight | None) -> RGB:
    """The summary of a result as (rows, columns, 3) bytes; it names no patient, the viewer does."""
    page = _page(edition)
    case = edition.evidence.case or Case()
    projection, scores = Box(MARGIN, 176, 900, 520), Box(980, 176, WIDTH - MARGIN - 980, 520)
    _projection(page, projection, case, shown)
    _scores(page, scores, result)
    _cuts(page, Box(MARGIN, 726, WIDTH - 2 * MARGIN, 300), case, shown)
    _footer(page, Box(MARGIN, 1052, WIDTH - 2 * MARGIN, 164), edition, result)
    return page.pixels()


def render_refusal(edition: CommonAttributes, reason: str, flags: Sequence[QualityFlag]) -> RGB:
    """The page that says that no score was given, and why."""
    page = _page(edition)
    box = Box(MARGIN, 176, WIDTH - 2 * MARGIN, 380)
    page.card(box)
    inner = box.inset(40)
    page.text((inner.x, inner.y), "Not analysed", 54, WARN, bold=True)
    below = page.paragraph(Box(inner.x, inner.y + 90, inner.width, 200), reason, 28, lines=5)
    note = "No score was given. This says nothing about the presence or absence of disease."
    page.paragraph(Box(inner.x, below + 24, inner.width, 80), note, 24, QUIET)
    _flags(page, Box(MARGIN, 580, WIDTH - 2 * MARGIN, 260), flags)
    return page.pixels()


def to_png(pixels: RGB) -> bytes:
    """The picture as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def build_summary(edition: CommonAttributes, pixels: RGB) -> Dataset:
    """The rendered page as a secondary capture."""
    instance = edition.new_instance(Kind.SUMMARY)
    put_picture(instance, pixels, "Summary page of the AI result, research use only")
    return instance


# --- header and footer


def _page(edition: CommonAttributes) -> Page:
    page = Page.blank(WIDTH, HEIGHT)
    page.text((MARGIN, 88), "AI breast MRI summary", 36, bold=True)
    revision = f"  -  revision {edition.run.revision}" if edition.run.revision > 1 else ""
    page.text((MARGIN, 136), f"{edition.device.model_name} {edition.device.software_version}{revision}", SMALL, QUIET)
    badge = Box(WIDTH - MARGIN - 520, 92, 520, 48)
    page.draw.rounded_rectangle((badge.x, badge.y, badge.right, badge.bottom), radius=10, outline=WARN, width=2)
    page.text((badge.x + 260, badge.y + 24), RESEARCH_STATEMENT, 20, WARN, bold=True, anchor="mm")
    return page


def _footer(page: Page, box: Box, edition: CommonAttributes, result: Result) -> None:
    third = (box.width - 40) // 3
    _flags(page, Box(box.x, box.y, third, box.height), result.flags)
    _models(page, Box(box.x + third + 20, box.y, third, box.height), [score.model for score in result.scores])
    statement = Box(box.x + 2 * (third + 20), box.y, third, box.height)
    inner = _titled(page, statement, "How to read this")
    page.paragraph(inner, READING_HELP, SMALL, QUIET, lines=5)


def _titled(page: Page, box: Box, title: str) -> Box:
    """A card with a title; the box below the title."""
    page.card(box)
    inner = box.inset(18)
    page.text((inner.x, inner.y - 2), title, HEADING - 2, bold=True)
    return Box(inner.x, inner.y + 32, inner.width, inner.height - 32)


def _flags(page: Page, box: Box, flags: Sequence[QualityFlag]) -> None:
    inner = _titled(page, box, "Quality of the input")
    if not flags:
        page.text((inner.x, inner.y), "No quality flag was raised.", SMALL, QUIET)
    ranked = sorted(flags, key=lambda flag: list(Severity).index(flag.severity), reverse=True)
    below = inner.y
    for count, flag in enumerate(ranked):
        room = (inner.bottom - below) // round(SMALL * 1.4)
        if room < 1 or (room == 1 and count + 1 < len(ranked)):
            page.text((inner.x, below), f"and {len(ranked) - count} more, see the report", SMALL, QUIET)
            return
        colour = SEVERITY_COLOURS[flag.severity]
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


# --- scores


def _scores(page: Page, box: Box, result: Result) -> None:
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
    name = f"Probability of {ENDPOINT_WORDS[score.endpoint]}"
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
    words = f"from {percent(score.base_probability)} without any sequence to {percent(end)} with all that were used"
    page.text((box.x, below + 2), words, 14, QUIET)


# --- pictures


def _projection(page: Page, box: Box, case: Case, shown: Highlight | None) -> None:
    """Subtraction MIP of both breasts with the saliency, and where that is highest; without DCE a note."""
    page.card(box)
    page.text((box.x + 18, box.y + 12), "Enhancement", BODY, bold=True)
    page.text((box.x + 166, box.y + 14), "axial subtraction MIP", SMALL, QUIET)
    if shown is not None and shown.region is not None:
        page.text((box.right - 18, box.y + 14), _where(shown, shown.region), SMALL, INK, anchor="ra")
    frame = Box(box.x + 18, box.y + 44, box.width - 36, box.height - 62)
    if case.dce is None or case.dce.phase_count < 2:
        page.text((frame.x + frame.width // 2, frame.y + frame.height // 2), "no DCE series", BODY, QUIET, anchor="mm")
        return
    picture, size_mm = _mip_picture(case.dce, shown)
    scale = min(frame.width / size_mm[0], frame.height / size_mm[1])
    width, height = round(size_mm[0] * scale), round(size_mm[1] * scale)
    at = Box(frame.x + (frame.width - width) // 2, frame.y + (frame.height - height) // 2, width, height)
    page.picture(at, picture)
    page.edge_letters(at, AXIAL.letters, size=20)
    _ruler(page, at.right - 24, at.bottom - 22, scale)
    if shown is not None and shown.region is not None:
        _legend(page, at.x + 20, at.bottom - 28, shown)


def _where(shown: Highlight, region: Region) -> str:
    """Where to look in the viewer: side, size, series and image of the region's peak."""
    source = shown.images[region.peak[2]]
    number = source.header.get("InstanceNumber") if source.frame is None else source.frame
    side = "side not determined" if region.side is None else f"{SIDE_WORDS[region.side]} side"
    image = "" if number is None else f", image {number}"
    series = f"{shown.saliency.modality} series {source.header.get('SeriesNumber')}{image}"
    return f"Highest saliency: {side}, {region.volume_ml:.1f} ml, {series}"


def _mip_picture(dynamic: Dynamic, shown: Highlight | None) -> tuple[RGB, tuple[float, float]]:
    """The projection and its size in mm (width, height), cut to where the network looked."""
    upright = Upright.of(dynamic.affine)
    on_dce = shown if shown is not None and shown.saliency.modality is Modality.DCE else None
    box = _looked_at(on_dce, dynamic.voxels.shape[1:], upright.axes[0])
    mip = upright.seen_from_below(subtraction_mip(dynamic, box))
    picture = grey(mip, (0.0, max(float(np.percentile(mip, 99.8)), 1e-6)))
    if on_dce is not None:
        axis = upright.axes[2]
        within = tuple(edge for at, edge in enumerate(box) if at != axis)
        picture = painted(picture, upright.seen_from_below(on_dce.strongest_along(axis)[within]), on_dce.peak)
    height, width = mip.shape
    return picture, (width * dynamic.spacing_mm[upright.axes[0]], height * dynamic.spacing_mm[upright.axes[1]])


def _looked_at(shown: Highlight | None, shape: tuple[int, ...], across: int) -> IndexBox:
    """Where the network looked, if that spans at least half of the field from side to side; else the whole field."""
    columns, rows, slices = shape
    whole = (slice(0, columns), slice(0, rows), slice(0, slices))
    box = None if shown is None else box_of(shown.saliency.volume.voxels)
    if box is None or 2 * (box[across].stop - box[across].start) < shape[across]:
        return whole
    return box


def _ruler(page: Page, right: int, y: int, pixels_per_mm: float) -> None:
    length = round(50 * pixels_per_mm)
    page.draw.line((right - length, y, right, y), fill=INK, width=3)
    page.text((right - length // 2, y - 6), "5 cm", 14, INK, anchor="mb")


def _legend(page: Page, x: int, y: int, shown: Highlight) -> None:
    """What the colour means."""
    strip = ramp(np.linspace(SHOWN_SHARE, 1, 120), RAISED)[None].astype(np.uint8)
    page.picture(Box(x, y, 120, 10), strip)
    page.text(
        (x + 130, y + 5), f"raised the score ({shown.saliency.modality} saliency)", 14, anchor="lm", outlined=True
    )


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One cut of one modality; volume is None when the study lacks it."""

    title: str
    modality: Modality
    view: View
    volume: Volume | None


def _cuts(page: Page, box: Box, case: Case, shown: Highlight | None) -> None:
    """Three planes of the DCE, and axial T2 and DWI, through the same point at the same scale."""
    dwi = "DWI" if case.dwi_b_value is None else f"DWI b {case.dwi_b_value:.0f}"
    panels = (
        Panel("DCE axial", Modality.DCE, AXIAL, anatomy(case, Modality.DCE)),
        Panel("DCE sagittal", Modality.DCE, SAGITTAL, anatomy(case, Modality.DCE)),
        Panel("DCE coronal", Modality.DCE, CORONAL, anatomy(case, Modality.DCE)),
        Panel("T2 axial", Modality.T2, AXIAL, case.t2),
        Panel(f"{dwi} axial", Modality.DWI, AXIAL, case.dwi),
    )
    size = (box.width - 4 * 18) // 5
    for column, panel in enumerate(panels):
        at = Box(box.x + column * (size + 18), box.y + 28, size, size)
        page.text((at.x, box.y), panel.title, SMALL, bold=True)
        if panel.volume is None:
            page.card(at)
            page.text((at.x + size // 2, at.y + size // 2), "not available", SMALL, QUIET, anchor="mm")
        else:
            _panel(page, at, panel, panel.volume, shown)


def _panel(page: Page, box: Box, panel: Panel, volume: Volume, shown: Highlight | None) -> None:
    """The cut through the peak of the saliency, with an open cross around it."""
    region = None if shown is None else shown.region
    low, high = corners_mm(volume)
    point = (low + high) / 2 if region is None else region.peak_mm
    centre = _inside(point, panel.view, low, high)
    plane = cut(volume, panel.view, centre, FIELD_MM, box.width)
    picture = grey(plane, window_of(plane))
    if shown is not None and shown.smoothed is not None and shown.saliency.modality is panel.modality:
        picture = painted(picture, cut(shown.smoothed, panel.view, centre, FIELD_MM, box.width), shown.peak)
    page.picture(box, picture)
    page.edge_letters(box, panel.view.letters)
    if region is not None:
        scale = box.width / FIELD_MM
        x = box.x + box.width // 2 + round(float((point - centre) @ panel.view.right) * scale)
        y = box.y + box.width // 2 + round(float((point - centre) @ panel.view.down) * scale)
        for step_x, step_y in ((1, 0), (-1, 0), (0, 1), (0, -1)):  # open in the middle: it must not cover what it marks
            ends = (x + 30 * step_x, y + 30 * step_y, x + 44 * step_x, y + 44 * step_y)
            page.draw.line(ends, fill=INK, width=2)


def _inside(point_mm: Vector, view: View, low: Vector, high: Vector) -> Vector:
    """The point moved within the picture's plane until the field of view lies in the volume, where it fits."""
    moved = point_mm.copy()
    for axis in range(3):
        if view.right[axis] or view.down[axis]:
            first, last = low[axis] + FIELD_MM / 2, high[axis] - FIELD_MM / 2
            moved[axis] = np.clip(point_mm[axis], first, last) if first <= last else (first + last) / 2
    return moved
