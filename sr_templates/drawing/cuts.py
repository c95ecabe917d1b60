"""Cuts on the summary page: through the place that is shown, or through the most anterior points of the breasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mome_core.case import Case, Modality
from mome_core.results import AnalyzedBreasts, Laterality, Result
from mome_core.volume import Volume
from sr_templates.dicom.evidence import Evidence, SourceImage, Vector
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ACCENT, COOL, INK, QUIET, grey, window_of
from sr_templates.drawing.contours import draw_contours
from sr_templates.drawing.page import LINE, SMALL, Page
from sr_templates.drawing.planes import AXIAL, CORONAL, SAGITTAL, View, anatomy, cut
from sr_templates.languages.phrase import Phrase
from sr_templates.saliency.placed import PlacedSaliency, off_plane_mm
from sr_templates.saliency.region import corners_mm

_FIELD_MM = 140.0
_WIDEST_FIELD_MM = 360.0
_ROW = round(SMALL * LINE)
_SAME_PLANE_COSINE = 0.9  # of the normals of a cut and of the acquired slices
_CAPTION_ROWS = 3
_GAP = 12  # pixels between cuts, at least


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """One cut of one modality through a point; volume is None when it was not read."""

    title: Phrase
    modality: Modality
    view: View
    volume: Volume | None
    point_mm: Vector
    field_mm: float

    @property
    def name(self) -> str:
        """Of its picture on the page."""
        return f"{self.title} {self.modality}"

    @property
    def centre_mm(self) -> Vector:
        """Middle of the picture: the point, moved in the plane so that the field of view lies in the volume."""
        if self.volume is None:
            return self.point_mm
        return _inside(self.point_mm, self.view, *corners_mm(self.volume), self.field_mm)


def draw_cuts(page: Page, box: Box, evidence: Evidence, result: Result, placed: PlacedSaliency | None) -> None:
    """Five cuts of a row: DCE in three planes or on both sides, axial T2 and DWI; each with the images it came from."""
    case = evidence.case or Case()
    region = None if placed is None else placed.region
    cuts = _standard_cuts(case, result.breasts) if region is None else _cuts_through(case, region.peak_mm)
    size = min((box.width - (len(cuts) - 1) * _GAP) // len(cuts), box.height - _CAPTION_ROWS * _ROW - 4)
    gap = (box.width - len(cuts) * size) // (len(cuts) - 1)
    for column, each in enumerate(cuts):
        x = box.x + column * (size + gap)
        at = Box(x, box.y + _CAPTION_ROWS * _ROW + 4, size, size)
        page.text((x, box.y), page.words(each.title, modality=each.modality), SMALL, bold=True)
        if each.volume is None or not _reaches(each.volume, each.point_mm if region is not None else each.centre_mm):
            page.card(at)
            inner = at.inset(8)
            page.paragraph(inner.below(inner.height // 2 - _ROW), page.words(_why_empty(each, case)), SMALL, QUIET)
            continue
        said = _caption(page, each, evidence)
        for row, words in enumerate(said, start=1):
            page.text((x, box.y + row * _ROW), words, SMALL, QUIET)
        title = page.words(each.title, modality=each.modality)
        _draw_cut(page, at, each, each.volume, placed)
        page.captions[each.name] = ", ".join(words for words in (title, *said) if words)


def _reaches(volume: Volume, point_mm: Vector) -> bool:
    """Whether a point lies in the volume, or not more than one voxel (of its slices: their spacing) outside."""
    index = (np.linalg.inv(volume.affine) @ (*point_mm, 1.0))[:3]
    return bool(np.all((index >= -1) & (index <= volume.voxels.shape)))


def _why_empty(wanted: _Cut, case: Case) -> Phrase:
    if wanted.volume is not None:
        return Phrase.OUT_OF_REACH
    return Phrase.NOT_USABLE if wanted.modality in case.unusable else Phrase.ABSENT


def _cuts_through(case: Case, point_mm: Vector) -> tuple[_Cut, ...]:
    """Three planes of the DCE, and axial T2 and DWI, through the same point at the same scale."""
    dce = anatomy(case, Modality.DCE)
    planes = (
        (Phrase.AXIAL, Modality.DCE, AXIAL, dce),
        (Phrase.SAGITTAL, Modality.DCE, SAGITTAL, dce),
        (Phrase.CORONAL, Modality.DCE, CORONAL, dce),
        (Phrase.AXIAL, Modality.T2, AXIAL, case.t2),
        (Phrase.AXIAL, Modality.DWI, AXIAL, case.dwi),
    )
    return tuple(_Cut(*plane, point_mm, _FIELD_MM) for plane in planes)


def _standard_cuts(case: Case, breasts: AnalyzedBreasts | None) -> tuple[_Cut, ...]:
    """Cuts that mark nothing: axial of the whole field, sagittal through each breast, coronal where there is one."""
    dce = anatomy(case, Modality.DCE)
    tips = _tips(breasts, (dce or case.t2 or case.dwi))
    middle = np.mean(list(tips.values()), axis=0)
    cuts = [_Cut(Phrase.AXIAL, Modality.DCE, AXIAL, dce, middle, _width_of(dce))]
    for laterality, title in ((Laterality.RIGHT, Phrase.SAGITTAL_RIGHT), (Laterality.LEFT, Phrase.SAGITTAL_LEFT)):
        if laterality in tips:
            cuts.append(_Cut(title, Modality.DCE, SAGITTAL, dce, tips[laterality], 1.4 * _FIELD_MM))
    if len(cuts) < 3:
        cuts += [_Cut(Phrase.SAGITTAL, Modality.DCE, SAGITTAL, dce, middle, 1.4 * _FIELD_MM)] * (2 - len(cuts))
        cuts.append(_Cut(Phrase.CORONAL, Modality.DCE, CORONAL, dce, middle, _width_of(dce)))
    for modality, volume in ((Modality.T2, case.t2), (Modality.DWI, case.dwi)):
        cuts.append(_Cut(Phrase.AXIAL, modality, AXIAL, volume, middle, _width_of(volume)))
    return tuple(cuts)


def _tips(breasts: AnalyzedBreasts | None, volume: Volume | None) -> dict[Laterality, Vector]:
    """A point 25 mm behind the most anterior point of each breast; without breasts the middle of the volume."""
    if breasts is None:
        low, high = (np.zeros(3), np.zeros(3)) if volume is None else corners_mm(volume)
        return {Laterality.BOTH: (low + high) / 2}
    index = np.argwhere(breasts.share.voxels > 0.5)
    points = index @ breasts.share.affine[:3, :3].T + breasts.share.affine[:3, 3]
    if breasts.laterality is not Laterality.BOTH:
        return {breasts.laterality: _tip(points)}
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    left = points[:, 0] > middle
    return {Laterality.RIGHT: _tip(points[~left]), Laterality.LEFT: _tip(points[left])}


def _tip(points: Vector) -> Vector:
    foremost = points[points[:, 1] <= points[:, 1].min() + 3.0].mean(axis=0)
    return np.asarray(foremost + np.array([0.0, 25.0, 0.0]))


def _width_of(volume: Volume | None) -> float:
    """The field from side to side, mm."""
    if volume is None:
        return _FIELD_MM
    low, high = corners_mm(volume)
    return float(min(max(high[0] - low[0], _FIELD_MM), _WIDEST_FIELD_MM))


def _draw_cut(page: Page, box: Box, wanted: _Cut, volume: Volume, placed: PlacedSaliency | None) -> None:
    """The cut, with contours where it shows the sequence that was explained, and an open cross around the peak."""
    centre = wanted.centre_mm
    plane = cut(volume, wanted.view, centre, wanted.field_mm, box.width)
    page.picture(box, grey(plane, window_of(volume.voxels)), wanted.name)
    if placed is not None and placed.region is not None:
        if placed.shown is not None and placed.saliency.modality is wanted.modality:
            shown = cut(placed.shown, wanted.view, centre, wanted.field_mm, box.width)
            draw_contours(page.draw, box, shown, ACCENT, COOL)
        if placed.saliency.modality is wanted.modality or _same_frame(placed.saliency.volume, volume):
            _open_cross(page, box, (placed.region.peak_mm - centre) * box.width / wanted.field_mm, wanted.view)
    page.edge_letters(box, wanted.view.letters)


def _same_frame(one: Volume, other: Volume) -> bool:
    """Whether both state the same Frame of Reference UID, so that a point of one is a place in the other."""
    return bool(one.frame_of_reference_uid) and one.frame_of_reference_uid == other.frame_of_reference_uid


def _open_cross(page: Page, box: Box, off: Vector, view: View) -> None:
    """Four strokes around a point so many pixels from the middle; open: it must not cover what it marks."""
    x = box.x + box.width // 2 + round(float(off @ view.right))
    y = box.y + box.width // 2 + round(float(off @ view.down))
    for colour, width in (((0, 0, 0), 6), (INK, 2)):
        for step_x, step_y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            ends = (x + 34 * step_x, y + 34 * step_y, x + 48 * step_x, y + 48 * step_y)
            page.draw.line(ends, fill=colour, width=width)


def _inside(point_mm: Vector, view: View, low: Vector, high: Vector, field_mm: float) -> Vector:
    """The point moved within the picture's plane until the field of view lies in the volume, where it fits."""
    moved = point_mm.copy()
    for axis in range(3):
        if view.right[axis] or view.down[axis]:
            first, last = low[axis] + field_mm / 2, high[axis] - field_mm / 2
            moved[axis] = np.clip(point_mm[axis], first, last) if first <= last else (first + last) / 2
    return moved


