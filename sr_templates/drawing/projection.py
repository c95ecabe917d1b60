"""The subtraction MIP on the summary page: clean, and again with the lines that show where the score came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Case, Modality
from mome_core.results import AnalyzedBreasts
from mome_core.volume import Dynamic
from sr_templates.dicom.score_words import explanation_words
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ACCENT, COOL, INK, QUIET, RGB, grey
from sr_templates.drawing.contours import LEVELS, dashes, draw_contours
from sr_templates.drawing.page import BODY, LINE, SMALL, Page
from sr_templates.drawing.planes import AXIAL, Upright, subtraction_mip
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Wording
from sr_templates.saliency.impression import image_words
from sr_templates.saliency.placed import PlacedSaliency, Unshown
from sr_templates.saliency.region import LEAST_LOG_ODDS_PER_ML, Region, Side
from sr_templates.saliency.region import Box as IndexBox

MIP, MIP_WITH_CONTOURS = "mip", "mip with contours"
_MARGIN_MM = 15.0
_RIM = 27  # pixels beside a projection, for orientation letters and ruler: nothing is drawn on the anatomy
_ROW = round(SMALL * LINE)
_KEY, _KEY_GAP = 54, 30  # pixels of a key's line, and from its words to the next one


@dataclass(frozen=True, slots=True, eq=False)
class _Projection:
    """A projection as it is drawn.

    Parameters
    ----------
    picture
        (rows, columns, 3), anterior on top, the patient's left on the right.
    size_mm
        Width and height.
    saliency
        (rows, columns) log odds per ml, of largest magnitude along the projection; None where none is shown.
    """

    picture: RGB
    size_mm: tuple[float, float]
    saliency: NDArray[np.float32] | None


def projection_of(dynamic: Dynamic, placed: PlacedSaliency | None, breasts: AnalyzedBreasts | None) -> _Projection:
    """The subtraction MIP of the breasts, or of the whole field where they are not known."""
    upright = Upright.of(dynamic.affine)
    box, axis = _breasts_box(dynamic, breasts), upright.axes[2]
    mip = upright.seen_from_below(subtraction_mip(dynamic, box))
    height, width = mip.shape
    size_mm = (width * dynamic.spacing_mm[upright.axes[0]], height * dynamic.spacing_mm[upright.axes[1]])
    saliency = None
    if placed is not None and placed.shown is not None and placed.saliency.modality is Modality.DCE:
        within = tuple(edge for at, edge in enumerate(box) if at != axis)
        saliency = upright.seen_from_below(placed.strongest_along(axis)[within])
    return _Projection(grey(mip, (0.0, max(float(np.percentile(mip, 99.8)), 1e-6))), size_mm, saliency)


def _breasts_box(dynamic: Dynamic, breasts: AnalyzedBreasts | None) -> IndexBox:
    """Indices of the breasts with a margin; all of them where the breasts are not known here."""
    shape = dynamic.voxels.shape[1:]
    if breasts is None or breasts.share.frame_of_reference_uid != dynamic.frame_of_reference_uid:
        return slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])
    held = np.argwhere(breasts.share.voxels > 0.5)
    corners = np.stack(np.meshgrid(*zip(held.min(axis=0), held.max(axis=0), strict=True), indexing="ij")).reshape(3, 8)
    to_index = np.linalg.inv(dynamic.affine) @ breasts.share.affine
    there = to_index[:3, :3] @ corners + to_index[:3, 3:]
    margin = _MARGIN_MM / np.array(dynamic.spacing_mm)
    first = np.clip(np.floor(there.min(axis=1) - margin), 0, np.array(shape) - 1).astype(int)
    end = np.clip(np.ceil(there.max(axis=1) + margin) + 1, first + 1, shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(first, end, strict=True))
    return i, j, k


def draw_projection(
    page: Page,
    box: Box,
    case: Case,
    placed: PlacedSaliency | None,
    breasts: AnalyzedBreasts | None,
    *,
    stacked: bool = False,
) -> None:
    """A card with the projection and, where a place is shown, the projection with contours beside (or below) it.

    Without a place it says why; without DCE there is a note in place of the picture.
    """
    page.card(box)
    inner = box.inset(18)
    page.text((inner.x, inner.y), page.words(Phrase.ENHANCEMENT), BODY, bold=True)
    after = inner.x + page.width_of(page.words(Phrase.ENHANCEMENT), BODY, bold=True) + 14
    page.text((after, inner.y + 2), page.words(Phrase.SUBTRACTION_MIP), SMALL, QUIET)
    after += page.width_of(page.words(Phrase.SUBTRACTION_MIP), SMALL) + 16
    region = None if placed is None else placed.region
    legend = _ROW * (2 if placed is None or region is None else _legend_rows(page, inner.width, placed, region))
    frames = Box(inner.x, inner.y + _ROW + 8, inner.width, inner.height - _ROW - 16 - legend)
    drawn = None
    if case.dce is None or case.dce.phase_count < 2:
        page.text(frames.middle, page.words(Phrase.NO_DYNAMIC), BODY, QUIET, anchor="mm")
    else:
        drawn = projection_of(case.dce, placed, breasts)
        _draw_frames(page, frames, drawn, None if stacked else after)
    below = Box(inner.x, inner.bottom - legend, inner.width, legend)
    if placed is None or region is None:
        page.paragraph(below, why_no_place(None if placed is None else placed.unshown, page.words), SMALL, QUIET)
    else:
        _legend(page, below, placed, region)


def _draw_frames(page: Page, box: Box, drawn: _Projection, after: int | None) -> None:
    """The clean projection, and the one with lines in a frame of the same size.

    Parameters
    ----------
    after
        The x from which the line above is free for the title of the second one; None where that stands below.
    """
    if drawn.saliency is None:
        _frame(page, box, drawn, MIP)
        return
    if after is None:
        half = (box.height - _ROW) // 2
        first, second = Box(box.x, box.y, box.width, half), Box(box.x, box.bottom - half, box.width, half)
        title = (second.x, second.y - _ROW + 4)
    else:
        half = (box.width - 16) // 2
        first, second = Box(box.x, box.y, half, box.height), Box(box.right - half, box.y, half, box.height)
        title = (max(second.x, after), second.y - _ROW - 6)
    _frame(page, first, drawn, MIP)
    page.text(title, page.words(Phrase.WITH_CONTOURS), SMALL, QUIET)
    at = _frame(page, second, drawn, MIP_WITH_CONTOURS)
    draw_contours(page.draw, at, drawn.saliency, ACCENT, COOL)


def _frame(page: Page, box: Box, drawn: _Projection, name: str) -> Box:
    """The projection as large as it fits, letters and ruler beside it; where it lies."""
    room = box.inset(_RIM)
    scale = min(room.width / drawn.size_mm[0], room.height / drawn.size_mm[1])
    width, height = round(drawn.size_mm[0] * scale), round(drawn.size_mm[1] * scale)
    at = Box(room.x + (room.width - width) // 2, room.y + (room.height - height) // 2, width, height)
    caption = Phrase.SUBTRACTION_MIP if name == MIP else Phrase.WITH_CONTOURS
    page.picture(at, drawn.picture, name, page.words(caption))
    left, right, top, bottom = AXIAL.letters
    x, y = at.middle
    page.text((at.x - 6, y), left, SMALL, bold=True, anchor="rm")
    page.text((at.right + 6, y), right, SMALL, bold=True, anchor="lm")
    page.text((x, at.y - 4), top, SMALL, bold=True, anchor="md")
    page.text((x, at.bottom + 4), bottom, SMALL, bold=True, anchor="ma")
    _ruler(page, at, scale)
    return at


def _ruler(page: Page, at: Box, pixels_per_mm: float) -> None:
    """Five centimetres below the right end of a picture."""
    y, start = at.bottom + 16, at.right - round(50 * pixels_per_mm)
    page.draw.line((start, y, at.right, y), fill=INK, width=3)
    for x in (start, at.right):
        page.draw.line((x, y - 5, x, y + 5), fill=INK, width=3)
    if start - 10 - page.width_of("5 cm", SMALL) > at.middle[0] + 20:  # clear of the letter in the middle
        page.text((start - 10, y), "5 cm", SMALL, QUIET, anchor="rm")
    else:
        page.text((at.right + 10, y), "5 cm", SMALL, QUIET, anchor="lm")


def why_no_place(unshown: Unshown | None, words: Wording) -> str:
    """Why no place is marked; of a result without a map, that it has none."""
    phrase = Phrase.UNSHOWN_NO_MAP if unshown is None else Phrase(f"unshown_{unshown.lower()}")
    return words(phrase, least=LEAST_LOG_ODDS_PER_ML)


def place_words(placed: PlacedSaliency | None, words: Wording) -> list[str]:
    """Where the score was raised most and what the lines mean, or why no place is marked; a sentence each."""
    if placed is None or placed.region is None:
        return [why_no_place(None if placed is None else placed.unshown, words)]
    return [_where(placed, placed.region, words), "; ".join(_keys(placed, words)), _about(placed, words)]


def _total(log_odds: float) -> str:
    """A sum of log odds with its sign, none where it rounds to zero."""
    return f"{log_odds:+.1f}" if abs(log_odds) >= 0.05 else "0.0"


def _about(placed: PlacedSaliency, words: Wording) -> str:
    """At which levels lines are drawn, and how the map was made."""
    levels = ", ".join(f"{level:g}" for level in LEVELS[:3])
    how = words(Phrase.MAP_MADE_BY, how=explanation_words(placed.saliency, words))
    return f"{words(Phrase.LEVELS, levels=levels, modality=placed.saliency.modality)} {how}"


def _where(placed: PlacedSaliency, region: Region, words: Wording) -> str:
    """Where to look in the viewer: side, series and image of the region's peak."""
    sides = {Side.LEFT: Phrase.LEFT_SIDE, Side.RIGHT: Phrase.RIGHT_SIDE, None: Phrase.SIDE_UNKNOWN}
    place = image_words(placed.images[region.peak[2]], placed.saliency.modality, words)
    return words(Phrase.PEAK, side=words(sides[region.side]), place=place)


