"""The pictures on the summary page: subtraction MIP with saliency, and cuts through its peak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mome_core.case import Case, Modality
from mome_core.volume import Dynamic, Volume
from sr_templates.dicom.evidence import Vector
from sr_templates.dicom.score_words import explanation_words
from sr_templates.drawing.colour import RAISED, RGB, SHOWN_SHARE, grey, painted, ramp, window_of
from sr_templates.drawing.page import BODY, INK, QUIET, SMALL, Box, Page
from sr_templates.drawing.planes import AXIAL, CORONAL, SAGITTAL, Upright, View, anatomy, cut, subtraction_mip
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import Box as IndexBox
from sr_templates.saliency.region import Region, Side, box_of, corners_mm

_FIELD_MM = 140.0
_SIDE_WORDS = {Side.LEFT: "left", Side.RIGHT: "right"}


def draw_projection(page: Page, box: Box, case: Case, placed: PlacedSaliency | None) -> None:
    """Subtraction MIP of both breasts with the saliency, and where that is highest; without DCE a note."""
    page.card(box)
    page.text((box.x + 18, box.y + 12), "Enhancement", BODY, bold=True)
    page.text((box.x + 166, box.y + 14), "axial subtraction MIP", SMALL, QUIET)
    if placed is not None and placed.region is not None:
        page.text((box.right - 18, box.y + 14), _where(placed, placed.region), SMALL, INK, anchor="ra")
    frame = Box(box.x + 18, box.y + 44, box.width - 36, box.height - 72)
    if placed is not None:
        page.text((box.x + 18, box.bottom - 8), f"Colour: {explanation_words(placed.saliency)}", 14, QUIET, anchor="lb")
    if case.dce is None or case.dce.phase_count < 2:
        page.text((frame.x + frame.width // 2, frame.y + frame.height // 2), "no DCE series", BODY, QUIET, anchor="mm")
        return
    picture, size_mm = _mip_picture(case.dce, placed)
    scale = min(frame.width / size_mm[0], frame.height / size_mm[1])
    width, height = round(size_mm[0] * scale), round(size_mm[1] * scale)
    at = Box(frame.x + (frame.width - width) // 2, frame.y + (frame.height - height) // 2, width, height)
    page.picture(at, picture)
    page.edge_letters(at, AXIAL.letters, size=20)
    _ruler(page, at.right - 24, at.bottom - 22, scale)
    if placed is not None and placed.region is not None:
        _legend(page, at.x + 20, at.bottom - 28, placed)


def _where(placed: PlacedSaliency, region: Region) -> str:
    """Where to look in the viewer: side, size, series and image of the region's peak."""
    source = placed.images[region.peak[2]]
    number = source.header.get("InstanceNumber") if source.frame is None else source.frame
    side = "side not determined" if region.side is None else f"{_SIDE_WORDS[region.side]} side"
    image = "" if number is None else f", image {number}"
    series = f"{placed.saliency.modality} series {source.header.get('SeriesNumber')}{image}"
    return f"Highest saliency: {side}, {region.volume_ml:.1f} ml, {series}"


def _mip_picture(dynamic: Dynamic, placed: PlacedSaliency | None) -> tuple[RGB, tuple[float, float]]:
    """The projection and its size in mm (width, height), cut to where the network looked."""
    upright = Upright.of(dynamic.affine)
    on_dce = placed if placed is not None and placed.saliency.modality is Modality.DCE else None
    box = _looked_at(on_dce, dynamic.voxels.shape[1:], upright.axes[0])
    mip = upright.seen_from_below(subtraction_mip(dynamic, box))
    picture = grey(mip, (0.0, max(float(np.percentile(mip, 99.8)), 1e-6)))
    if on_dce is not None:
        axis = upright.axes[2]
        within = tuple(edge for at, edge in enumerate(box) if at != axis)
        picture = painted(picture, upright.seen_from_below(on_dce.strongest_along(axis)[within]), on_dce.peak)
    height, width = mip.shape
    return picture, (width * dynamic.spacing_mm[upright.axes[0]], height * dynamic.spacing_mm[upright.axes[1]])


