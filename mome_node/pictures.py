"""Quick pictures of a case and of its saliency maps, for a notebook or a file; nothing in them names the patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from mome_core.case import Case, Modality
from mome_core.results import Endpoint, Result, Saliency, Score
from mome_core.volume import Volume, voxel_ml_of
from sr_templates.dicom.evidence import Vector
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ACCENT, COOL, QUIET, RGB, grey, window_of
from sr_templates.drawing.page import HEADING, LINE, SMALL, Page
from sr_templates.drawing.planes import AXIAL, CORONAL, SAGITTAL, View, anatomy, cut
from sr_templates.drawing.projection import projection_of
from sr_templates.saliency.region import corners_mm, smooth

Point = tuple[float, float, float]
_MARGIN, _GAP, _CELL = 24, 12, 300  # pixels
_ROW = round(SMALL * LINE)
_CLOSE_FIELD_MM = 160.0
_LEAST_SHARE, _MOST_OPAQUE = 0.1, 0.85  # of the strongest attribution that is coloured at all; of its colour


# --- a case


def case_picture(case: Case, at_mm: Point | None) -> Image:
    """Axial cuts of every volume and the subtraction MIP, side by side, the patient's right on the left.

    Parameters
    ----------
    at_mm
        LPS point of the cuts; None for the middle of the DCE, or of the first volume that is there.
    """
    first = next(filter(None, (anatomy(case, each) for each in Modality)), None)
    if first is None:
        raise ValueError("the case has no volume to show")
    point = np.array(at_mm) if at_mm is not None else np.mean(corners_mm(first), axis=0)
    shown = list(_panels(case, point))
    page = Page.blank(2 * _MARGIN + len(shown) * (_CELL + _GAP) - _GAP, 2 * _MARGIN + 2 * _ROW + _CELL)
    for column, (name, detail, picture) in enumerate(shown):
        x = _MARGIN + column * (_CELL + _GAP)
        page.text((x, _MARGIN), name, SMALL, bold=True)
        page.text((x, _MARGIN + _ROW), detail, SMALL, QUIET)
        _place(page, Box(x, _MARGIN + 2 * _ROW, _CELL, _CELL), picture, name)
    return page.image


def _panels(case: Case, point: Vector) -> Iterator[tuple[str, str, RGB]]:
    """Name, detail and picture of each volume."""
    if case.dce is not None:
        window = window_of(case.dce.voxels[-1])
        for phase, name in zip(range(case.dce.phase_count), ("DCE, pre-contrast", "DCE, post-contrast"), strict=False):
            seconds = f", {case.dce.times_s[phase]:+.0f} s" if case.dce.times_s else ""
            detail = f"phase {phase + 1} of {case.dce.phase_count}{seconds}"
            yield name, detail, grey(_axial(case.dce.phase(phase), point), window)
        if case.dce.phase_count > 1:
            yield "Subtraction MIP", "phase 2 - phase 1", projection_of(case.dce, None, None).picture
    for modality, volume in ((Modality.DWI, case.dwi), (Modality.T2, case.t2)):
        if volume is not None:
            b_value = f"b {case.dwi_b_value:.0f} s/mm\u00b2" if volume is case.dwi else ""
            yield str(modality), b_value, grey(_axial(volume, point), window_of(volume.voxels))


def _axial(volume: Volume, point: Vector) -> NDArray[np.float32]:
    """The whole axial plane through a point."""
    return cut(volume, AXIAL, *_whole(volume, AXIAL, point), _CELL)


# --- saliency maps


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """One saliency map as it is drawn.

    Parameters
    ----------
    anatomy
        The volume that it lies on.
    per_ml
        Blurred by 2 mm as in every picture of ours, log odds per ml; None where the map is zero everywhere.
    """

    saliency: Saliency
    anatomy: Volume
    per_ml: Volume | None

    @property
    def strongest(self) -> float:
        """Largest magnitude, log odds per ml."""
        return 0.0 if self.per_ml is None else float(np.abs(self.per_ml.voxels).max())

    @property
    def peak_mm(self) -> Vector:
        """LPS point where the score was raised most, else lowered most, else the middle of the volume."""
        if self.per_ml is None:
            return np.asarray(np.mean(corners_mm(self.anatomy), axis=0))
        voxels = self.per_ml.voxels
        at = voxels.argmax() if voxels.max() > 0 else voxels.argmin()
        index = np.array([*np.unravel_index(at, voxels.shape), 1], dtype=float)
        return np.asarray((self.per_ml.affine @ index)[:3])


def saliency_picture(case: Case, result: Result, endpoint: Endpoint | str) -> Image:
    """The maps of one endpoint, a row for each modality: clean, and coloured in three planes through the place where it
    raised the score most.

    Every map has the same colours, so that little looks like little: orange raised the score, blue lowered it.

    Raises ValueError where there is no map of the endpoint.
    """
    maps = [_map_of(each, case) for each in _wanted(result, endpoint)]
    score = next(each for each in result.scores if each.endpoint is maps[0].saliency.endpoint)
    full = max(each.strongest for each in maps) or 1.0
    head = _ROW + round(HEADING * LINE) + _GAP
    row_height = _ROW + _CELL + _GAP
    page = Page.blank(2 * _MARGIN + 4 * _CELL + 3 * _GAP, 2 * _MARGIN + head + len(maps) * row_height)
    _draw_head(page, score, maps[0].saliency, full)
    for number, each in enumerate(maps):
        _draw_row(page, _MARGIN + head + number * row_height, each, score, full)
    return page.image


def _wanted(result: Result, endpoint: Endpoint | str) -> Sequence[Saliency]:
    """The maps of an endpoint, or of the first one that has some."""
    if result.withheld:
        raise ValueError(f"there is no saliency map: {result.withheld}")
    maps = [each for each in result.saliency if str(each.endpoint) == endpoint or not endpoint]
    if not maps:
        offered = ", ".join(dict.fromkeys(str(each.endpoint) for each in result.saliency)) or "none was computed"
        raise ValueError(f"there is no saliency map of {endpoint or 'any endpoint'}; there is: {offered}")
    return [each for each in maps if each.endpoint is maps[0].endpoint]


def _map_of(saliency: Saliency, case: Case) -> _Map:
    """The map with its anatomy."""
    volume, smoothed = anatomy(case, saliency.modality), smooth(saliency.volume)
    if volume is None:
        raise ValueError(f"the case has no {saliency.modality}, of which the result has a map")
    if smoothed is None:
        return _Map(saliency, volume, None)
    voxels = smoothed.voxels / np.float32(voxel_ml_of(smoothed.affine))
    return _Map(saliency, volume, Volume(voxels, smoothed.affine, smoothed.frame_of_reference_uid))


def _draw_head(page: Page, score: Score, saliency: Saliency, full: float) -> None:
    """What the picture shows, and the key of its colours."""
    title = f"Saliency: {score.endpoint.words}, probability {score.probability:.2f}"
    page.text((_MARGIN, _MARGIN), title, HEADING, bold=True)
    bar = Box(page.image.width - _MARGIN - _CELL, _MARGIN + 4, _CELL, _ROW - 6)
    ramp = np.tile(np.linspace(-full, full, bar.width, dtype=np.float32), (bar.height, 1))
    page.picture(bar, _coloured(np.full((*ramp.shape, 3), 40, dtype=np.uint8), ramp, full), "key")
    y = _MARGIN + round(HEADING * LINE)
    page.text((bar.x, y), f"-{full:.2g} lowered", SMALL, COOL)
    page.text((bar.right, y), f"raised +{full:.2g}", SMALL, ACCENT, anchor="ra")
    model = f"{score.model.name} {score.model.version}"
    told = f"{saliency.method}; log odds per ml; cuts at the peak; {model}; research use only"
    page.text((_MARGIN, y), told, SMALL, QUIET)


def _draw_row(page: Page, y: int, shown: _Map, score: Score, full: float) -> None:
    """One modality: the axial plane clean and coloured, and close sagittal and coronal ones."""
    modality, point = shown.saliency.modality, shown.peak_mm
    share = [each.value for each in score.contributions if each.modality is modality]
    said = f"{modality}: " + (f"contribution {share[0]:+.2f}" if share else "axial")
    planes = ((AXIAL, said, None), (AXIAL, "axial", full), (SAGITTAL, "sagittal", full), (CORONAL, "coronal", full))
    for column, (view, name, scale) in enumerate(planes):
        x = _MARGIN + column * (_CELL + _GAP)
        close = f", {_CLOSE_FIELD_MM / 10:.0f} cm across" if view is not AXIAL else ""
        page.text((x, y), f"{name}{close}", SMALL, bold=column == 0)
        where = _whole(shown.anatomy, view, point) if view is AXIAL else (point, _CLOSE_FIELD_MM)
        picture = grey(cut(shown.anatomy, view, *where, _CELL), window_of(shown.anatomy.voxels))
        if scale is not None and shown.per_ml is not None:
            picture = _coloured(picture, cut(shown.per_ml, view, *where, _CELL), scale)
        box = Box(x, y + _ROW, _CELL, _CELL)
        page.picture(box, picture, f"{modality} {name}")
        page.edge_letters(box, view.letters)


def _coloured(picture: RGB, per_ml: NDArray[np.float32], full: float) -> RGB:
    """A grey picture (rows, columns, 3) under the colours of a plane (rows, columns); `full` has the full colour."""
    share = np.clip(np.abs(per_ml) / full, 0, 1)
    opacity = np.where(share < _LEAST_SHARE, 0, np.sqrt(share) * _MOST_OPAQUE)[..., None]
    colour = np.where((per_ml > 0)[..., None], np.array(ACCENT), np.array(COOL))
    return np.asarray((1 - opacity) * picture + opacity * colour, dtype=np.uint8)


# --- for both


def _whole(volume: Volume, view: View, point: Vector) -> tuple[Vector, float]:
    """Centre and field, mm, of the square that holds the whole plane of a view through a point."""
    low, high = corners_mm(volume)
    in_plane = np.abs(view.right) + np.abs(view.down) > 0
    return np.where(in_plane, (low + high) / 2, point), float((high - low)[in_plane].max())


def _place(page: Page, box: Box, picture: RGB, name: str) -> None:
    """A picture in the middle of a square box, not distorted, with the letters of an axial plane."""
    rows, columns = picture.shape[:2]
    scale = min(box.width / columns, box.height / rows)
    width, height = round(columns * scale), round(rows * scale)
    at = Box(box.x + (box.width - width) // 2, box.y + (box.height - height) // 2, width, height)
    page.picture(at, picture, name)
    page.edge_letters(at, AXIAL.letters)