def _legend_rows(page: Page, width: int, placed: PlacedSaliency, region: Region) -> int:
    """Lines that the legend takes."""
    said = (_where(placed, region, page.words), _about(placed, page.words))
    words = sum(page.lines_of(each, width) for each in said)
    return words + (1 if _keys_fit(page, width, placed) else 2)


def _keys(placed: PlacedSaliency, words: Wording) -> tuple[str, str]:
    raised, lowered = placed.totals
    return words(Phrase.RAISED, total=_total(raised)), words(Phrase.LOWERED, total=_total(lowered))


def _keys_fit(page: Page, width: int, placed: PlacedSaliency) -> bool:
    """Whether both keys have room beside each other."""
    return sum(_KEY + page.width_of(each, SMALL) for each in _keys(placed, page.words)) + _KEY_GAP <= width


def _legend(page: Page, box: Box, placed: PlacedSaliency, region: Region) -> None:
    """Where the peak lies, and what both kinds of line mean, with what they add up to."""
    y = page.paragraph(box, _where(placed, region, page.words), SMALL, INK)
    beside = _keys_fit(page, box.width, placed)
    x, middle = box.x, y + _ROW // 2
    for name, colour, dashed in zip(_keys(placed, page.words), (ACCENT, COOL), (False, True), strict=True):
        line = np.array([(x, middle), (x + _KEY - 10, middle)], dtype=float)
        for piece in dashes(line) if dashed else [line]:
            page.draw.line([(float(a), float(b)) for a, b in piece], fill=colour, width=4)
        page.text((x + _KEY, middle), name, SMALL, INK, anchor="lm")
        x, middle = (x + _KEY + page.width_of(name, SMALL) + _KEY_GAP, middle) if beside else (x, middle + _ROW)
    y += _ROW if beside else 2 * _ROW
    page.paragraph(Box(box.x, y, box.width, box.bottom - y), _about(placed, page.words), SMALL, QUIET)