def _looked_at(placed: PlacedSaliency | None, shape: tuple[int, ...], across: int) -> IndexBox:
    """Where the network looked, if that spans at least half of the field from side to side; else the whole field."""
    columns, rows, slices = shape
    whole = (slice(0, columns), slice(0, rows), slice(0, slices))
    box = None if placed is None else box_of(placed.saliency.volume.voxels)
    if box is None or 2 * (box[across].stop - box[across].start) < shape[across]:
        return whole
    return box


def _ruler(page: Page, right: int, y: int, pixels_per_mm: float) -> None:
    length = round(50 * pixels_per_mm)
    page.draw.line((right - length, y, right, y), fill=INK, width=3)
    page.text((right - length // 2, y - 6), "5 cm", 14, INK, anchor="mb")


def _legend(page: Page, x: int, y: int, placed: PlacedSaliency) -> None:
    """What the colour means."""
    strip = ramp(np.linspace(SHOWN_SHARE, 1, 120), RAISED)[None].astype(np.uint8)
    page.picture(Box(x, y, 120, 10), strip)
    page.text(
        (x + 130, y + 5), f"increased the score ({placed.saliency.modality} saliency)", 14, anchor="lm", outlined=True
    )


@dataclass(frozen=True, slots=True, eq=False)
class _MprPanel:
    """One cut of one modality; volume is None when the study lacks it."""

    title: str
    modality: Modality
    view: View
    volume: Volume | None


def draw_cuts(page: Page, box: Box, case: Case, placed: PlacedSaliency | None) -> None:
    """Three planes of the DCE, and axial T2 and DWI, through the same point at the same scale."""
    dwi = "DWI" if case.dwi_b_value is None else f"DWI b {case.dwi_b_value:.0f}"
    panels = (
        _MprPanel("DCE axial", Modality.DCE, AXIAL, anatomy(case, Modality.DCE)),
        _MprPanel("DCE sagittal", Modality.DCE, SAGITTAL, anatomy(case, Modality.DCE)),
        _MprPanel("DCE coronal", Modality.DCE, CORONAL, anatomy(case, Modality.DCE)),
        _MprPanel("T2 axial", Modality.T2, AXIAL, case.t2),
        _MprPanel(f"{dwi} axial", Modality.DWI, AXIAL, case.dwi),
    )
    size = (box.width - 4 * 18) // 5
    for column, panel in enumerate(panels):
        at = Box(box.x + column * (size + 18), box.y + 28, size, size)
        page.text((at.x, box.y), panel.title, SMALL, bold=True)
        if panel.volume is None:
            page.card(at)
            page.text((at.x + size // 2, at.y + size // 2), "not available", SMALL, QUIET, anchor="mm")
        else:
            _panel(page, at, panel, panel.volume, placed)


def _panel(page: Page, box: Box, panel: _MprPanel, volume: Volume, placed: PlacedSaliency | None) -> None:
    """The cut through the peak of the saliency, with an open cross around it."""
    region = None if placed is None else placed.region
    low, high = corners_mm(volume)
    point = (low + high) / 2 if region is None else region.peak_mm
    centre = _inside(point, panel.view, low, high)
    plane = cut(volume, panel.view, centre, _FIELD_MM, box.width)
    picture = grey(plane, window_of(plane))
    if placed is not None and placed.smoothed is not None and placed.saliency.modality is panel.modality:
        picture = painted(picture, cut(placed.smoothed, panel.view, centre, _FIELD_MM, box.width), placed.peak)
    page.picture(box, picture)
    page.edge_letters(box, panel.view.letters)
    if region is not None:
        scale = box.width / _FIELD_MM
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
            first, last = low[axis] + _FIELD_MM / 2, high[axis] - _FIELD_MM / 2
            moved[axis] = np.clip(point_mm[axis], first, last) if first <= last else (first + last) / 2
    return moved