def _caption(page: Page, wanted: _Cut, evidence: Evidence) -> Sequence[str]:
    """Series and image of the cut (of a reformatted one the series), and phase with time or b-value."""
    images, tiled = evidence.images(wanted.modality), evidence.is_tiled(wanted.modality)
    if tiled:
        images = images[:1]  # such an image states no place of its own
    nearest = images if len(images) < 2 else (min(images, key=lambda each: off_plane_mm(wanted.point_mm, each)),)
    said = _series_of(page, nearest[0], wanted.view, tiled=tiled) if nearest else ""
    case = evidence.case or Case()
    return said, _moment(page, wanted.modality, case, evidence.reference_phase)


def _series_of(page: Page, source: SourceImage, view: View, *, tiled: bool) -> str:
    """Series and image, without the numbers that the source does not state."""
    series, image = source.series_number, "" if tiled else source.number
    normal = np.cross(source.orientation[:3], source.orientation[3:])
    if abs(float(normal @ np.cross(view.right, view.down))) < _SAME_PLANE_COSINE:
        return page.words(Phrase.REFORMATTED if series else Phrase.REFORMATTED_ONLY, series=series)
    if series:
        return page.words(Phrase.SHORT_SERIES_IMAGE if image else Phrase.SHORT_SERIES, series=series, image=image)
    return page.words(Phrase.SHORT_IMAGE, image=image) if image else ""


def _moment(page: Page, modality: Modality, case: Case, phase: int) -> str:
    """Which phase of the DCE, and how long after the first one; of the DWI the b-value."""
    if modality is Modality.DWI and case.dwi_b_value is not None:
        return page.words(Phrase.B_VALUE, value=f"{case.dwi_b_value:.0f}")
    if modality is not Modality.DCE or case.dce is None:
        return ""
    times = case.dce.times_s
    phrase = Phrase.PHASE_TIME if times else Phrase.PHASE_ONLY
    seconds = f"{times[phase] - times[0]:.0f}" if times else ""
    return page.words(phrase, phase=phase + 1, phases=case.dce.phase_count, seconds=seconds)
